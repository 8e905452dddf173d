"""The examples of a task in slices: one set of responses for each word of a column."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lesion.analysis.responses import Responses
from lesion.errors import LesionError
from lesion.schema import did_you_mean
from lesion.tasks.metrics import METRICS, Metric

Array = np.ndarray

LABEL = "label"  # a column of every task with classes, if it has none of that name
LEAST = 2  # examples of a slice


def slices(responses: Sequence[Responses], column: str) -> list[Responses]:
    """Every response in slices, whose tasks are named `task, column word`.

    Clusters and strata are sliced too. Tasks without the column are left out.

    Raises:
        LesionError: if no task has the column.
    """
    known = dict.fromkeys(name for r in responses for name in columns_of(r))
    if column not in known:
        raise LesionError(
            f"compare.by: must be one of {', '.join(known) or '(no task has columns)'}. Got "
            f"{column!r}.{did_you_mean(column, known)}"
        )
    return [
        _slice(r, column, word, np.flatnonzero(words == word))
        for r in responses
        if column in columns_of(r)
        for words in [np.array(columns_of(r)[column])]
        for word in dict.fromkeys(words.tolist())
        if (words == word).sum() >= LEAST
    ]


def columns_of(r: Responses) -> dict[str, tuple[str, ...]]:
    """The columns by which examples can be sliced: a word for each example."""
    columns = dict(r.columns)
    if LABEL not in columns and r.classes:
        columns[LABEL] = tuple(
            r.classes[k] if 0 <= k < len(r.classes) else str(k) for k in r.labels.tolist()
        )
    return columns


def sliced_name(task: str, column: str, word: str) -> str:
    """What a slice of a task is called; examples of slices are resampled independently."""
    return f"{task}, {column} {word}"


def _slice(r: Responses, column: str, word: str, rows: Array) -> Responses:
    labels = r.labels[rows]
    made = r._replace(
        task=sliced_name(r.task, column, word),
        outputs=r.outputs[:, :, :, rows],
        labels=labels,
        clusters=_renumbered(r.clusters, rows),
        strata=_renumbered(r.strata, rows),
        columns={name: tuple(words[i] for i in rows) for name, words in r.columns.items()},
    )
    return _of_one_class(made) if r.kind == "classify" and len(set(labels.tolist())) == 1 else made


def _renumbered(numbers: Array | None, rows: Array) -> Array | None:
    """Numbers of clusters or strata of some rows, from 0 without gaps."""
    return None if numbers is None else np.unique(numbers[rows], return_inverse=True)[1]


def _of_one_class(r: Responses) -> Responses:
    """A slice of one class is scored by its recall, against that of a guess: 1 of K classes.

    The best constant answer of the slice would be the class itself, which nothing can beat.
    """
    recall = recall_of(r.outputs.shape[-1])
    return r._replace(metrics=(recall.word,), own_metrics=(recall,))


def recall_of(classes: int) -> Metric:
    """The share of a class's examples that are answered with it."""

    def guess(prior: Array, _: Array) -> Array:
        return np.full(len(prior), 1 / classes)

    doc = "share of the examples of one class that are right; chance: a guess"
    return replace(METRICS["accuracy"], word="recall", label="recall", doc=doc, chance=guess)

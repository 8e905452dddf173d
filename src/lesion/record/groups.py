"""Which examples of a run belong together: the columns of its record, or of the tasks themselves.

Records of earlier versions hold no columns. Those of a task are then taken from the task, where it
is at hand and its examples are those that were scored.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.record.scored import scored_task
from lesion.tasks.columns import Columns, Grouping, chosen, columns_of, label_column, no_column
from lesion.tasks.load import usual_grouping
from lesion.tasks.spec import TaskSpec


class Groups(NamedTuple):
    """How the examples of a task are resampled, and the columns that there are.

    Attributes:
        clusters: int64 (examples,), numbered as they first appear; None: each example is its own.
        strata: the same; None: all examples are of one.
        columns: name -> a word for each example.
    """

    clusters: np.ndarray | None
    strata: np.ndarray | None
    columns: Columns


def groups(
    record: Record, spec: TaskSpec, note: Callable[[str], None] = lambda sentence: None
) -> Groups:
    """The groups of a task of which a trial is finished.

    Args:
        spec: the task as the study has it now; its columns may be others than when the run began.
        note: called with a sentence for a column that is not at hand, and for one that is the same
            word for all examples.
    """
    stored = record.columns(spec.name)
    usual = stored.grouping if stored else usual_grouping(spec)
    grouping = chosen(spec.cluster, spec.strata, usual)
    there = dict(stored.columns) if stored else {}
    about = record.task(spec.name)
    assert about is not None, "a task is recorded before its first trial"
    there = label_column(about["classes"], about["labels"]) | there
    wanted = [name for name in (*grouping, *spec.parameters.kept) if name and name not in there]
    if wanted:
        there |= _of_task(record, spec, wanted, grouping, note)
    clusters = _codes(there, grouping.cluster)
    if clusters is not None and not clusters.any():
        note(
            f"{spec.name}: all examples have the same {grouping.cluster}, so that clusters cannot "
            "be resampled. They count as independent."
        )
        clusters = None
    if clusters is not None and clusters.max() == len(clusters) - 1:
        clusters = None  # each example is its own
    return Groups(clusters, _codes(there, grouping.strata), there)


def _of_task(
    record: Record,
    spec: TaskSpec,
    wanted: list[str],
    grouping: Grouping,
    note: Callable[[str], None],
) -> Columns:
    """All columns of the task itself; none and a note where they are not at hand."""
    try:
        there = columns_of(scored_task(record, spec))
    except LesionError as error:
        names = ", ".join(wanted)
        effect = " Its examples count as independent." if grouping.cluster in wanted else ""
        note(f"{spec.name}: {names}: not in the record, nor at hand.{effect} {error}")
        return {}
    for name in spec.parameters.named:  # a default column need not be there
        if name not in there:
            note(f"{no_column(spec.name, name, there)}")
    return there


def _codes(there: Columns, name: str | None) -> np.ndarray | None:
    """The words of a column as numbers, in the order in which they first appear."""
    if name is None or name not in there:
        return None
    index = {word: number for number, word in enumerate(dict.fromkeys(there[name]))}
    return np.array([index[word] for word in there[name]], dtype=np.int64)

"""Examples that are in Python already: a pandas frame, a list of dicts or a `datasets.Dataset`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lesion.errors import LesionError
from lesion.schema.errors import shortened
from lesion.schema.fields import python
from lesion.tasks.columns import PARADIGM
from lesion.tasks.examples import InMemory, InMemoryPairs, PairSet, Split
from lesion.tasks.sources.files import classes_of, indices_of, labels_of, texts_of
from lesion.tasks.sources.tables import Table, complete, words_of

ORIGIN = "from Python"


def labelled_frames(
    name: str,
    frames: Mapping[str, Any],
    text: Sequence[str],
    label: str | None,
    drop: bool = False,
    columns: Sequence[str] = (),
) -> InMemory:
    """Labelled texts to evaluate on and, maybe, to train on.

    Args:
        name: the task's, for messages.
        frames: by split, see `table_of`; "dev" is evaluated. The labels of the first are the
            classes.
        text: one or two columns that hold the text.
        label: the column that holds the label.
        drop: leave out rows that lack a value, instead of refusing them.
        columns: further columns of "dev".

    Raises:
        LesionError: for a column that is not there, a row that lacks a value, or a single label.
    """
    if len(text) not in (1, 2):
        raise LesionError(f"Task {name!r}: text must name one or two columns. Got {list(text)}.")
    if not label:
        raise LesionError(f"Task {name!r}: label must name the column of the labels.")
    tables = {
        split: complete(table_of(name, rows), (*text, label), drop)
        for split, rows in frames.items()
    }
    labels = {split: labels_of(table, label) for split, table in tables.items()}
    first = next(iter(tables))
    classes = classes_of(tables[first], label, labels[first])
    splits = {
        split: Split(
            texts_of(table, text),
            indices_of(table, labels[split], classes, f"its {first} examples"),
            f"{name}/{split}, {ORIGIN}",
            columns=words_of(table, columns if split == "dev" else ()),
        )
        for split, table in tables.items()
    }
    return InMemory(splits, classes, "dev")


def pairs_frame(
    name: str,
    frame: Any,
    label: str | None = None,
    drop: bool = False,
    columns: Sequence[str] = (),
) -> InMemoryPairs:
    """Minimal pairs of a frame with the columns good and bad.

    Args:
        name: the task's, for messages.
        frame: see `table_of`.
        label: the column of the paradigm; None: one paradigm.
        drop: leave out rows that lack a value, instead of refusing them.
        columns: further columns.

    Raises:
        LesionError: for a column that is not there, a row that lacks a value, or a pair of two
            equal sentences.
    """
    needed = ("good", "bad", label) if label else ("good", "bad")
    table = complete(table_of(name, frame), needed, drop)
    good, bad = texts_of(table, ("good", "bad"))
    for row, (left, right) in enumerate(zip(good, bad, strict=True)):
        if left == right:
            raise LesionError(f"{table.at(row)}: both sentences are the same: {shortened(left)}.")
    paradigms = texts_of(table, [label])[0] if label else ("",) * len(good)
    names = sorted(set(paradigms))
    numbers = np.array([names.index(paradigm) for paradigm in paradigms], dtype=np.int64)
    classes = tuple(names) if label else ()
    words = ({PARADIGM: paradigms} if label else {}) | words_of(table, columns)
    pairs = PairSet(good, bad, numbers, classes, f"{name}, {ORIGIN}", columns=words)
    return InMemoryPairs(pairs)


def table_of(name: str, frame: Any) -> Table:
    """The columns of a frame, with rows counted from 0 as Python does.

    Args:
        name: the task's, for messages.
        frame: a pandas frame, a `datasets.Dataset` (anything with column names and columns), a
            mapping of columns, or a list of mappings with one row each.

    Raises:
        LesionError: for anything else, and for a frame without rows.
    """
    columns = _columns(frame)
    if columns is None:
        raise LesionError(
            f"Task {name!r}: needs a pandas frame, a datasets.Dataset or a list of dicts. "
            f"Got {shortened(frame)}."
        )
    rows = len(next(iter(columns.values()), []))
    if not rows:
        raise LesionError(f"Task {name!r}: has no examples. Give at least one row.")
    return Table(Path(f"Task {name!r}"), columns, list(range(rows)), unit="row")


def _columns(frame: Any) -> dict[str, Sequence[Any]] | None:
    """Column name -> its values; None for what is no frame."""
    names = getattr(frame, "column_names", getattr(frame, "columns", None))
    if isinstance(frame, Mapping):
        names = frame
    if names is not None:
        return {str(name): _values(frame[name], frame, name) for name in names}
    if isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame):
        keys = dict.fromkeys(str(key) for row in frame for key in row)
        return {key: [_cell(row.get(key)) for row in frame] for key in keys}
    return None


def _values(column: Any, frame: Any, name: Any) -> list[Any]:
    """Values of a column; class labels of `datasets` by their names."""
    features = getattr(frame, "features", None)
    names = getattr(features[name], "names", None) if features else None
    values = [_cell(value) for value in column]
    return [_named(value, names) for value in values] if names else values


def _cell(value: Any) -> Any:
    """A value as Python's; None for the missing values of pandas."""
    return None if type(value).__name__ in ("NAType", "NaTType") else python(value)


def _named(value: Any, names: Sequence[str]) -> Any:
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None

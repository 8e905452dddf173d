"""Labelled files: TSV, CSV, JSON Lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lesion.errors import LesionError
from lesion.schema.errors import did_you_mean, shortened
from lesion.tasks.examples import Split
from lesion.tasks.sources.tables import Table, complete, left_out, read_table, words_of


@dataclass(frozen=True)
class LabelledFiles:
    """Splits of a task in labelled files.

    Attributes:
        name: the task's name in the study.
        paths: file of each split that is given ("train", "dev", "test").
        text: one or two columns that hold the text.
        label: the column that holds the label.
        default: the split that is evaluated; "": dev if it is given, otherwise test.
        missing: "refuse" rows without a text or label, or "drop" them.
        columns: further columns of the split that is evaluated.
    """

    name: str
    paths: dict[str, Path] = field(hash=False)
    text: tuple[str, ...]
    label: str
    default: str = ""
    missing: str = "refuse"
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.text) not in (1, 2):
            raise LesionError(
                f"Task {self.name!r}: text must name one or two columns. Got {list(self.text)}."
            )
        if not self.label:
            raise LesionError(f"Task {self.name!r}: label must name the column of the labels.")
        if not self.default:
            object.__setattr__(
                self,
                "default",
                "test" if "test" in self.paths and "dev" not in self.paths else "dev",
            )
        self._path(self.default)

    @property
    def files(self) -> dict[str, Path]:
        """File of each split."""
        return self.paths

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Labels of the training file in order; without one, of the file that is evaluated."""
        table, _, labels = self._labelled(self._label_split)
        return classes_of(table, self.label, labels)

    def read(self, split: str) -> Split:
        """Reads one of the splits that have a file."""
        table, texts, labels = self._labelled(split)
        numbers = indices_of(table, labels, self.classes, str(self.paths[self._label_split]))
        lost, kept = table.left_out, len(table.numbers)
        note = left_out(self.name, table.path, table.unit, lost, lost + kept) if lost else ""
        columns = words_of(table, self.columns if split == self.default else ())
        return Split(texts, numbers, str(table.path), note, columns)

    @property
    def _label_split(self) -> str:
        """The split whose labels are the classes."""
        return "train" if "train" in self.paths else self.default

    def _path(self, split: str) -> Path:
        if split not in self.paths:
            given = ", ".join(self.paths)
            raise LesionError(
                f"Task {self.name!r}: has no file for the split {split!r}. It gives {given}; "
                f"add `{split}: FILE` to the task, or choose another split."
            )
        return self.paths[split]

    def _labelled(self, split: str) -> tuple[Table, tuple[tuple[str, ...], ...], list[str]]:
        table = read_table(self._path(split))
        table = complete(table, (*self.text, self.label), self.missing == "drop")
        return table, texts_of(table, self.text), labels_of(table, self.label)


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """The different labels in order: as numbers if all are numbers, otherwise as text."""
    different = sorted(set(labels))
    try:
        return tuple(sorted(different, key=float))
    except ValueError:
        return tuple(different)


def texts_of(table: Table, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The texts in columns of a table: (columns) × (rows)."""
    return tuple(_texts(table, name) for name in names)


def classes_of(table: Table, name: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The different labels of a column in order, at least two."""
    classes = ordered(labels)
    if len(classes) < 2:
        raise LesionError(
            f"{table.path}: the column {name!r} holds one label only ({classes[0]!r}). "
            "A classification needs at least two."
        )
    return classes


def indices_of(
    table: Table, labels: Sequence[str], classes: Sequence[str], origin: str
) -> np.ndarray:
    """int64 (rows,): the class of each label.

    Args:
        origin: of the classes, for messages.
    """
    index = {label: number for number, label in enumerate(classes)}
    unknown = next((row for row, label in enumerate(labels) if label not in index), None)
    if unknown is not None:
        raise LesionError(
            f"{table.at(unknown)}: the label {labels[unknown]!r} is not in the training set "
            f"({origin}). Its labels are {_listed(classes)}."
            + did_you_mean(labels[unknown], classes)
        )
    return np.array([index[label] for label in labels], dtype=np.int64)


def _texts(table: Table, name: str) -> tuple[str, ...]:
    values = table.column(name)
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise _unusable(table, row, name, value, "a text")
    return tuple(values)


def labels_of(table: Table, name: str) -> list[str]:
    """The labels in a column of a table, as words."""
    values = table.column(name)
    labels = [_label(value) for value in values]
    for row, label in enumerate(labels):
        if not label:
            raise _unusable(table, row, name, values[row], "a name or a whole number")
    return [label for label in labels if label]


def _label(value: Any) -> str | None:
    """A label as a word; None for what cannot be one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a column of whole numbers that was stored as floats
    return str(value).strip() if isinstance(value, str | int) else None


def _unusable(table: Table, row: int, name: str, value: Any, expected: str) -> LesionError:
    return LesionError(
        f"{table.at(row)}: the column {name!r} must hold {expected}. Got {shortened(value)}."
    )


def _listed(names: Sequence[str], most: int = 20) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + rest

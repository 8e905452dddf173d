"""Columns of a task: a word for each example, by which examples are resampled or compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.schema.errors import did_you_mean

if TYPE_CHECKING:
    from lesion.tasks.base import Task

Columns = Mapping[str, tuple[str, ...]]

LABEL = "label"  # the class of each example, a column of every task with classes
PARADIGM = "paradigm"  # of minimal pairs
NONE = "none"  # in a study: no column, although the task has a default


class Grouping(NamedTuple):
    """The columns by which examples are resampled; None: there is none.

    Attributes:
        cluster: examples with the same word are resampled together.
        strata: the share of each word is fixed by the design.
    """

    cluster: str | None = None
    strata: str | None = None


INDEPENDENT = Grouping()
"""Each example is its own."""


def chosen(cluster: str | None, strata: str | None, usual: Grouping) -> Grouping:
    """What a study chooses: a column, `NONE`, or None for the default of the task.

    Example:
        >>> chosen("none", None, Grouping("verb", "construction"))
        Grouping(cluster=None, strata='construction')
    """
    names = (usual[place] if name is None else name for place, name in enumerate((cluster, strata)))
    return Grouping(*(None if name == NONE else name for name in names))


def selected(columns: Columns, rows: np.ndarray) -> dict[str, tuple[str, ...]]:
    """The columns of some of the examples."""
    return {name: tuple(words[row] for row in rows) for name, words in columns.items()}


def label_column(classes: tuple[str, ...], targets: np.ndarray) -> dict[str, tuple[str, ...]]:
    """The class of each example as a column; none for a task without classes."""
    return {LABEL: tuple(classes[index] for index in targets)} if classes else {}


def columns_of(task: Task) -> dict[str, tuple[str, ...]]:
    """All columns of a task; a task of a package may have none of its own."""
    own: Columns = getattr(task, "columns", {})
    return label_column(task.classes, task.targets) | dict(own)


def grouping_of(task: Task) -> Grouping:
    """The default columns of a task."""
    grouping: Grouping = getattr(task, "grouping", INDEPENDENT)
    return grouping


def check_columns(task: Task, names: Iterable[str]) -> None:
    """Refuse names of columns that a task does not have.

    Raises:
        LesionError: for the first, with the columns that there are.
    """
    names = list(names)
    there = columns_of(task) if names else {}
    for name in names:
        if name not in there:
            raise no_column(_origin(task), name, there)


def no_column(where: object, name: str, there: Iterable[str]) -> LesionError:
    """The error for a column that is not there."""
    there = list(there)
    known = f"The columns are {', '.join(map(repr, there))}." if there else "It has no columns."
    return LesionError(f"{where}: there is no column {name!r}. {known}{did_you_mean(name, there)}")


def _origin(task: Task) -> str:
    """Where the examples were read, as far as the task says."""
    read = getattr(getattr(task, "evaluated", None), "origin", None)
    return str(read or getattr(task, "path", None) or f"Task {task.name!r}")

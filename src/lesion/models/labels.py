"""Which output of a classification head is which class of a task: by name, by number, or not."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

NAMELESS = "its head only numbers its classes"
NUMBERED = "the task only numbers its classes"


class Fit(NamedTuple):
    """How a head is read for a task.

    Attributes:
        columns: for each class of the task, in its order, the output that stands for it.
        assumed: why the order is taken from the numbers; "" if the names determine it.
    """

    columns: tuple[int, ...]
    assumed: str = ""

    @property
    def moved(self) -> bool:
        """Whether outputs must be reordered."""
        return self.columns != tuple(range(len(self.columns)))


def fit(names: Sequence[str], classes: Sequence[str]) -> Fit | None:
    """The outputs of a head in the order of a task's classes; None if their names conflict.

    Names are equal whatever their case and the spaces, underscores and hyphens between their
    words. Where one side has only numbers (`LABEL_0`, `0`), they are indices of the other.

    Args:
        names: of the outputs, in their order.
        classes: of the task, in order of index; as many.

    Example:
        >>> fit(("CONTRADICTION", "NEUTRAL"), ("neutral", "contradiction"))
        Fit(columns=(1, 0), assumed='')
    """
    by_name = _matched(names, classes, str) or _matched(names, classes, _plain)
    if by_name:
        return Fit(by_name)
    indices = _indices(names)
    if indices:
        return Fit(tuple(indices.index(number) for number in range(len(classes))), NAMELESS)
    indices = _indices(classes)
    return Fit(tuple(indices), NUMBERED) if indices else None


def _matched(
    names: Sequence[str], classes: Sequence[str], form: Callable[[str], str]
) -> tuple[int, ...] | None:
    """Where each class stands among the names, if both are the same set of different words."""
    have, want = [form(name) for name in names], [form(name) for name in classes]
    if len(set(have)) < len(have) or sorted(have) != sorted(want):
        return None
    return tuple(have.index(word) for word in want)


def _plain(name: str) -> str:
    """A name without case and without what separates its words; the sign of a number stays."""
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", "", name.strip().casefold())


def _indices(names: Sequence[str]) -> list[int] | None:
    """The numbers of `LABEL_0`, `LABEL_1`, ... or `0`, `1`, ... if they are 0 to n - 1."""
    matches = [re.fullmatch(r"(?:label)?(\d+)", _plain(name)) for name in names]
    numbers = [int(match[1]) for match in matches if match]
    return numbers if sorted(numbers) == list(range(len(names))) else None

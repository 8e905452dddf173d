"""The kinds of tasks: the literal table, and those of installed packages."""

from lesion.schema.entries import find, table
from lesion.tasks.base import Kind
from lesion.tasks.classify import ClassifyKind
from lesion.tasks.cloze import ClozeKind
from lesion.tasks.lm import LmKind
from lesion.tasks.pairs import PairsKind

TASK_KINDS: dict[str, type[Kind]] = table(ClassifyKind, PairsKind, ClozeKind, LmKind)  # type: ignore[assignment]
"""The built-in kinds, in the order in which they are listed."""


def kind_of(word: str) -> type[Kind]:
    """The kind of a word; a package's is loaded now.

    Raises:
        LesionError: if there is no such kind.
    """
    kind: type[Kind] = find("kind", word, TASK_KINDS)
    return kind

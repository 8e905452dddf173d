"""One value or a list of values, as a study or a Python user gives them."""

from collections.abc import Iterable
from typing import Any

from lesion.schema.fields import python


def as_list(value: Any) -> Any:
    """Ranges, sets and NumPy arrays -> lists; anything else is left as it is."""
    if isinstance(value, range | set | frozenset):
        return sorted(value)
    return python(value)


def words(value: Any) -> Any:
    """A word or a list of words -> a list of words; anything else is left as it is."""
    return [value] if isinstance(value, str) else as_list(value)


def words_shape(known: Iterable[str], or_none: bool = False) -> dict[str, Any]:
    """The JSON schema of a word or a list of words."""
    word = {"type": "string", "enum": list(known)}
    shapes = [word, {"type": "array", "items": word}, *([{"type": "null"}] if or_none else [])]
    return {"anyOf": shapes}

"""What may be written from Python for the arguments of a lesion: shorthand, numbers of numpy."""

from collections.abc import Callable
from typing import Any

from lesion.errors import LesionError
from lesion.models.parts import expand_layers, sorted_tensors
from lesion.schema.errors import shortened
from lesion.schema.fields import python
from lesion.schema.lists import words


def spelled(key: str, value: Any) -> Any:
    """The value of an argument of `Lesion` as a study would hold it.

    Raises:
        LesionError: if it is nothing of the kind.
    """
    try:
        return SPELLED[key](value)
    except ValueError as error:
        raise LesionError(f"{key}: {error}") from None


def whole_draw(draw: Any) -> int:
    """The number of a draw as Python's.

    Raises:
        LesionError: if it is no whole number from 0 on.
    """
    try:
        return _whole(draw)
    except ValueError as error:
        raise LesionError(f"draw: {error}") from None


def plain_dose(dose: Any, low: float = 0.0, high: float = 1.0) -> float:
    """A dose as Python's number: 0, or one between two bounds.

    Raises:
        LesionError: if it is no number, or out of bounds.
    """
    number = python(dose)
    real = isinstance(number, int | float) and not isinstance(number, bool)
    if not (real and (low <= number <= high or number == 0)):
        raise LesionError(f"dose must be a float in [{low:g}, {high:g}]. Got {dose!r}.")
    return number


def _whole(value: Any) -> int:
    number = python(value)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError(f"must be a whole number of at least 0. Got {shortened(value)}.")
    return number


def _words(value: Any) -> tuple[str, ...] | None:
    given = words(value)
    if given is not None and not isinstance(given, list):
        raise ValueError(f"must be a word or a list of words. Got {shortened(value)}.")
    return None if given is None else tuple(given)


SPELLED: dict[str, Callable[[Any], Any]] = {
    "layers": expand_layers,
    "parts": _words,
    "tensors": lambda value: _words(sorted_tensors(value)),
    "seed": _whole,
}

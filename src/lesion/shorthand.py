"""Abbreviations that a study may use, and their full forms."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lesion.schema import fields
from lesion.words import LAYERS, TENSORS

MAX_DOSES = 1001


def layers(value: Any) -> Any:
    """`all`, `first`, `middle`, `last`, 3, -1, [0, 1], "6-9" -> a word or a tuple of numbers.

    Negative numbers count from the end: -1 is the last layer.
    """
    value = _listed(value)
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)-(\d+)", value)):
        low, high = int(match[1]), int(match[2])
        if low <= high:
            return tuple(range(low, high + 1))
    numbers = (value,) if isinstance(value, int) else value
    if isinstance(numbers, list | tuple) and numbers and all(map(_is_whole, numbers)):
        return tuple(sorted(set(numbers)))
    if isinstance(value, str) and value in LAYERS:
        return value
    raise ValueError(
        f"must be {', '.join(LAYERS)}, a layer, a list of layers or a range such as 6-9 "
        f"(zero-based, inclusive). Got {fields.show(value)}."
    )


def words(value: Any) -> Any:
    """A word or a list of words -> a list of words; anything else is left as it is."""
    return [value] if isinstance(value, str) else _listed(value)


def tensors(value: Any) -> Any:
    """`bias`, [bias, weight] -> a list in the order of the tables, each word once.

    The order of a list in a study does not change the damage. Unknown words stay, at the end.
    """
    value = words(value)
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        return value
    known = list(TENSORS)
    places = {word: known.index(word) if word in known else len(known) for word in value}
    return sorted(places, key=places.__getitem__)


def doses(value: Any) -> Any:
    """A list, or `{from, to, step}` -> ascending doses without repetition."""
    if isinstance(value, Mapping):
        if set(value) != {"from", "to", "step"}:
            raise ValueError(
                f"must have the keys from, to, step. Got {', '.join(map(str, value))}."
            )
        low, high, step = value["from"], value["to"], value["step"]
        if not all(_is_number(number) for number in (low, high, step)):
            raise ValueError(f"from, to and step must be numbers. Got {fields.show(dict(value))}.")
        if not (0 <= low <= high and step > 0):
            raise ValueError(f"needs 0 <= from <= to and step > 0. Got {fields.show(dict(value))}.")
        count = math.floor((high - low) / step + 1e-9) + 1
        if count > MAX_DOSES:
            raise ValueError(f"makes {count} doses; the most is {MAX_DOSES}. Raise the step.")
        return [round(low + step * number, 9) for number in range(count)]
    if isinstance(value, list | tuple) and value and all(_is_number(number) for number in value):
        return sorted({float(number) for number in value})
    raise ValueError(f"must be a list of numbers or {{from, to, step}}. Got {fields.show(value)}.")


def _listed(value: Any) -> Any:
    """What Python users give for a list: ranges, sets, arrays of numpy."""
    if isinstance(value, range | set | frozenset):
        return sorted(value)
    return fields.python(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def words_shape(known: Iterable[str], or_none: bool = False) -> dict[str, Any]:
    """The JSON schema of a word or a list of words."""
    word = {"type": "string", "enum": list(known)}
    shapes = [word, {"type": "array", "items": word}, *([{"type": "null"}] if or_none else [])]
    return {"anyOf": shapes}


LAYERS_SHAPE = {
    "anyOf": [
        {"enum": list(LAYERS)},
        {"type": "integer"},
        {"type": "string", "pattern": r"^\d+-\d+$"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
    ]
}
_STEPS = {
    "type": "object",
    "properties": {key: {"type": "number"} for key in ("from", "to", "step")},
    "required": ["from", "to", "step"],
    "additionalProperties": False,
}


def _doses_shape(**dose: Any) -> dict[str, Any]:
    return {
        "anyOf": [{"type": "array", "items": {"type": "number", **dose}, "minItems": 1}, _STEPS]
    }


DOSES_SHAPE = _doses_shape(minimum=0, maximum=1)
# Those of a lesion alone: a strength may exceed 1, and most lesions have none of their own.
OWN_DOSES_SHAPE = {"anyOf": [*_doses_shape(minimum=0)["anyOf"], {"type": "null"}]}

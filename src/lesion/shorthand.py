"""Abbreviations that a study may use, and their full forms."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lesion import schema
from lesion.words import BITS, LAYERS

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
        f"(zero-based, inclusive). Got {schema.shortened(value)}."
    )


def words(value: Any) -> Any:
    """A word or a list of words -> a list of words; anything else is left as it is."""
    return [value] if isinstance(value, str) else _listed(value)


def bits(value: Any) -> Any:
    """`sign`, `exponent`, `mantissa`, 30, [30, 23] -> a word or a tuple of numbers."""
    value = _listed(value)
    numbers = (value,) if isinstance(value, int) else value
    if isinstance(numbers, list | tuple) and numbers and all(map(_is_index, numbers)):
        return tuple(sorted(set(numbers)))
    if value is None or (isinstance(value, str) and value in BITS):
        return value
    raise ValueError(
        f"must be {', '.join(BITS)}, a number or a list of numbers (0 is the lowest bit). "
        f"Got {schema.shortened(value)}.{schema.did_you_mean(value, BITS)}"
    )


def doses(value: Any) -> Any:
    """A list, or `{from, to, step}` -> ascending doses without repetition."""
    if isinstance(value, Mapping):
        if set(value) != {"from", "to", "step"}:
            raise ValueError(
                f"must have the keys from, to, step. Got {', '.join(map(str, value))}."
            )
        low, high, step = value["from"], value["to"], value["step"]
        if not all(_is_number(number) for number in (low, high, step)):
            raise ValueError(
                f"from, to and step must be numbers. Got {schema.shortened(dict(value))}."
            )
        if not (0 <= low <= high and step > 0):
            raise ValueError(
                f"needs 0 <= from <= to and step > 0. Got {schema.shortened(dict(value))}."
            )
        count = math.floor((high - low) / step + 1e-9) + 1
        if count > MAX_DOSES:
            raise ValueError(f"makes {count} doses; the most is {MAX_DOSES}. Raise the step.")
        return [round(low + step * number, 9) for number in range(count)]
    if isinstance(value, list | tuple) and value and all(_is_number(number) for number in value):
        return sorted({float(number) for number in value})
    raise ValueError(
        f"must be a list of numbers or {{from, to, step}}. Got {schema.shortened(value)}."
    )


def _listed(value: Any) -> Any:
    """What Python users give for a list: ranges, sets, arrays of numpy."""
    if isinstance(value, range | set | frozenset):
        return sorted(value)
    return schema.python(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_index(value: Any) -> bool:
    return _is_whole(value) and value >= 0


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
BITS_SHAPE = {
    "anyOf": [
        {"enum": list(BITS)},
        {"type": "integer", "minimum": 0, "maximum": 31},
        {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 31}, "minItems": 1},
        {"type": "null"},
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

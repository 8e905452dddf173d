"""Doses of a study: a list, or from, to and step; and their scale."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lesion import schema

MAX_DOSES = 1001

SCALES = {"linear": "doses as they are", "log": "by decades: for error rates and the like"}
LEAST_DOSES, LEAST_RATIO, UNEVEN = 3, 100, 3  # of a grid that is geometric by default


def expand_doses(value: Any) -> Any:
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


def usual_scale(doses: Sequence[float]) -> str:
    """The scale of doses for which a study gives none: "log" for a geometric grid.

    A grid is geometric if it has at least three doses above 0, the last is at least 100 times the
    first, and no ratio of neighbours is more than three times another in its logarithm.

    Example:
        >>> usual_scale([0, 1e-6, 1e-5, 1e-4]), usual_scale([0.01 * step for step in range(101)])
        ('log', 'linear')
    """
    above = sorted(dose for dose in doses if dose > 0)
    if len(above) < LEAST_DOSES or above[-1] < LEAST_RATIO * above[0] * (1 - 1e-9):
        return "linear"
    steps = [math.log(after / before) for before, after in pairwise(above)]
    return "log" if max(steps) <= UNEVEN * min(steps) * (1 + 1e-9) else "linear"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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

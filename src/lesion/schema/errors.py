"""Mistakes in sentences: the place, what must be there, what was given, what may be meant.

pydantic finds the mistakes; here they are worded and put in the order of the fields.
"""

import datetime
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys",
    "dataclass_type": "a mapping of keys",
}
HERE = "@"  # stands for the place of a class that reads itself, which does not know it
OWN_PROBLEMS = "own_problems"
UNKNOWN = ("unexpected_keyword_argument", "invalid_key")
# What YAML 1.1 took for a number or for true and false, and 1.2 takes for text.
OLD_NUMBERS = {
    r"[-+]?0[0-9_]+": "Write it without the leading 0, which made it octal in YAML 1.1.",
    r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?": (
        "Write one number: the colon made it base 60 in YAML 1.1."
    ),
    r"[-+]?0b[01_]+": "Write it in decimal: it was binary in YAML 1.1.",
}
OLD_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Place(NamedTuple):
    """Where a mistake is: the words of its path, and what the class there knows."""

    path: str
    key: str
    keys: Mapping[str, str]  # key -> its description


class PlacedError(ValueError):
    """What is wrong in the parts of a class: every line begins with the key of its place."""


def sentence(kind: str, place: Place, value: Any, error: Mapping[str, Any]) -> str:
    """What is wrong at a place, as `place: must be what. Got what.`

    Args:
        kind, value: pydantic's type of the mistake, and its input.
        error: the rest of what pydantic says.
    """
    if kind in UNKNOWN:
        near = did_you_mean(place.key, place.keys)
        return f"{place.path}: unknown key. Allowed: {', '.join(place.keys)}.{near}"
    if kind == "missing":
        return f"{place.path}: is required ({place.keys[place.key]})."
    at = place.path or "the file"
    if kind == "value_error":
        lines = str(error["ctx"]["error"]).splitlines()
        if isinstance(error["ctx"]["error"], PlacedError):
            return "\n".join(join_path(place.path, line) for line in lines)
        return "\n".join(f"{at}: {line}" for line in lines)
    if kind == OWN_PROBLEMS:
        return "\n".join(_placed(line, place.path) for line in error["ctx"]["lines"].split("\n"))
    got = f"Got {shortened(value)}."
    if kind in TYPES:
        return f"{at}: must be {TYPES[kind]}. {got}{_remedy(kind, value)}"
    return f"{at}: {error['msg'].replace('Input should', 'must')}. {got}"


def _placed(line: str, path: str) -> str:
    """A problem of a class that reads itself, with its place."""
    rest = line.removeprefix(HERE)
    return join_path(path, rest[1:]) if rest.startswith(".") else f"{path or 'the file'}{rest}"


def _remedy(kind: str, value: Any) -> str:
    """How to write what YAML takes for something else."""
    if kind == "string_type" and isinstance(value, bool):
        return f" Put it in quotation marks: '{str(value).lower()}'."
    if kind == "string_type" and isinstance(value, int | float | datetime.date):
        return f" Put it in quotation marks: '{value}'."
    if kind == "bool_type" and isinstance(value, str) and value.lower() in OLD_FLAGS:
        return f" Write {OLD_FLAGS[value.lower()]}."
    if kind in ("int_type", "float_type") and isinstance(value, str):
        fits = (f" {how}" for old, how in OLD_NUMBERS.items() if re.fullmatch(old, value))
        return next(fits, "")
    return ""


def in_order(locations: Iterable[tuple]) -> list[tuple]:
    """A sort key for each location: as pydantic met them, but unknown keys of a mapping first.

    Args:
        locations: each with whether its last step is an unknown key.
    """
    first: dict[tuple, int] = {}
    keys = []
    for number, (steps, unknown) in enumerate(locations):
        ranks = [(1, first.setdefault(steps[: end + 1], number)) for end in range(len(steps))]
        keys.append((*ranks[:-1], (0, number)) if unknown else tuple(ranks))
    return keys


def shortened(value: Any) -> str:
    """A value as an error message shows it, cut to a readable length."""
    text = repr(_lists(value))
    return text if len(text) <= 60 else text[:57] + "..."


def _lists(value: Any) -> Any:
    """Tuples as lists, which is how a file writes them."""
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return value


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def join_path(path: str, key: object) -> str:
    """The place of a key in a file."""
    return f"{path}.{key}" if path else str(key)

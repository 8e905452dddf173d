"""Mappings to frozen dataclasses, with every mistake reported at once.

A field says in its metadata what it accepts; the same metadata gives the error messages and the
JSON schema. Pure Python, so that a study can be read wherever the engine runs.
"""

import dataclasses
import datetime
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

MISSING = dataclasses.MISSING


def field(
    doc: str,
    default: Any = MISSING,
    *,
    choices: Iterable[str] | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    short: Callable[[Any], Any] | None = None,
    key: str | None = None,
    shape: Mapping[str, Any] | None = None,
) -> Any:
    """A dataclass field that knows how to be read.

    Args:
        doc: one line for people and editors.
        choices: allowed strings (of the value, or of each member of a list).
        at_least, at_most: inclusive bounds of a number (or of each member of a list).
        short: turns an abbreviation into the full form; raises ValueError with a sentence.
        key: the name in the file, where it differs from the attribute (`from` is a Python word).
        shape: the JSON schema, where it cannot be derived from the type.
    """
    metadata = {
        "doc": doc,
        "choices": None if choices is None else tuple(choices),
        "at_least": at_least,
        "at_most": at_most,
        "short": short,
        "key": key,
        "shape": shape,
    }
    return dataclasses.field(default=default, metadata=metadata)


def key_of(part: dataclasses.Field) -> str:
    """The name that a field has in a file."""
    return part.metadata.get("key") or part.name


def read(cls: type, value: Any, path: str, problems: list[str]) -> Any:
    """Build `cls` from a mapping; append a sentence to `problems` for everything that is wrong.

    A class with a method `from_mapping(value, path, problems)` is read by it.

    Returns the instance, or None if anything in it was wrong.
    """
    if hasattr(cls, "from_mapping"):
        return cls.from_mapping(value, path, problems)
    if not isinstance(value, Mapping):
        problems.append(f"{path or 'the file'}: must be a mapping of keys. Got {show(value)}.")
        return None
    before = len(problems)
    parts = {key_of(part): part for part in dataclasses.fields(cls) if part.init}
    hints = typing.get_type_hints(cls)
    problems += [
        f"{join(path, key)}: unknown key. Allowed: {', '.join(parts)}.{hint(key, parts)}"
        for key in value
        if key not in parts
    ]
    arguments = {}
    for key, part in parts.items():
        if key in value:
            arguments[part.name] = _value(
                value[key], hints[part.name], part.metadata, join(path, key), problems
            )
        elif part.default is MISSING:
            problems.append(f"{join(path, key)}: is required ({part.metadata['doc']}).")
    if len(problems) > before:
        return None
    try:
        return cls(**arguments)
    except ValueError as error:
        problems.append(f"{path or 'the file'}: {error}")
        return None


def _value(value: Any, hint_: Any, rules: Mapping, path: str, problems: list[str]) -> Any:
    value = python(value)
    if rules.get("short"):
        try:
            value = rules["short"](value)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            return None
    origin, inner = typing.get_origin(hint_), typing.get_args(hint_)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        options = [option for option in inner if option is not type(None)]
        return _value(value, _meant(value, options), {**rules, "short": None}, path, problems)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            problems.append(f"{path}: must be a list. Got {show(value)}.")
            return None
        rules = {**rules, "short": None}
        return tuple(
            _value(item, inner[0], rules, f"{path}[{number}]", problems)
            for number, item in enumerate(value)
        )
    if dataclasses.is_dataclass(hint_):
        return read(typing.cast(type, hint_), value, path, problems)
    if hint_ is Any:
        return value
    return _scalar(value, hint_, rules, path, problems)


def _meant(value: Any, options: list[Any]) -> Any:
    """Of several types, a dataclass for a mapping, and the first other one for anything else."""
    fits = [o for o in options if dataclasses.is_dataclass(o) == isinstance(value, Mapping)]
    return (fits or options)[0]


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _scalar(value: Any, kind: type, rules: Mapping, path: str, problems: list[str]) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        quote = _unquoted(value) if kind is str else ""
        problems.append(f"{path}: must be {_NAMES[kind]}. Got {show(value)}.{quote}")
        return None
    choices, low, high = rules.get("choices"), rules.get("at_least"), rules.get("at_most")
    if choices is not None and value not in choices:
        problems.append(
            f"{path}: must be one of {', '.join(choices)}. Got {show(value)}.{hint(value, choices)}"
        )
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        problems.append(f"{path}: must be {_range(low, high)}. Got {show(value)}.")
    return value


def _unquoted(value: Any) -> str:
    """How to write what YAML takes for something else than text."""
    if isinstance(value, bool):
        words = ("yes", "on", "true") if value else ("no", "off", "false")
        return f" YAML reads {', '.join(words)} so; put the word in quotation marks: '{words[0]}'."
    if isinstance(value, int | float | datetime.date):
        return f" Put it in quotation marks: '{value}'."
    return ""


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"between {low:g} and {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


def python(value: Any) -> Any:
    """Numbers and arrays of numpy (whatever has `tolist`) as Python's, in lists too.

    Example:
        >>> python([np.float64(0.5), np.int64(1)])
        [0.5, 1]
    """
    if isinstance(value, list | tuple):
        return [python(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def show(value: Any) -> str:
    """A value as an error message shows it, cut to a readable length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def hint(word: object, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def join(path: str, key: object) -> str:
    """The place of a key in a file."""
    return f"{path}.{key}" if path else str(key)


def plain(value: Any) -> Any:
    """Dataclasses to mappings under the keys of the file; None and defaults are kept.

    A value with a method `to_mapping()` is shown by it.
    """
    if hasattr(value, "to_mapping") and not isinstance(value, type):
        return value.to_mapping()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            key_of(part): plain(getattr(value, part.name))
            for part in dataclasses.fields(value)
            if part.init
        }
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def json_schema(cls: type) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a dataclass made of `field`s.

    A class with a method `json_schema()` is described by it.
    """
    if hasattr(cls, "json_schema"):
        return cls.json_schema()
    hints = typing.get_type_hints(cls)
    parts = [part for part in dataclasses.fields(cls) if part.init]
    return {
        "type": "object",
        "description": (cls.__doc__ or "").strip().splitlines()[0],
        "properties": {
            key_of(part): {
                "description": part.metadata["doc"],
                **(part.metadata["shape"] or _shape(hints[part.name], part.metadata)),
            }
            for part in parts
        },
        "required": [key_of(part) for part in parts if part.default is MISSING],
        "additionalProperties": False,
    }


_JSON = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _shape(hint_: Any, rules: Mapping) -> dict[str, Any]:
    origin, inner = typing.get_origin(hint_), typing.get_args(hint_)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_shape(option, rules) for option in inner]}
    if hint_ is type(None):
        return {"type": "null"}
    if origin is tuple:
        return {"type": "array", "items": _shape(inner[0], rules)}
    if dataclasses.is_dataclass(hint_):
        return json_schema(typing.cast(type, hint_))
    if hint_ is Any:
        return {}
    shape: dict[str, Any] = {"type": _JSON[hint_]}
    if rules.get("choices") is not None:
        shape["enum"] = list(rules["choices"])
    if rules.get("at_least") is not None:
        shape["minimum"] = rules["at_least"]
    if rules.get("at_most") is not None:
        shape["maximum"] = rules["at_most"]
    return shape

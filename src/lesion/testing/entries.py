"""Checks of every entry: its line, its parameters, and what loading it loads."""

from __future__ import annotations

import dataclasses
import inspect
import math
import pickle  # noqa: TID251 -- a copy of an object that is already here
from collections.abc import Iterator
from functools import partial
from typing import Any

from lesion.errors import LesionError
from lesion.schema.entries import Entry
from lesion.schema.reading import Parameter
from lesion.testing.results import Check, SkippedError, require
from lesion.testing.surroundings import loads_no_torch


def made(entry: Any) -> Any:
    """An object of an entry: a class is made with the parameters of its `example`."""
    cls: Any = entry if isinstance(entry, type) else None
    return cls(**cls.example) if cls else entry


def entry_checks(entry: Any, base: type[Entry]) -> dict[str, Check]:
    """The checks of an object of any kind of entry, by their names."""
    return {
        "it is a frozen dataclass with a line": partial(_is_entry, entry, base),
        "its example is valid": partial(_example_is_valid, type(entry)),
        "its parameters have a line and keep their range": partial(_keeps_ranges, entry),
        "it equals a copy and can be sent to workers": partial(_can_be_sent, entry),
        "loading its module loads no torch": partial(loads_no_torch, type(entry).__module__),
    }


def _is_entry(entry: Any, base: type[Entry]) -> None:
    cls = type(entry)
    require(isinstance(entry, base), f"{cls.__name__} is not derived from {base.__name__}.")
    require(cls.word, "It has no word.")
    require(cls.word == cls.word.strip().lower(), f"Its word must be lower case: {cls.word!r}.")
    require(cls.__dataclass_params__.frozen, f"{cls.__name__} is not a frozen dataclass.")
    fields = {part.name for part in dataclasses.fields(cls)}
    written = {name for name, hint in inspect.get_annotations(cls).items()
               if "ClassVar" not in str(hint)}  # fmt: skip
    lost = written - fields
    require(not lost, f"{lost} are no fields: is @dataclass(frozen=True) missing?")
    require(cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}("), "It has no docstring.")
    require(len(cls.doc()) <= 120, f"Its line is longer than 120 characters: {cls.doc()}")


def _example_is_valid(cls: Any) -> None:
    unknown = set(cls.example) - set(cls.parameters())
    if not unknown:
        names = {key: part.name for key, part in cls.parameters().items()}
        cls(**{names[key]: value for key, value in cls.example.items() if not _is_shorthand(value)})
    require(not unknown, f"Its example has keys that are no parameters: {unknown}.")


def _is_shorthand(value: Any) -> bool:
    """Whether a snippet spells a list as text."""
    return isinstance(value, str) and value.startswith("[")


def _keeps_ranges(entry: Any) -> None:
    for part in type(entry).parameters().values():
        require(part.doc, f"Parameter {part.key} has no doc(...).")
        for value in _beyond(part):
            try:
                dataclasses.replace(entry, **{part.name: value})
            except (LesionError, ValueError):
                continue
            raise AssertionError(
                f"Parameter {part.key} takes {value!r}, which is out of range. A __post_init__ of "
                "its own must call that of its base class."
            )


def _beyond(part: Parameter) -> Iterator[Any]:
    """Values that a parameter must refuse."""
    if part.choices:
        yield "no such word"
    if part.low is not None and math.isfinite(part.low):
        yield type(part.low)(part.low - 1)
    if part.high is not None and math.isfinite(part.high):
        yield type(part.high)(part.high + 1)


def _can_be_sent(entry: Any) -> None:
    if type(entry).__module__ == "__main__" or "<" in type(entry).__qualname__:
        raise SkippedError("workers cannot import its class")
    copy = pickle.loads(pickle.dumps(entry))  # noqa: S301 -- made here
    require(copy == entry, "It differs from its copy.")
    require(hash(copy) == hash(entry), "Its hash differs from that of its copy.")

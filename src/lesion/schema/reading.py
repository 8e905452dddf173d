"""Mappings to the classes that `lesion.schema.fields` describes, and back; their JSON schema."""

import dataclasses
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from lesion.schema.errors import UNKNOWN, Place, in_order, join_path, sentence
from lesion.schema.fields import (
    MAPPING,
    VALUE,
    AFile,
    Between,
    OneOf,
    ReadsItself,
    Spec,
    as_given,
    readable,
)


def read(cls: type, value: Any, path: str, problems: list[str]) -> Any:
    """Build `cls`, a `Spec`, from a mapping; append a sentence to `problems` for every mistake.

    An instance of `cls` is returned as it is. A class that reads itself (`ReadsItself`) does so.

    Returns:
        The instance, or None if anything in it was wrong.
    """
    own: Any = cls
    if issubclass(own, ReadsItself):
        return value if isinstance(value, own) else own.from_mapping(value, path, problems)
    if Spec not in cls.__mro__:
        raise TypeError(f"{cls.__name__} must be a Spec to be read: others let unknown keys pass.")
    try:
        return _adapter(cls).validate_python(readable(value))
    except ValidationError as error:
        problems += _worded(error, cls, path)
        return None


def check_fields(instance: Any) -> list[str]:
    """What is wrong with the fields of a `Spec` that was made in Python, in sentences.

    For a `__post_init__`. Every field that is right gets the value that `read` would give it.
    """
    problems: list[str] = []
    cls: Any = type(instance)
    for part in parameters(cls).values():
        given = readable(getattr(instance, part.name))
        hint = _hints(cls)[part.name]
        try:
            value = _adapter_of_field(cls, part.name).validate_python(given)
            object.__setattr__(instance, part.name, value)
        except ValidationError as error:
            problems += _worded(error, hint, part.key)
    return problems


@functools.cache
def _adapter(cls: type) -> TypeAdapter:
    return TypeAdapter(cls)


@functools.cache
def _adapter_of_field(cls: type, name: str) -> TypeAdapter:
    hint = _without_key(_hints(cls)[name])
    own = Spec in getattr(_bare(hint), "__mro__", ())  # a Spec brings its own configuration
    return TypeAdapter(hint, config=None if own else ConfigDict(strict=True))


def _without_key(hint: Any) -> Any:
    """A type without the name that its field has in a file, which a value alone cannot have."""
    if typing.get_origin(hint) is not typing.Annotated:
        return hint
    notes = [n for n in hint.__metadata__ if not (isinstance(n, FieldInfo) and n.alias)]
    return typing.Annotated[(hint.__origin__, *notes)] if notes else hint.__origin__


def _worded(error: ValidationError, cls: type, path: str) -> list[str]:
    mistakes = error.errors(include_url=False)
    keys = in_order((item["loc"], item["type"] in UNKNOWN) for item in mistakes)
    lines = []
    for _, item in sorted(zip(keys, mistakes, strict=True), key=lambda pair: pair[0]):
        place = _place(item["loc"], cls, path)
        value = as_given(item["input"])
        lines += sentence(item["type"], place, value, item).split("\n")
    return lines


def _place(steps: tuple, cls: Any, path: str) -> Place:
    """The words of a location of pydantic's, found by walking down the types."""
    kind, key, keys = cls, "", {}
    for step in steps:
        kind = _bare(kind)
        if step in (VALUE, MAPPING):
            kind = typing.get_args(kind)[step == MAPPING]
        elif Spec in getattr(kind, "__mro__", ()):
            parts = parameters(kind)
            key, keys = str(step), {name: part.doc for name, part in parts.items()}
            kind = _hints(kind)[parts[key].name] if key in parts else Any
            path = join_path(path, key)
        elif typing.get_origin(kind) is dict:
            kind, path = typing.get_args(kind)[1], join_path(path, step)
        elif isinstance(step, int):
            kind, path = (*typing.get_args(kind), Any)[0], f"{path}[{step}]"
    return Place(path, key, keys)


def _bare(kind: Any) -> Any:
    """A type without its annotation, and without None."""
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    options = [option for option in typing.get_args(kind) if option is not type(None)]
    if typing.get_origin(kind) in (types.UnionType, typing.Union) and len(options) == 1:
        return _bare(options[0])
    return kind


class Parameter(NamedTuple):
    """What a field of a `Spec` says of itself, for lists and docs."""

    name: str  # of the attribute
    key: str  # in a file
    doc: str
    default: Any  # dataclasses.MISSING where it is required
    choices: tuple[str, ...] | None  # of the value, or of each member of a list
    low: float | None
    high: float | None
    is_file: bool


@functools.cache
def parameters(cls: type) -> dict[str, Parameter]:
    """The fields of a `Spec` by their keys in a file, in their order."""
    fields = [part for part in dataclasses.fields(cls) if part.init]
    made = [_parameter(part, list(_notes(_hints(cls)[part.name]))) for part in fields]
    return {part.key: part for part in made}


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def _notes(hint: Any) -> Iterator[Any]:
    """What the annotations of a type say, the outer ones first."""
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Annotated:
        yield from hint.__metadata__
        inner = inner[:1]
    for part in inner:
        yield from _notes(part)


def _parameter(part: dataclasses.Field, notes: list[Any]) -> Parameter:
    said = [note for note in notes if isinstance(note, FieldInfo)]
    words = [note.words for note in notes if isinstance(note, OneOf)]
    bounds = next((note for note in notes if isinstance(note, Between)), Between())
    return Parameter(
        name=part.name,
        key=next((info.alias for info in said if info.alias), part.name),
        doc=next((info.description for info in said if info.description), ""),
        default=part.default,
        choices=words[0] if words else None,
        low=bounds.low,
        high=bounds.high,
        is_file=any(isinstance(note, AFile) for note in notes),
    )


def paths(cls: type) -> tuple[str, ...]:
    """The keys of a `Spec` whose values are paths of files."""
    return tuple(key for key, part in parameters(cls).items() if part.is_file)


def key_of(cls: type, name: str) -> str:
    """The name that an attribute has in a file."""
    return next(part.key for part in parameters(cls).values() if part.name == name)


def to_mapping(value: Any) -> Any:
    """Dataclasses to mappings under the keys of the file; None and defaults are kept.

    What has a method `to_mapping` is shown by it.
    """
    if hasattr(value, "to_mapping") and not isinstance(value, type):
        return value.to_mapping()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = parameters(type(value)).values()
        return {part.key: to_mapping(getattr(value, part.name)) for part in parts}
    if isinstance(value, Mapping):
        return {key: to_mapping(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_mapping(item) for item in value]
    return value


class _Shape(GenerateJsonSchema):
    """pydantic's JSON schema without titles, which would only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """With the first line of the docstring."""
        shape = super().dataclass_schema(schema)
        about = (schema["cls"].__doc__ or "").strip().splitlines()
        return {**shape, "description": about[0]} if about else shape


def json_schema(cls: type) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a `Spec`; shorthand is accepted."""
    own: Any = cls
    if issubclass(own, ReadsItself):
        return own.json_shape()
    return _adapter(cls).json_schema(schema_generator=_Shape)

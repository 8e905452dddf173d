"""What the annotation of a field may say: its description, allowed words, range and shorthand.

A class that is read is a frozen dataclass and a `Spec`. Types are strict: true is no number, and
1.5 is no whole one. pydantic's own constraints (`Field(gt=0)`, `Literal`) may stand here as well.

Example:
    >>> @dataclass(frozen=True)
    ... class Noise(Spec):
    ...     strength: Annotated[float, Between(0, 1e6), doc("standard deviations")] = 1.0
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from lesion.schema.errors import HERE, OWN_PROBLEMS, did_you_mean, shortened

VALUE, MAPPING = "(value)", "(mapping)"  # the two branches of `ByShape` in pydantic's locations


class Spec:
    """Base of every class that is read: unknown keys are mistakes, and no value is converted."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Strict inside; but a mapping is taken for the class, as is an instance."""
        schema = handler(source)
        own: Any = handler.resolve_ref_schema(schema)
        own["strict"] = False
        return schema


def doc(text: str, key: str | None = None) -> Any:
    """One line for people and editors.

    Args:
        key: the name in the file, where it differs from the attribute (`from` is a Python word).
    """
    return Field(description=text, alias=key)


@dataclass(frozen=True)
class AFile:
    """Marks text that is the path of a file."""


File = Annotated[str, AFile()]


class OneOf:
    """Text that is one of these words, or None where the type allows it."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)

    def check(self, value: Any) -> Any:
        """The value, or ValueError."""
        if value is not None and value not in self.words:
            near = did_you_mean(value, self.words)
            raise ValueError(
                f"must be one of {', '.join(self.words)}. Got {shortened(value)}.{near}"
            )
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        shape = handler(schema)
        none = [None] if {"type": "null"} in shape.get("anyOf", []) else []
        return {**shape, "enum": [*self.words, *none]}


@dataclass(frozen=True)
class Between:
    """A number within inclusive bounds, of which one may be left out; or None, if allowed."""

    low: float | None = None
    high: float | None = None

    def check(self, value: Any) -> Any:
        """The value, or ValueError; NaN lies within no bounds."""
        low, high = self.low, self.high
        if value is None:
            return None
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise ValueError(f"must be {self}. Got {shortened(value)}.")
        return value

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"between {self.low:g} and {self.high:g}"
        return f"at least {self.low:g}" if self.low is not None else f"at most {self.high:g}"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        bounds = {"minimum": self.low, "maximum": self.high}
        return {**handler(schema), **{key: of for key, of in bounds.items() if of is not None}}


@dataclass(frozen=True)
class Expand:
    """Shorthand that is expanded before the value is read; the last thing in an annotation.

    Args:
        expand: the full form of a value; raises ValueError with a sentence.
        json_shape: the JSON schema of both forms, where it is not that of the full one.
    """

    expand: Callable[[Any], Any]
    json_shape: Mapping[str, Any] | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def expanded(value: Any) -> Any:
            return readable(self.expand(as_given(value)))

        return core_schema.no_info_before_validator_function(expanded, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(schema) if self.json_shape is None else dict(self.json_shape)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


LISTED = Expand(_listed, {"type": ["string", "array"], "items": {"type": "string"}})
"""A single word stands for a list of one."""


class WordOr:
    """One of these words or, from Python, an object of a class; or None, if allowed.

    Args:
        find: the object of any other word, such as an installed package's; raises ValueError.
    """

    def __init__(
        self,
        kind: type,
        words: Iterable[str],
        or_none: bool = False,
        find: Callable[[str], Any] | None = None,
    ) -> None:
        self.kind, self.word, self.or_none, self.find = kind, OneOf(words), or_none, find

    def check(self, value: Any) -> Any:
        """The value, or ValueError."""
        if isinstance(value, self.kind) or (value is None and self.or_none):
            return value
        if self.find is not None and isinstance(value, str) and value not in self.word.words:
            return self.find(value)
        return self.word.check(value if value is not None else "None")

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        word = {"type": "string", "enum": list(self.word.words)}
        return {"anyOf": [word, {"type": "null"}]} if self.or_none else word


class ReadsItself:
    """Base of a class that reads its own keys, because they depend on one another.

    A subclass defines `from_mapping(value, path, problems)`, which returns an instance or appends
    `path.key: sentence` or `path: sentence` to the problems; `to_mapping()`; and `json_shape()`.
    """

    @classmethod
    def from_mapping(cls, value: Any, path: str, problems: list[str]) -> Any:
        """An instance, or None and problems."""
        raise NotImplementedError(f"{cls.__name__} must define from_mapping")

    @classmethod
    def json_shape(cls) -> dict[str, Any]:
        """The JSON schema of its mapping."""
        raise NotImplementedError(f"{cls.__name__} must define json_shape")

    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        problems: list[str] = []
        made = cls.from_mapping(as_given(value), HERE, problems)
        if problems:
            raise PydanticCustomError(OWN_PROBLEMS, "{lines}", {"lines": "\n".join(problems)})
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._read)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return cls.json_shape()


class ByShape:
    """On `number | SomeSpec`: a mapping or an instance is the second, anything else the first."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        value, spec = map(handler.generate_schema, get_args(source))
        return core_schema.tagged_union_schema({VALUE: value, MAPPING: spec}, self._branch)

    @staticmethod
    def _branch(value: Any) -> str:
        return MAPPING if isinstance(value, Mapping) or is_dataclass(value) else VALUE


def python(value: Any) -> Any:
    """Numbers and arrays of numpy (whatever has `tolist`) as Python's, in lists too.

    Example:
        >>> python([np.float64(0.5), np.int64(1)])
        [0.5, 1]
    """
    if isinstance(value, list | tuple):
        return [python(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def readable(value: Any) -> Any:
    """What strict types take: numpy's values as Python's, and lists as tuples, at every depth."""
    if isinstance(value, Mapping):
        return {key: readable(item) for key, item in value.items()}
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(map(readable, value)) if isinstance(value, list | tuple | range) else value


def as_given(value: Any) -> Any:
    """Tuples as lists, in mappings too: what shorthand and messages see."""
    if isinstance(value, Mapping):
        return {key: as_given(item) for key, item in value.items()}
    return [as_given(item) for item in value] if isinstance(value, tuple) else value

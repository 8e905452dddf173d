"""YAML files: their values, the line of every value, and values as YAML.

The only file that knows YAML. Plain scalars are resolved as YAML 1.2 has it (its core schema), so
`off`, `no`, `1:30` and `2024-01-31` are text. Two things differ. `1_000` is a number, as before.
A number with a leading 0, such as `010`, is text: YAML 1.1 reads it as 8 and YAML 1.2 as 10, so
neither is taken, and it is refused where a number is needed.
"""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from lesion.errors import LesionError
from lesion.schema.reading import read

CParser: Any = import_module("yaml.cyaml").CParser if yaml.__with_libyaml__ else None
MAX_DEPTH = 50  # levels of lists and mappings
MAX_REPEATS = 100_000  # values that aliases stand for: a small file could name billions


class YamlFile(NamedTuple):
    """The content of a file."""

    name: str
    value: Any
    lines: Mapping[str, int]  # the place of a value, such as "lesions[0].order" -> line, from 1


def read_file(path: Path) -> YamlFile:
    """The content of a YAML file, without executing anything.

    Raises:
        LesionError: for a file that cannot be read, is empty, is no YAML, or is too deep or large.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LesionError(f"{path}: no such file. Give the path of a study (YAML).") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LesionError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    try:
        value, lines = _load(text)
    except _Refused as error:
        raise LesionError(f"{_line_of(path, error)}: {error.problem}.") from None
    except yaml.MarkedYAMLError as error:
        text = f"is not valid YAML: {error.problem}."
        raise LesionError(f"{_line_of(path, error)}: {text}") from None
    except (yaml.YAMLError, ValueError) as error:  # a character, or a value that its tag refuses
        text = " ".join(str(error).split())
        raise LesionError(f"{path.name}: is not valid YAML: {text}.") from None
    if value is None:
        raise LesionError(f"{path}: is empty. A study has models, tasks, lesions and doses.")
    return YamlFile(path.name, value, lines)


def located(problem: str, origin: str | YamlFile) -> str:
    """A problem that begins with its place and a colon, after its file and line.

    The line is that of the place or, where the file does not have it, of what it is missing in.
    """
    if isinstance(origin, str):
        return f"{origin}: {problem}"
    place = problem.split(": ", 1)[0]
    while place and place not in origin.lines:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return f"{origin.name}:{origin.lines.get(place, 1)}: {problem}"


def parse(cls: type, value: Any, origin: str | YamlFile) -> Any:
    """Any `Spec` from plain mappings.

    Args:
        origin: where they are from, for messages; of a file, these name its lines.
    """
    problems: list[str] = []
    result = None
    try:
        result = read(cls, value, "", problems)
    except LesionError as error:  # of a class that checks itself, for callers in Python
        problems = str(error).splitlines()
    if problems:
        raise LesionError("\n".join(located(problem, origin) for problem in problems))
    return result


def to_yaml(value: Any) -> str:
    """Plain values as YAML that `read_file` reads back as they are."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


SCALARS = {
    "null": (r"~|null|Null|NULL|", "~nN"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(0|[1-9][0-9_]*)|0o[0-7]+|[-+]?0x[0-9a-fA-F][0-9a-fA-F_]*", "-+0123456789"),
    "float": (
        r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+|[-+]?[0-9][0-9_]*\.[0-9_]*"
        r"|[-+]?\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}


def _with_scalars(cls: Any) -> Any:
    """A loader or dumper that knows what the scalars above are."""
    for kind, (pattern, first) in SCALARS.items():
        letters = [*first, ""] if kind == "null" else list(first)
        cls.add_implicit_resolver(
            f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$"), letters
        )
    return cls


class _Refused(yaml.MarkedYAMLError):
    """Valid YAML that is too much."""


class _Rules:
    """What both loaders refuse: keys that stand twice, and nesting without an end."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 -- PyYAML adds to a copy of it
    depth = 0

    def compose_node(self: Any, parent: Any, index: Any) -> Any:
        """Refuse what nests too deep, before Python's own limit ends in a traceback."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _Refused(
                problem=f"lists and mappings nest deeper than {MAX_DEPTH} levels",
                problem_mark=self.peek_event().start_mark,
            )
        node = super().compose_node(parent, index)  # type: ignore[misc]
        self.depth -= 1
        return node

    def construct_mapping(self: Any, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Refuse a key that stands twice."""
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                name = self.construct_object(key)
                if name in keys:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {name!r} stands twice", key.start_mark
                    )
                keys.add(name)
        mapping: dict = super().construct_mapping(node, deep)  # type: ignore[misc]
        return mapping


@_with_scalars
class _Loader(_Rules, yaml.SafeLoader):
    """Scalars of YAML 1.2, by PyYAML's own parser, whose errors are worded best."""


LOADERS: list[Any] = [_Loader]
if CParser is not None:

    @_with_scalars
    class _FastLoader(_Rules, Composer, CParser, SafeConstructor, Resolver):
        """The same by libyaml's parser, ten times as fast."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            for part in (Composer, SafeConstructor, Resolver):
                part.__init__(self)

    LOADERS.insert(0, _FastLoader)


def _load(text: str) -> tuple[Any, dict[str, int]]:
    """The value of a text and the lines of its places; the last loader words the errors."""
    for kind in LOADERS:
        try:
            loader = kind(text)
            node = loader.get_single_node()
            return loader.construct_document(node) if node else None, dict(_lines(node))
        except (yaml.YAMLError, ValueError):
            if kind is LOADERS[-1]:
                raise
    raise AssertionError("the last loader returns or raises")


@_with_scalars
class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or our reader would take for something else."""


def _line_of(path: Path, error: yaml.MarkedYAMLError) -> str:
    return f"{path.name}:{error.problem_mark.line + 1}" if error.problem_mark else path.name


def _lines(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """The place of every value and its line; aliases stand for all that they name.

    Raises:
        _Refused: if aliases stand for too many values, or for themselves.
    """
    seen: set[int] = set()
    repeats = 0
    waiting = [("", node, node.start_mark, 1)] if node else []
    while waiting:
        path, value, mark, depth = waiting.pop()
        repeats += id(value) in seen
        seen.add(id(value))
        if repeats > MAX_REPEATS or depth > MAX_DEPTH:
            what = f"more than {MAX_REPEATS} values" if repeats > MAX_REPEATS else "itself"
            raise _Refused(problem=f"an alias stands for {what}", problem_mark=mark)
        yield path, mark.line + 1
        if isinstance(value, yaml.MappingNode):
            for key, item in value.value:
                name = f"{path}.{key.value}" if path else str(key.value)
                waiting.append((name, item, key.start_mark, depth + 1))
        if isinstance(value, yaml.SequenceNode):
            for number, item in enumerate(value.value):
                waiting.append((f"{path}[{number}]", item, item.start_mark, depth + 1))

"""Entries: whatever a study may choose. Each is one class that says everything about itself.

A parameter is a dataclass field whose annotation gives the check, the message, the JSON schema,
the line of `lesion list` and the row of the docs (`lesion.schema.fields`). Neither this file nor a
file of entries imports torch when it is loaded; function bodies may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from lesion.errors import LesionError
from lesion.schema.errors import did_you_mean
from lesion.schema.fields import Spec
from lesion.schema.reading import Parameter, check_fields, json_schema, parameters

GROUPS = {
    "units": "lesion.units",
    "order": "lesion.orders",
    "scope": "lesion.scopes",
    "effect": "lesion.effects",
    "distraction": "lesion.distractions",
    "kind": "lesion.tasks",
    "metric": "lesion.metrics",
    "family": "lesion.families",
}
"""Kind of entry -> the entry point group in which installed packages offer theirs."""


@dataclass(frozen=True)
class Entry(Spec):
    """What every entry declares; a subclass is a frozen dataclass, its fields are parameters.

    Attributes:
        word: what a study writes.
        example: parameters that a snippet of it must give; {} where all have defaults.
        beside: other keys that its snippet needs, such as {"units": "bits"}.
        refuses: "key: word" of another choice, or a key alone -> why it does not go with it.
        source: the paper that it comes from; "" where there is none.
        random: whether draws differ; a property where a parameter decides.
    """

    word: ClassVar[str] = ""
    example: ClassVar[Mapping[str, Any]] = {}
    beside: ClassVar[Mapping[str, Any]] = {}
    refuses: ClassVar[Mapping[str, str]] = {}
    source: ClassVar[str] = ""
    random: ClassVar[Any] = False

    @classmethod
    def doc(cls) -> str:
        """One line: the first paragraph of its docstring, without the full stop."""
        lines = (cls.__doc__ or "").strip().split("\n\n")[0].split()
        return " ".join(lines).removesuffix(".")

    def __post_init__(self) -> None:
        problems = check_fields(self)
        if problems:
            raise LesionError("\n".join(problems))

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Its parameters, by the key of a study."""
        spec: Any = cls  # a class, which mypy takes for an instance here
        return parameters(spec)

    @classmethod
    def snippet(cls, kind: str) -> str:
        """An element of a study that uses it."""
        pairs = {kind: cls.word, **cls.example, **cls.beside}
        return "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"


Table = Mapping[str, type[Entry]]


def table(*entries: type[Entry]) -> dict[str, type[Entry]]:
    """The literal table of one kind, in the order in which it is listed."""
    return {entry.word: entry for entry in entries}


def find(kind: str, word: str, built_in: Mapping[str, Any]) -> Any:
    """The entry of a word: a built-in one, else an installed package's, which is loaded only now.

    A package cannot take a built-in word.

    Raises:
        LesionError: for an unknown word, for one that two packages offer, and for a package that
            cannot be loaded.
    """
    if word in built_in:
        return built_in[word]
    points = list(entry_points(group=GROUPS[kind], name=word))
    if not points:
        known = [*built_in, *installed(kind)]
        raise LesionError(
            f"{kind}: must be one of {', '.join(known)}. Got {word!r}.{did_you_mean(word, known)}"
        )
    packages = sorted({_package(point) for point in points})
    if len(packages) > 1:
        raise LesionError(
            f"{kind}: {word!r} is offered by {' and by '.join(packages)}. Uninstall one of them."
        )
    try:
        return points[0].load()
    except Exception as error:
        raise LesionError(
            f"{kind}: {word!r} comes from {packages[0]}, which cannot be loaded: {error}. "
            "Repair or uninstall the package."
        ) from error


def installed(kind: str) -> dict[str, str]:
    """word -> package and version, of what installed packages offer; nothing is loaded."""
    return {point.name: _package(point) for point in entry_points(group=GROUPS[kind])}


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def choose(
    tables: Mapping[str, Table], words: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """One entry of every table: words choose them, flat keys are their parameters.

    Args:
        words: kind -> a word of its table, or an object of the user's own, which passes through.
        parameters: key -> value; each goes to every chosen entry that has a parameter of this
            name. None stands for a key that is not there.

    Raises:
        LesionError: with every mistake, a line each: an unknown word, a key that nothing chosen
            takes, a value that its parameter refuses.
    """
    problems: list[str] = []
    chosen = {kind: _chosen(kind, words[kind], tables[kind], problems) for kind in tables}
    given = {key: value for key, value in parameters.items() if value is not None}
    if not problems:
        problems += _unclaimed(tables, chosen, given)
        chosen = {kind: _made(entry, given, problems) for kind, entry in chosen.items()}
    if problems:
        raise LesionError("\n".join(dict.fromkeys(problems)))
    return chosen


def _chosen(kind: str, word: Any, built_in: Table, problems: list[str]) -> Any:
    if not isinstance(word, str):
        return word
    try:
        return find(kind, word, built_in)
    except LesionError as error:
        problems.append(str(error))
        return None


def _unclaimed(
    tables: Mapping[str, Table], chosen: Mapping[str, Any], given: Iterable[str]
) -> list[str]:
    """A sentence for every key that no chosen entry takes, with the words that would."""
    classes = [entry for entry in chosen.values() if isinstance(entry, type)]
    claimed = {key for entry in classes for key in _parameters(entry)}
    return [_belongs(key, tables, chosen) for key in given if key not in claimed]


def _belongs(key: str, tables: Mapping[str, Table], chosen: Mapping[str, Any]) -> str:
    """`strength: belongs to effect noise, quantise, scale. Got effect zero.`"""
    takers = {kind: [word for word, entry in entries.items() if key in entry.parameters()]
              for kind, entries in tables.items()}  # fmt: skip
    takers = {kind: words for kind, words in takers.items() if words}
    if not takers:
        known = {key for kind in tables for entry in tables[kind].values() for key in
                 entry.parameters()}  # fmt: skip
        return f"{key}: belongs to none of {', '.join(tables)}.{did_you_mean(key, known)}"
    whom = " or ".join(f"{kind} {', '.join(words)}" for kind, words in takers.items())
    got = ", ".join(f"{kind} {chosen[kind].word}" for kind in takers)
    return f"{key}: belongs to {whom}. Got {got}."


def _made(entry: Any, given: Mapping[str, Any], problems: list[str]) -> Any:
    """An entry with its parameters, which it checks itself."""
    if not isinstance(entry, type):
        return entry
    parts = _parameters(entry)
    missing = [
        f"{key}: is required ({part.doc})."
        for key, part in parts.items()
        if part.default is MISSING and key not in given
    ]
    if missing:
        problems += missing
        return None
    try:
        return entry(**{part.name: given[key] for key, part in parts.items() if key in given})
    except (LesionError, ValueError) as error:
        problems += str(error).splitlines()
        return None


def _parameters(entry: Any) -> dict[str, Parameter]:
    return entry.parameters()


def refusals(made: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """What chosen entries do not go with, in their own words.

    Args:
        keys: parameters and other keys that are set, such as size_matched.
    """
    there = {f"{kind}: {entry.word}" for kind, entry in made.items()} | set(keys)
    return [
        f"{kind} {entry.word} does not go with {what}: {why}."
        for kind, entry in made.items()
        for what, why in entry.refuses.items()
        if what in there
    ]


def json_properties(tables: Mapping[str, Table]) -> dict[str, Any]:
    """The JSON schema of every parameter, by its key; one schema for a key of several entries."""
    docs: dict[str, dict[str, list[str]]] = {}
    shapes: dict[str, list[Any]] = {}
    for entries in tables.values():
        for word, entry in entries.items():
            whole = json_schema(entry)
            for name, shape in whole["properties"].items():
                docs.setdefault(name, {}).setdefault(shape.pop("description"), []).append(word)
                shape.pop("default", None)  # entries differ in it
                known = shapes.setdefault(name, [])
                items = [_inlined(item, whole) for item in _forms(shape)]
                known += [item for item in items if item not in known]
    return {
        name: {
            "description": "; ".join(f"{', '.join(who)}: {doc}" for doc, who in docs[name].items()),
            "anyOf": shapes[name],
        }
        for name in docs
    }


def _forms(shape: Mapping[str, Any]) -> list[Any]:
    """The alternatives of a JSON schema; itself, if it has none."""
    nested = shape.get("anyOf") or shape.get("oneOf")
    return [form for item in nested for form in _forms(item)] if nested else [shape]


def _inlined(shape: Mapping[str, Any], whole: Mapping[str, Any]) -> Any:
    """A JSON schema in place of a reference to one of the definitions of the whole."""
    name = str(shape.get("$ref", "")).rpartition("/")[2]
    return whole["$defs"][name] if name else shape


def docs_table(entries: Table) -> str:
    """The entries as a table of the documentation, in Markdown."""
    rows = ["| word | meaning | settings | source |", "|---|---|---|---|"]
    for word, entry in entries.items():
        settings = "; ".join(f"`{key}`: {part.doc}"
                             for key, part in entry.parameters().items())  # fmt: skip
        cells = (f"`{word}`", entry.doc(), settings, entry.source)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def listing(kind: str, entries: Table) -> dict[str, str]:
    """word -> its line and its snippet, for `lesion list`; packages' words name their package."""
    own = {word: f"{entry.doc()}\n{entry.snippet(kind)}" for word, entry in entries.items()}
    return own | {
        word: f"from {package}" for word, package in installed(kind).items() if word not in own
    }

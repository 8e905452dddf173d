"""A task of a study: its name, its kind and the kind's parameters, under flat keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from lesion.errors import LesionError
from lesion.schema.entries import installed, json_properties
from lesion.schema.errors import did_you_mean, join_path, shortened
from lesion.schema.fields import ReadsItself, Spec, doc
from lesion.schema.growing import Growing
from lesion.schema.reading import json_schema, paths, read, to_mapping
from lesion.tasks.base import DEFAULT, Kind, Task
from lesion.tasks.kinds import TASK_KINDS, kind_of
from lesion.tasks.registered import TASKS

KEYS = (
    "train", "dev", "test", "file", "text", "label", "split", "max_length", "examples", "source",
    "scoring", "language", "length", "stride", "missing",
)  # fmt: skip
"""The keys of release 0.1, in the order in which a study is written. All are written for every
task, so that studies and records stay comparable."""
REFUSED = {
    "length": "length: belongs to kind lm. Got kind {kind}.",
    "stride": "stride: belongs to kind lm. Got kind {kind}.",
    "missing": "missing: belongs to files of rows (kind classify or pairs). Got {value}.",
}
"""Keys that another kind refuses. It ignores the rest, as release 0.1 did, whose records may have
them."""
DIGEST = "digest"  # of the examples of a task that was made in Python
GROUPING = ("cluster", "strata", "columns")
"""Keys that decide no score, of every kind. They are written only where they are given."""
DEFAULTS = {
    key: part.default
    for kind in TASK_KINDS.values()
    for key, part in kind.parameters().items()
    if key not in GROUPING
}
PATHS = frozenset(key for kind in TASK_KINDS.values() for key in paths(kind))


@dataclass(frozen=True)
class _Head(Spec):
    """What every task has."""

    name: Annotated[str, doc("registered name, or your own name for your files")]
    kind: Annotated[str, doc("what is done with the examples")] = DEFAULT


@dataclass(frozen=True, init=False)
class TaskSpec(ReadsItself):
    """A task to score: a registered name, or files of your own.

    The kind's parameters and the keys of release 0.1 can be read as attributes; a key that the
    kind does not have is at its default.

    Attributes:
        name: registered, or the user's own.
        kind: the word that the study gives. A registered name is of its own kind, whatever it is.
        parameters: an entry of the kind.
        unused: keys that are set and have no effect on this kind.
        digest: of examples that come from Python; "" where they are read.
        task: the live task with these examples, where it is at hand.
    """

    name: str
    kind: str
    parameters: Kind
    unused: tuple[tuple[str, Any], ...]
    digest: str
    task: Task | None = dataclasses.field(default=None, repr=False, compare=False)

    def __init__(self, name: str, kind: str = DEFAULT, **keys: Any) -> None:
        """A task from its keys; see `from_mapping` for what is checked.

        Raises:
            ValueError: with a line for every mistake.
        """
        problems: list[str] = []
        made = _fields({"name": name, "kind": kind, **keys}, "", problems)
        if problems:
            raise ValueError("\n".join(line.removeprefix("the file: ") for line in problems))
        self.__dict__.update(made)

    @classmethod
    def from_mapping(cls, value: Any, path: str, problems: list[str]) -> TaskSpec | None:
        """A task as a study has it; every mistake is appended to the problems."""
        if not isinstance(value, Mapping):
            problems.append(f"{path}: must be a mapping of keys. Got {shortened(value)}.")
            return None
        before = len(problems)
        made = _fields(value, path, problems)
        return _made(cls, made) if len(problems) == before else None

    @classmethod
    def of(cls, task: Task) -> TaskSpec:
        """What stands for a live task in a study."""
        parts = kind_of(task.kind).parameters()
        values = {key: getattr(task, part.name, None) for key, part in parts.items()}
        keys = {key: value for key, value in values.items() if isinstance(value, str | int | float)}
        spec = cls(task.name, task.kind, **{**keys, DIGEST: task.digest})
        return _made(cls, {**spec.__dict__, "task": task})

    def with_keys(self, **keys: Any) -> TaskSpec:
        """A copy with other values of these keys; of a live task, of the task too."""
        if self.task is not None:
            return self.of(dataclasses.replace(self.task, **keys)) if keys else self  # type: ignore[type-var]
        return type(self)(**{**self.to_mapping(), **keys})

    def to_mapping(self) -> dict[str, Any]:
        """All keys of release 0.1, those of other kinds at their defaults; then the kind's own."""
        own = {
            key: to_mapping(getattr(self.parameters, part.name))
            for key, part in self.parameters.parameters().items()
            if key not in GROUPING or getattr(self.parameters, part.name)
        }
        former = {key: to_mapping(DEFAULTS[key]) for key in KEYS}
        live = {DIGEST: self.digest} if self.digest else {}
        return {"name": self.name, "kind": self.kind, **former, **dict(self.unused), **own, **live}

    @property
    def files(self) -> dict[str, str]:
        """The files that it names: key -> path."""
        known = PATHS.union(paths(type(self.parameters)))
        return {key: value for key, value in self.to_mapping().items() if key in known and value}

    @property
    def most_examples(self) -> int | None:
        """How many examples are scored at most; None: all that there are."""
        if self.growing is not None:
            return self.growing.most
        return self.parameters.examples or self.parameters.default_examples

    @property
    def growing(self) -> Growing | None:
        """How many examples are scored, where they are added as needed."""
        examples: Any = self.parameters.examples
        return examples if isinstance(examples, Growing) else None

    @property
    def registered(self) -> bool:
        """Whether it is a registered name, and not files under such a name."""
        return _is_registered(self.name, self.kind, self.files)

    @classmethod
    def json_shape(cls) -> dict[str, Any]:
        """The JSON schema of a task: the keys of every kind."""
        head = json_schema(_Head)
        head["properties"]["kind"]["enum"] = [*TASK_KINDS, *installed("kind")]
        described = (cls.__doc__ or "").splitlines()[0]
        properties = {**head["properties"], **json_properties({"kind": TASK_KINDS})}
        return {**head, "description": described, "properties": properties}

    def __getattr__(self, key: str) -> Any:
        """The value of a key."""
        parameters = self.__dict__.get("parameters")
        part = parameters.parameters().get(key) if parameters is not None else None
        if part is not None:
            return getattr(parameters, part.name)
        if parameters is None or key not in KEYS:
            raise AttributeError(key)
        return dict(self.unused).get(key, DEFAULTS[key])


def is_task(value: Any) -> bool:
    """Whether a value is a live task."""
    return all(hasattr(value, name) for name in ("encode", "reduce", "gather"))


def _made(cls: type[TaskSpec], made: Mapping[str, Any]) -> TaskSpec:
    spec = object.__new__(cls)
    spec.__dict__.update(made)
    return spec


def _is_registered(name: str, kind: str, files: Mapping[str, Any]) -> bool:
    registered = TASKS.get(name)
    return registered is not None and not files and kind in (DEFAULT, registered.kind)


def _fields(value: Mapping[str, Any], path: str, problems: list[str]) -> dict[str, Any]:
    """What a `TaskSpec` holds."""
    head = read(
        _Head, {key: value[key] for key in ("name", "kind") if key in value}, path, problems
    )
    keys = {key: item for key, item in value.items() if key not in ("name", "kind", DIGEST)}
    kind = None if head is None else _kind(head, keys, path, problems)
    if kind is None:
        return {}
    own = kind.parameters()
    unused = _unused(head.kind, keys, own, path, problems)
    taken = {key: item for key, item in keys.items() if key in own}
    parameters = read(kind, taken, path, problems)
    try:
        if parameters is not None:
            parameters.check()
    except ValueError as error:
        problems.append(f"{path}: {error}" if path else str(error))
    return {
        "name": head.name, "kind": head.kind, "parameters": parameters,
        "unused": tuple(sorted(unused.items())), "digest": value.get(DIGEST) or "", "task": None,
    }  # fmt: skip


def _kind(
    head: _Head, keys: Mapping[str, Any], path: str, problems: list[str]
) -> type[Kind] | None:
    """The kind whose parameters the keys are: of a registered name, its own."""
    try:
        kind = kind_of(head.kind)
    except LesionError as error:
        problems.append(join_path(path, str(error)))
        return None
    files = {key: item for key, item in keys.items() if key in PATHS and item}
    registered = _is_registered(head.name, head.kind, files)
    return kind_of(TASKS[head.name].kind) if registered else kind


def _unused(
    kind: str, keys: Mapping[str, Any], own: Mapping[str, Any], path: str, problems: list[str]
) -> dict[str, Any]:
    """Keys of other kinds that are set; a problem for those that no kind has."""
    known = ("name", "kind", *KEYS, *(key for key in own if key not in KEYS))
    problems += [
        f"{join_path(path, key)}: unknown key. Allowed: {', '.join(known)}."
        + did_you_mean(key, known)
        for key in keys
        if key not in known
    ]
    set_here = {
        key: item
        for key, item in keys.items()
        if key in DEFAULTS and key not in own and item not in (None, DEFAULTS[key], [])
    }
    if isinstance(set_here.get("text"), str):
        set_here["text"] = [set_here["text"]]
    refused = [key for key in REFUSED if key in set_here]
    for key in refused:
        reason = REFUSED[key].format(kind=kind, value=set_here[key])
        problems.append(f"{path}: {reason}" if path else reason)
    return {key: item for key, item in set_here.items() if key not in refused}

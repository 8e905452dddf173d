"""From the entry of a study to its task."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lesion.errors import LesionError
from lesion.schema.growing import Growing
from lesion.schema.reading import paths, read
from lesion.tasks.base import DEFAULT, Task
from lesion.tasks.classify import ClassifyKind
from lesion.tasks.columns import Grouping, grouping_of
from lesion.tasks.kinds import kind_of
from lesion.tasks.parts import in_order
from lesion.tasks.registered import TASKS, BuiltInTask
from lesion.tasks.sources.glue import GlueFolder, GlueTask, find_folder
from lesion.tasks.sources.hub import DATASET, GlueHub
from lesion.tasks.spec import TaskSpec


def load_task(spec: TaskSpec, data: Path | str | None = None) -> Task:
    """The task of a study's entry. Nothing is read yet: mistakes in the entry come first.

    Args:
        spec: the entry. A live task passes through. An entry with files is read from these. A
            registered name is built in, or read from `data`, or the folder in the environment
            variable LESION_DATA, or the hub.
        data: folder in GLUE's download layout; own files that are not found are looked for in it.

    Raises:
        LesionError: for an unknown name, a split that there cannot be, a folder without the task,
            or examples that came from Python and are not at hand. Mistakes in the data are
            reported when it is first read: at once, if examples are added as needed.
    """
    if spec.task is not None:
        return spec.task
    if spec.growing is not None:
        return in_order(load_task(spec.with_keys(examples=spec.growing.most), data), spec.growing)
    if spec.digest:
        raise LesionError(
            f"Task {spec.name!r}: its examples came from Python (digest {spec.digest}), and only "
            "their digest is recorded. Resume from Python with the same task: "
            "lesion.run({..., 'tasks': [task]}, out=...)."
        )
    given = data or os.environ.get("LESION_DATA")
    folder = Path(given) if given else None
    if spec.registered:
        return _registered(spec, folder)
    if not spec.files and paths(type(spec.parameters)):
        raise LesionError(spec.parameters.without_files(spec.name, tuple(TASKS)))
    return spec.parameters.task(spec.name, folder)


def task(frame: Any, name: str, *, kind: str = DEFAULT, train: Any = None, **keys: Any) -> Task:
    """A task on rows that are in Python already, for `lesion.run({..., "tasks": [task]})`.

    A record holds its kind and the digest of its examples, not the examples: to resume such a
    run, give the same task again.

    Args:
        frame: what is evaluated: a pandas frame, a `datasets.Dataset` or a list of dicts.
        name: the task's name in tables.
        kind: `classify` (columns `text` and `label`) or `pairs` (columns good and bad; `label`
            names that of the paradigm).
        train: examples to fine-tune on, of the same form (`classify`).
        keys: the other keys of a task in a study, such as `text`, `label`, `max_length`,
            `examples`, `language`, `scoring` and `cluster`.

    Raises:
        LesionError: for a key that does not fit, or a row that cannot be used.

    Example:
        >>> rows = [{"s": "good film", "y": "pos"}, {"s": "bad film", "y": "neg"}]
        >>> task(rows, "films", text="s", label="y").classes
        ('neg', 'pos')
    """
    problems: list[str] = []
    parameters = read(kind_of(kind), keys, f"Task {name!r}", problems)
    if isinstance(getattr(parameters, "examples", None), Growing):
        problems.append(
            f"Task {name!r}: examples: of rows in Python it is a number. Write the rows to a file, "
            "and a study can add them as needed."
        )
    if problems:
        raise LesionError("\n".join(problems))
    made: Task = parameters.of_frame(name, frame, train)
    return made


def usual_grouping(spec: TaskSpec) -> Grouping:
    """The columns by which a task resamples its examples by default; nothing is read."""
    if spec.task is not None:
        return grouping_of(spec.task)
    registered = TASKS.get(spec.name) if spec.registered else None
    if isinstance(registered, BuiltInTask):
        return grouping_of(registered.make(spec.parameters, registered.language))
    return spec.parameters.grouping


def _registered(spec: TaskSpec, folder: Path | None) -> Task:
    registered = TASKS[spec.name]
    if isinstance(registered, BuiltInTask):
        return registered.make(spec.parameters, registered.language)
    assert isinstance(spec.parameters, ClassifyKind), "GLUE's tasks are of this kind"
    return _glue(spec.name, registered, spec.parameters, folder)


def _glue(name: str, task: GlueTask, keys: ClassifyKind, folder: Path | None) -> Task:
    scored, columns = keys.split or "dev", keys.to_read()
    if folder is not None:
        place = find_folder(name, task, folder)
        return keys.on(name, GlueFolder(name, task, place, scored, columns))
    return keys.on(name, GlueHub(name, task, keys.hub or DATASET, scored, columns))

"""Relative paths of a study file become absolute; names that could be paths are refused."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.damage.lesion import Together
from lesion.errors import LesionError
from lesion.models.origins import PACKAGE, TWIN, is_path, is_word_file
from lesion.schema.yaml_files import YamlFile, located
from lesion.study.specs import LesionSpec, ModelSpec
from lesion.study.text_damage import TextDamage
from lesion.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from lesion.study.study import Study


def anchored(study: "Study", folder: Path, origin: str | YamlFile) -> "Study":
    """Relative paths that exist in the folder of the study's file become absolute.

    Files of tasks, and of lesions in an order, are always paths. Sources of models and lists of
    words are paths if they look like one; otherwise they are names, whatever is in the folder.

    Args:
        origin: the study's file or its name, for messages.

    Raises:
        LesionError: with one line for every name that is also the name of something there.
    """
    problems = list(_ambiguous(study, folder))
    if problems:
        raise LesionError("\n".join(located(problem, origin) for problem in problems))
    tasks = tuple(_task(task, folder) for task in study.tasks)
    models = tuple(_model(model, folder) for model in study.models)
    lesions = tuple(_lesion(lesion, folder) for lesion in study.lesions)
    return dataclasses.replace(study, tasks=tasks, models=models, lesions=lesions)


def _ambiguous(study: "Study", folder: Path) -> Iterator[str]:
    for model in study.models:
        name = model.source
        if not is_path(name) and (folder / name).is_dir():
            kind, other = _kind(name)
            yield (
                f"models: {name!r} is read as {kind}, and a folder of this name lies beside the "
                f"study. Write ./{name} for the folder, or rename it if you mean {other}."
            )
    for lesion in study.lesions:
        damage = lesion.damage
        words = damage.given.get("words") if isinstance(damage, TextDamage) else None
        if words and not is_word_file(words) and (folder / words).is_file():
            yield (
                f"lesions: {lesion.name}: words: {words!r} is read as a language, and a file of "
                f"this name lies beside the study. Write ./{words} for the file, or rename it if "
                "you mean the language."
            )


def _kind(source: str) -> tuple[str, str]:
    if source.startswith(TWIN):
        return "a built-in twin", "the twin"
    return ("a package's model", "it") if source.startswith(PACKAGE) else ("a hub id", "the hub")


def _absolute(text: str | None, folder: Path) -> str | None:
    path = folder / Path(text).expanduser() if text else folder
    return str(path) if text and path.exists() else text


def _task(task: TaskSpec, folder: Path) -> TaskSpec:
    return task.with_keys(**{key: _absolute(path, folder) for key, path in task.files.items()})


def _model(model: ModelSpec, folder: Path) -> ModelSpec:
    if not is_path(model.source):
        return model
    return dataclasses.replace(model, source=str(_absolute(model.source, folder)))


def _lesion(lesion: LesionSpec, folder: Path) -> LesionSpec:
    parts = [
        part.with_paths({key: str(_absolute(path, folder)) for key, path in part.paths.items()})
        for part in lesion.parts
    ]
    several = isinstance(lesion.damage, Together)
    damage = Together(tuple(parts)) if several else parts[0]  # type: ignore[arg-type]
    return dataclasses.replace(lesion, damage=damage)

"""The tasks and lesions of a study, resolved: mistakes come before any model is loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.errors import LesionError
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.study.damages import Damage
    from lesion.tasks.base import Task


def load_tasks(study: Study, data: str | Path | None = None) -> "dict[str, Task]":
    """The tasks of a study, by name; see `resolve_study`."""
    return resolve_study(study, data)[0]


def resolve_study(
    study: Study, data: str | Path | None = None
) -> "tuple[dict[str, Task], dict[str, Damage]]":
    """The tasks and lesions of a study, by name.

    Raises:
        LesionError: with every mistake in them, and every lesion that does not suit a task.
    """
    problems: list[str] = []
    tasks, damages = resolved(study, data, problems)
    if problems:
        raise LesionError("\n".join(problems))
    return tasks, damages


def resolved(
    study: Study, data: str | Path | None, problems: list[str]
) -> "tuple[dict[str, Task], dict[str, Damage]]":
    """The tasks and lesions of a study that are usable, by name.

    Args:
        problems: gets what is wrong with the others, and with lesions on tasks that do not suit
            them; each once.
    """
    from lesion.study.damages import build
    from lesion.study.needs import all_unsuited
    from lesion.tasks.columns import check_columns
    from lesion.tasks.load import load_task

    tasks: dict[str, Task] = {}
    damages: dict[str, Damage] = {}
    for task_spec in study.tasks:
        with _collected(problems):
            task = load_task(task_spec, data)
            len(task.targets)
            check_columns(task, task_spec.parameters.named)
            tasks[task_spec.name] = task
    for lesion_spec in study.lesions:
        with _collected(problems):
            damages[lesion_spec.name] = build(lesion_spec, study.seed)
    problems += all_unsuited(damages, tasks.values())
    return tasks, damages


@contextmanager
def _collected(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except LesionError as error:
        problems.append(str(error))

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
    """The tasks of a study; mistakes in them come before any model is loaded.

    Raises:
        LesionError: with all of them, and with all lesions that do not suit a task.
    """
    problems: list[str] = []
    tasks, _ = resolved(study, data, problems)
    if problems:
        raise LesionError("\n".join(problems))
    return tasks


def resolved(
    study: Study, data: str | Path | None, problems: list[str]
) -> "tuple[dict[str, Task], dict[str, Damage]]":
    """The tasks and lesions of a study that can be had, by name.

    Args:
        problems: gets what is wrong with the others, and with lesions on tasks that do not suit
            them; each once.
    """
    from lesion.study.damages import build
    from lesion.study.needs import all_unsuited
    from lesion.tasks.load import load_task

    tasks: dict[str, Task] = {}
    damages: dict[str, Damage] = {}
    for spec in study.tasks:
        with _noted(problems):
            task = load_task(spec, data)
            len(task.targets)
            tasks[spec.name] = task
    for one in study.lesions:
        with _noted(problems):
            damages[one.name] = build(one, study.seed)
    problems += all_unsuited(damages, tasks.values())
    return tasks, damages


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except LesionError as error:
        problems.append(str(error))

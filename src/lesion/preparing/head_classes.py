"""A head whose classes may stand in another order than the task's: outputs and labels of both."""

from typing import Any

import numpy as np

from lesion.errors import LesionError
from lesion.models.labels import NAMELESS, Fit, fit
from lesion.study.specs import ModelSpec
from lesion.tasks.base import Task


def names_of(config: Any) -> tuple[str, ...]:
    """The names of a head's outputs, in their order."""
    names = config.id2label or {}
    return tuple(str(names[number]) for number in sorted(names))


def fitted(source: str, config: Any, task: Task) -> Fit | None:
    """Which output is which class of a task; None if there are not as many.

    Raises:
        LesionError: if the names of the classes conflict.
    """
    names = names_of(config)
    if len(names) != len(task.classes):
        return None
    matched = fit(names, task.classes)
    if matched is None:
        raise LesionError(
            f"{source}: its head names its classes {', '.join(names)}, but the classes of "
            f"{task.name} are {', '.join(task.classes)}. Which is which cannot be told. Choose a "
            "checkpoint of this task, name its classes as the task does (id2label in its "
            "config.json), or give the study a finetune section."
        )
    return matched


def columns_of(spec: ModelSpec, config: Any, task: Task) -> tuple[int, ...] | None:
    """The head's output for each class of a task; None where they stand in the task's order.

    Raises:
        LesionError: if the names of the classes conflict.
    """
    matched = fitted(spec.source, config, task) if task.head == "classification" else None
    return matched.columns if matched and matched.moved else None


def head_notes(spec: ModelSpec, config: Any, task: Task) -> list[str]:
    """Where the order of the classes is assumed, because one side has only numbers.

    Raises:
        LesionError: if there are not as many classes, or their names conflict.
    """
    matched = fitted(spec.source, config, task)
    if matched is None:
        raise LesionError(
            f"{spec.source}: its head has {config.num_labels} classes, but {task.name} has "
            f"{len(task.classes)} ({', '.join(task.classes)}). Choose a checkpoint of this task, "
            "or give the study a finetune section."
        )
    if not matched.assumed:
        return []
    head, classes = ", ".join(names_of(config)), ", ".join(task.classes)
    numbers, words = (head, classes) if matched.assumed == NAMELESS else (classes, head)
    side = "task" if matched.assumed == NAMELESS else "head"
    return [
        f"{spec.name} on {task.name}: {matched.assumed} ({numbers}), so their order is assumed to "
        f"be that of the {side} ({words})."
    ]


def head_labels(labels: np.ndarray, columns: tuple[int, ...] | None) -> np.ndarray:
    """Labels of a task, int64 (examples,), as the head that is to be trained on numbers them."""
    return labels if columns is None else np.array(columns, dtype=np.int64)[labels]

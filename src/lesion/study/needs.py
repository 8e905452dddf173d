"""Which damage goes with which task: asked once for every pair, before a model is loaded."""

from collections.abc import Iterable, Mapping
from typing import cast

from lesion.damage.lesion import WithRecovery
from lesion.distraction.distraction import Distraction
from lesion.distraction.wound import TextTask
from lesion.errors import LesionError
from lesion.study.damages import Damage
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification

EXAMPLES = 128  # of the training set, for orders by importance and effect mean


def unsuited(name: str, damage: Damage, task: Task) -> str:
    """Why a lesion of a study cannot be scored on a task, in a sentence; "" where it can.

    Reads the examples that the damage is taken from or done to.
    """
    try:
        if isinstance(damage, Distraction):
            _check_texts(name, damage, task)
        elif needs_labels(damage):
            _check_labelled(name, task)
        if isinstance(damage, WithRecovery):
            _check_trainable(name, task)
    except LesionError as error:
        return str(error)
    return ""


def needs_labels(damage: Damage) -> bool:
    """Whether units are ranked by gradients on training examples."""
    return not isinstance(damage, Distraction) and "labels" in damage.needs


def needs_gradients(damage: Damage) -> bool:
    """Whether gradients are taken of the model, for an order or after the damage."""
    return needs_labels(damage) or isinstance(damage, WithRecovery)


def all_unsuited(damages: Mapping[str, Damage], tasks: Iterable[Task]) -> list[str]:
    """`unsuited` for every lesion and task of a study: what is wrong, each once."""
    found = [unsuited(name, one, task) for task in tasks for name, one in damages.items()]
    return list(dict.fromkeys(filter(None, found)))


def _check_texts(name: str, damage: Distraction, task: Task) -> None:
    offered: frozenset[str] = getattr(task, "offers", frozenset())
    if damage.needs <= offered:
        damage.check(cast(TextTask, task))
    else:
        _classify(name, task, "a distraction", "labelled texts")


def _check_labelled(name: str, task: Task) -> None:
    """Units cannot be ranked without examples, or by those of one class: the file is sorted."""
    found = _trained(name, task, "an order by importance", "take another order.")
    labels = found.split("train").first(EXAMPLES).labels.tolist()
    if len(set(labels)) == 1:
        raise LesionError(
            f"{name}: an order by importance reads the first {len(labels)} training examples, and "
            f"those of {task.name} are all {found.classes[labels[0]]!r}: they are sorted by label. "
            "Shuffle the training file."
        )


def _check_trainable(name: str, task: Task) -> None:
    _trained(name, task, "recovery", "leave recover out.")


def _trained(name: str, task: Task, what: str, otherwise: str) -> Classification:
    found = _classify(name, task, what, "training examples")
    if "training" not in found.offers:
        raise LesionError(
            f"{name}: {what} needs training examples, and {task.name} has none. Give the task a "
            f"train file, or {otherwise}"
        )
    return found


def _classify(name: str, task: Task, what: str, has: str) -> Classification:
    if not isinstance(task, Classification):
        raise LesionError(
            f"{name}: {what} needs a task of kind classify, which has {has}. {task.name} is of "
            f"kind {task.kind}. Give them studies of their own."
        )
    return task

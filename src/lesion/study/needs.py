"""What damage needs of a task and what the task offers, compared before any model is loaded.

No other file distinguishes the kinds of damage: this one lists what each needs, and which lesions
of units it contains.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from lesion.damage.lesion import Lesion, Together, WithRecovery
from lesion.distraction.distraction import Distraction
from lesion.distraction.wound import TextTask
from lesion.errors import LesionError
from lesion.models.recipes import Recovery
from lesion.study.damages import Damage
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification

EXAMPLES = 128  # of the training set, for orders by importance and effect mean

TEXTS, LABELS, TRAINING = "texts", "labels", "training"
# need -> what has it, what of a classification it takes, and what to do without training examples
NEEDS = {
    TEXTS: ("a distraction", "labelled texts", ""),
    LABELS: ("an order by importance", "training examples", "take another order."),
    TRAINING: ("recovery", "training examples", "leave recover out."),
}


def needs(damage: Damage) -> tuple[str, ...]:
    """Keys of `NEEDS`: what a task must offer so that the damage can be scored on it."""
    return tuple(need for need in NEEDS if need in damage.needs)


def offers(task: Task) -> frozenset[str]:
    """Keys of `NEEDS` that a task has something for."""
    return task.offers & set(NEEDS)


def needs_gradients(damage: Damage) -> bool:
    """Whether gradients are taken of the model, for an order or after the damage."""
    return bool({LABELS, TRAINING} & set(needs(damage)))


def trains(task: Task) -> bool:
    """Whether a task has training examples."""
    return TRAINING in offers(task)


def lesions_of(damage: Damage) -> tuple[Lesion, ...]:
    """The lesions of units in it: none in a distraction, several in lesions taken together."""
    if isinstance(damage, Distraction):
        return ()
    damage = damage.lesion if isinstance(damage, WithRecovery) else damage
    return damage.lesions if isinstance(damage, Together) else (damage,)


def recovery_of(damage: Damage) -> Recovery | None:
    """The recipe of the training after it; None where there is none."""
    return damage.recipe if isinstance(damage, WithRecovery) else None


def distractions(damages: Iterable[Damage]) -> list[Distraction]:
    """Those that damage texts."""
    return [damage for damage in damages if isinstance(damage, Distraction)]


def unsuited(name: str, damage: Damage, task: Task) -> str:
    """Why a lesion of a study cannot be scored on a task, in a sentence; "" where it can.

    Reads the examples that the damage is taken from or done to.
    """
    try:
        for need in needs(damage):
            _check(name, need, task)
        for distraction in distractions([damage]):
            distraction.check(cast(TextTask, task))
    except LesionError as error:
        return str(error)
    return ""


def all_unsuited(damages: Mapping[str, Damage], tasks: Iterable[Task]) -> list[str]:
    """`unsuited` for every lesion and task of a study: what is wrong, each once."""
    problems = [unsuited(name, damage, task) for task in tasks for name, damage in damages.items()]
    return list(dict.fromkeys(filter(None, problems)))


def suited(damages: Mapping[str, Damage], task: Task) -> dict[str, Damage]:
    """The lesions of a study that can be scored on a task."""
    return {name: damage for name, damage in damages.items() if not unsuited(name, damage, task)}


def classified(task: Task) -> Classification:
    """A task that offers texts, labels or training; call it after `unsuited`."""
    assert isinstance(task, Classification), "`unsuited` refuses every other task"
    return task


def _check(name: str, need: str, task: Task) -> None:
    """Refuse a task that does not offer what is needed."""
    what, has, otherwise = NEEDS[need]
    if TEXTS not in offers(task):
        raise LesionError(
            f"{name}: {what} needs a task of kind classify, which has {has}. {task.name} is of "
            f"kind {task.kind}. Give them studies of their own."
        )
    if need not in offers(task):
        raise LesionError(
            f"{name}: {what} needs training examples, and {task.name} has none. Give the task a "
            f"train file, or {otherwise}"
        )
    if need == LABELS:
        _check_classes(name, classified(task))


def _check_classes(name: str, task: Classification) -> None:
    """Units cannot be ranked by examples of one class: the file is sorted."""
    labels: Sequence[int] = task.split("train").first(EXAMPLES).labels.tolist()
    if len(set(labels)) == 1:
        raise LesionError(
            f"{name}: an order by importance reads the first {len(labels)} training examples, and "
            f"those of {task.name} are all {task.classes[labels[0]]!r}: they are sorted by label. "
            "Shuffle the training file."
        )

"""Tasks whose examples are added as needed: the order in which they come, and parts of them.

The examples stand in a fixed random order, in which every beginning has roughly the shares of the
labels that the whole has (`lesion.tasks.sampling`). A trial is scored on the first n of them. If it
needs more, only the missing ones are scored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lesion.errors import LesionError
from lesion.schema.growing import Growing
from lesion.tasks.base import OfKind, Task, taken
from lesion.tasks.sampling import order


def in_order(task: Task, examples: Growing) -> Task:
    """The task with its examples in the order in which they are added.

    Args:
        task: with all examples that may be scored.
        examples: how many are scored.

    Raises:
        LesionError: if the kind of the task has no parts, or if there are fewer examples than the
            first trials need.
    """
    if not isinstance(task, OfKind) or not hasattr(task, "evaluated"):
        raise LesionError(
            f"Task {task.name!r}: examples of kind {task.kind} cannot be added as needed. Give "
            "examples as a number."
        )
    if len(task.targets) < examples.start:
        raise LesionError(
            f"Task {task.name!r}: has {len(task.targets)} examples, and examples.from is "
            f"{examples.start}. Give a smaller one."
        )
    if getattr(task.evaluated, "ordered", False):  # they stand in such an order already
        return task
    ordered: Task = taken(task, order(len(task.targets), task.name, *_strata(task.evaluated)))
    return ordered


def _strata(examples: Any) -> tuple[np.ndarray, ...]:
    """What every beginning balances: of pairs and labelled texts their labels, and finer groups."""
    groups, labels = getattr(examples, "groups", None), getattr(examples, "labels", None)
    return tuple(each for each in (groups, labels) if each is not None)

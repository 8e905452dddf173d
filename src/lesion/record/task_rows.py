"""Tasks in the file of a record: what is pinned of their examples, and read of them."""

import json
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lesion.tasks.base import Task


def row_of(task: "Task") -> tuple:
    """What a record has of a task beside its name; the digest last."""
    labels = np.ascontiguousarray(task.targets, dtype="<i8")
    classes, metrics = json.dumps(list(task.classes)), json.dumps(list(task.metrics))
    return (task.kind, metrics, classes, labels.tobytes(), len(labels), task.digest)


def about(base: sqlite3.Connection, name: str) -> dict[str, Any] | None:
    """Kind, metrics, classes and labels of a task; None before its first trial."""
    row = base.execute(
        "SELECT kind, metrics, classes, labels FROM tasks WHERE task = ?", (name,)
    ).fetchone()
    if row is None:
        return None
    return {
        "kind": row[0],
        "metrics": tuple(json.loads(row[1])),
        "classes": tuple(json.loads(row[2])),
        "labels": np.frombuffer(row[3], dtype="<i8"),
    }


def examples(base: sqlite3.Connection, name: str) -> int:
    """How many examples a task has; 0 before its first trial."""
    row = base.execute("SELECT examples FROM tasks WHERE task = ?", (name,)).fetchone()
    return row[0] if row else 0


def as_begun(base: sqlite3.Connection, task: "Task") -> "Task":
    """The task with the examples that a run began with.

    In earlier versions `examples: n` took the first n; now it takes a sample.
    """
    row = base.execute("SELECT digest FROM tasks WHERE task = ?", (task.name,)).fetchone()
    if row is None or row[0] == task.digest or not hasattr(task, "first"):
        return task
    former: Task = replace(task, first=True)  # type: ignore[type-var]
    return former if former.digest == row[0] else task

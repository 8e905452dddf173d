"""The task of a run, read again from its source and held to the examples that were scored."""

from pathlib import Path
from typing import TYPE_CHECKING

from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from lesion.tasks.base import Task


def digests(record: Record) -> dict[str, str]:
    """Task -> digest of its examples, of the tasks of which a trial is finished."""
    names, rows = record.rows("tasks")
    return {row[names.index("task")]: row[names.index("digest")] for row in rows}


def scored_task(record: Record, spec: TaskSpec, data: str | Path | None = None) -> "Task":
    """The task with the examples that were scored.

    Args:
        data: folder with data in GLUE's own layout (default: `LESION_DATA`, then the hub).

    Raises:
        LesionError: if its source is not at hand, or holds other examples.
    """
    from lesion.tasks.load import load_task

    task = record.as_begun({spec.name: load_task(spec, data)})[spec.name]
    if task.digest != digests(record)[spec.name]:
        raise LesionError("the examples at their source are not those that this run scored.")
    return task

"""The record of a run that is about to be written: locked, and held to what the run began with."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.record.lock import locked
from lesion.record.record import Record
from lesion.study.study import Study
from lesion.study.task_notes import task_files

if TYPE_CHECKING:
    from lesion.tasks.base import Task


@contextmanager
def held_record(
    folder: Path, study: Study, tasks: "Mapping[str, Task]", note: Callable[[str], None]
) -> "Iterator[tuple[Record, dict[str, Task]]]":
    """The record of a study in a folder, begun if there is none; closed and unlocked at the end.

    Args:
        note: called with a sentence if the file system has no locks.

    Returns:
        The record, and the tasks with the examples that the run began with.

    Raises:
        LesionError: if another process holds the folder, or if study, models or data are others
            than those with which the run began.
    """
    with locked(folder, note), closing(Record.open(folder, study)) as record:
        begun = record.as_begun(tasks)
        record.hold(begun, task_files(begun))
        yield record, begun

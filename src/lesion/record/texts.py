"""The texts of a run's examples, read again from their sources; the record does not hold them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.tasks.spec import TaskSpec

Texts = Mapping[str, Sequence[str]]  # name of a column -> its text of each example


def texts(record: Record, data: str | Path | None, note: Callable[[str], None]) -> dict[str, Texts]:
    """Task -> columns of texts, of the tasks whose source holds the examples that were scored.

    Args:
        data: folder with data in GLUE's own layout (default: `LESION_DATA`, then the hub).
        note: called with a sentence for each task whose texts are not available.
    """
    names, rows = record.rows("tasks")
    digests = {row[names.index("task")]: row[names.index("digest")] for row in rows}
    columns = {}
    for spec in record.study.tasks:
        if spec.name not in digests:
            continue  # no trial of it is finished
        try:
            columns[spec.name] = _texts(record, spec, data, digests[spec.name])
        except LesionError as error:
            note(f"{spec.name}: its texts are left out: {error}")
    return columns


def _texts(record: Record, spec: TaskSpec, data: str | Path | None, digest: str) -> Texts:
    from lesion.tasks.load import load_task

    task = record.as_begun({spec.name: load_task(spec, data)})[spec.name]
    if task.digest != digest:
        raise LesionError("the examples at their source are not those that this run scored.")
    return getattr(task, "texts", {})

"""The texts of a run's examples, read again from their sources; the record does not hold them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.record.scored import digests, scored_task

Texts = Mapping[str, Sequence[str]]  # name of a column -> its text of each example


def texts(record: Record, data: str | Path | None, note: Callable[[str], None]) -> dict[str, Texts]:
    """Task -> columns of texts, of the tasks whose source holds the examples that were scored.

    Args:
        data: folder with data in GLUE's own layout (default: `LESION_DATA`, then the hub).
        note: called with a sentence for each task whose texts are not available.
    """
    columns = {}
    known = digests(record)
    for spec in record.study.tasks:
        if spec.name not in known:
            continue  # no trial of it is finished
        try:
            columns[spec.name] = getattr(scored_task(record, spec, data), "texts", {})
        except LesionError as error:
            note(f"{spec.name}: its texts are left out: {error}")
    return columns

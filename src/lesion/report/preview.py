"""What `lesion check` prints: the numbers of a preview in a table and in sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from lesion.record import cuts
from lesion.report.numbers import duration
from lesion.report.reach import reach_lines

if TYPE_CHECKING:
    from lesion.running.check import Needs, Preview, Row

HEADINGS = ("model", "task", "examples", "cut", "trials", "seconds a trial", "total", "memory")
UNKNOWN = "unknown"
NOTHING = "time and memory unknown"


def preview_table(preview: "Preview") -> Table:
    """A row for every model on every task."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("model", "task") else "right")
    for row in preview.rows:
        table.add_row(*map(Text, _cells(row)))
    return table


def preview_lines(preview: "Preview") -> list[str]:
    """The sentences below the table."""
    study, measured = preview.study, preview.measured
    lines = [*study.notes(), *preview.notes, *(note for needs in measured for note in needs.notes)]
    shares = {text: doses for needs in measured for text, doses in needs.cuts.items()}
    lines += cuts.sentences(shares, {task.name: task.max_length for task in study.tasks}).values()
    lines += reach_lines(preview.reaches)
    return list(dict.fromkeys([*lines, *_totals(preview)]))


def _cells(row: "Row") -> tuple[str, ...]:
    """The cells of a row, as `HEADINGS`."""
    first, needs = (row.model, row.task, str(row.examples)), row.needs
    if needs is None:
        return (*first, UNKNOWN, str(row.trials), *[UNKNOWN] * 3)
    seconds, total = f"{needs.cost.seconds:.2f}", duration(needs.seconds)
    return (
        *first, f"{needs.cost.cut:.1%}", str(row.trials), seconds, total, gigabytes(needs.memory),
    )  # fmt: skip


def _totals(preview: "Preview") -> Iterator[str]:
    """Time and memory of everything, as far as they are known."""
    study, measured, pairs = preview.study, preview.measured, preview.pairs
    known = len(measured)
    rest = "" if known == pairs else f", for {known} of {pairs} models and tasks"
    peak_memory = max((needs.memory for needs in measured), default=0)
    seconds = sum(needs.seconds for needs in measured)
    about = f"{_time_and_memory(preview, seconds, peak_memory)}{rest}" if measured else NOTHING
    yield f"{study.name}: {preview.trials * pairs} trials, {about}."
    if study.finetune:
        trained = [needs for needs in measured if needs.training]
        yield _finetuning(preview, trained, rest)
        peak_memory = max([peak_memory, *(needs.training for needs in trained)])
    if rest and measured:
        yield "What the others need is unknown."
    yield from _warning(peak_memory, preview)


def _finetuning(preview: "Preview", trained: "list[Needs]", rest: str) -> str:
    """Time and memory of the fine-tuning before the trials."""
    seeds = len(preview.study.seeds)
    about = NOTHING
    if trained:
        seconds = seeds * sum(needs.cost.training for needs in trained)
        memory = max(needs.training for needs in trained)
        about = f"{_time_and_memory(preview, seconds, memory)}{rest}"
    heads = seeds * preview.pairs
    return f"Before that, {heads} models are fine-tuned, unless they are in the cache: {about}."


def _time_and_memory(preview: "Preview", seconds: float, memory: int) -> str:
    workers = preview.workers
    where = "on one thread" if workers == 1 else f"with {workers} workers"
    return f"about {duration(seconds / workers)} {where} here, {gigabytes(memory)}"


def gigabytes(size: int) -> str:
    """Bytes in a table."""
    return f"{size / 1e9:.1f} GB"


def _warning(memory: int, preview: "Preview") -> Iterator[str]:
    """What to do where a run would not fit."""
    if memory >= preview.available:
        remedy = " Take fewer workers: --workers." if preview.workers > 1 else ""
        yield f"That is more than the {gigabytes(preview.available)} that are free here.{remedy}"

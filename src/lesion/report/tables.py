"""Tables of results for the terminal; nothing is computed here."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from lesion.analysis.diagnosis import SEVERITIES
from lesion.analysis.scale import LOG, measured_range
from lesion.record.cuts import Cuts, sentences
from lesion.report.numbers import bare, dose, short

if TYPE_CHECKING:
    from lesion.analysis.summary import Analysis, Estimate
    from lesion.study.study import Study

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float] | np.ndarray, low: float, high: float) -> str:
    """One block per value between two bounds; `·` where a value is not finite."""
    span = (high - low) or 1.0
    steps = [(value - low) / span * (len(BLOCKS) - 1) for value in values]
    return "".join(
        BLOCKS[min(max(round(step), 0), len(BLOCKS) - 1)] if np.isfinite(step) else "·"
        for step in steps
    )


def summary_tables(analyses: "Sequence[Analysis]") -> list[Table]:
    """One table per task: the lesions, and below each a row per model with a sparkline of skill."""
    return [
        _task_table(task, [analysis for analysis in analyses if analysis.task == task])
        for task in dict.fromkeys(analysis.task for analysis in analyses)
    ]


def _task_table(task: str, analyses: "Sequence[Analysis]") -> Table:
    title = f"{task}: {analyses[0].metric}, and its skill by dose (1 intact, 0 chance)"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    clustered = any(analysis.clusters != analysis.examples for analysis in analyses)
    headings = ("intact", "skill", "retained area", "D50", "draws", *["clusters"] * clustered)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "skill" else "right", no_wrap=True)
    has_diagnosis = any(analysis.diagnoses for analysis in analyses)
    notes = [_ranges(analyses)]
    if has_diagnosis:
        table.add_column("")
        marks = ", ".join(f"{s.mark} {s.meaning}" for s in SEVERITIES.values())
        notes.append(f"{marks}: see below")
    table.caption, table.caption_justify = "\n".join(filter(None, notes)) or None, "left"
    for lesion in dict.fromkeys(analysis.lesion for analysis in analyses):
        table.add_row(Text(lesion, style="bold"))
        for analysis in analyses:
            if analysis.lesion == lesion:
                health = [_health(analysis)] if has_diagnosis else []
                clusters = [str(analysis.clusters)] if clustered else []
                table.add_row(*_cells(analysis), *clusters, *health)
    return table


def _ranges(analyses: "Sequence[Analysis]") -> str:
    """The doses over which areas are, if lesions differ in them or a scale is logarithmic."""
    lesions: dict[tuple[float, float, bool], dict[str, None]] = {}
    for analysis in analyses:
        lesions.setdefault(_range(analysis), {})[analysis.lesion] = None
    each = [
        f"doses {first:g} to {last:g}{' on a log scale' * log} ({', '.join(names)})"
        for (first, last, log), names in lesions.items()
    ]
    if len(each) > 1:
        return f"retained area: over {'; '.join(each)}. Areas over different doses do not compare."
    return f"retained area: over {each[0]}." if next(iter(lesions))[2] else ""


def _range(analysis: "Analysis") -> tuple[float, float, bool]:
    """The doses over which the area is, and whether it is over their decades."""
    log = analysis.resampled.scale == LOG
    first, last = measured_range(analysis.doses)
    return (first if log else 0.0), last, log


def _cells(analysis: "Analysis") -> tuple[Text | str, ...]:
    seeds = f" x {len(analysis.seeds)}" if len(analysis.seeds) > 1 else ""
    return (
        Text(f"  {analysis.model}"),
        f"{analysis.intact.value:.3f}",
        sparkline(analysis.skill.value, 0.0, 1.0),
        _estimate(analysis.area),
        _d50(analysis),
        f"{len(analysis.draws)}{seeds}",
    )


def _health(analysis: "Analysis") -> Text:
    """The mark of the most severe finding on a model."""
    severities = {finding.severity for finding in analysis.diagnoses}
    marks = ((s.mark, s.style) for name, s in SEVERITIES.items() if name in severities)
    return Text(*next(marks, ("", "")))


def diagnoses(analyses: "Sequence[Analysis]") -> list[Text]:
    """The messages of all findings, each once."""
    findings = {(d.name, d.message, d.severity): d for a in analyses for d in a.diagnoses}
    return [
        Text.assemble((f"{d.name}: ", "yellow" if d.excludes else "dim"), d.message)
        for d in findings.values()
    ]


def cut_texts(cuts: Cuts, study: "Study") -> list[Text]:
    """The share of a task's texts that was cut, and the lesions under which it was larger."""
    limits = {task.name: task.max_length for task in study.tasks}
    return [Text(sentence) for sentence in sentences(cuts, limits).values()]


def _estimate(estimate: "Estimate", shown: Callable[[float], str] = short) -> str:
    """`0.37 [.21, .45]`."""
    if np.isnan(estimate.value):
        return "undefined"
    value, low, high = map(shown, estimate)
    return value if value == low == high else f"{value} [{bare(low)}, {bare(high)}]"


def _d50(analysis: "Analysis") -> str:
    """`0.37 [.21, > 1]`: beyond the doses measured, their bound."""
    first, last = measured_range(analysis.doses)
    return _estimate(analysis.d50, lambda value: dose(value, first, last))

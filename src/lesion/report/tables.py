"""What the terminal shows: tables of what was computed elsewhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from lesion.analysis.diagnosis import SEVERITIES
from lesion.record.cuts import Cuts, sentences
from lesion.report.numbers import bare, short

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
    """A table a task: the lesions, and below each a row a model with a small curve of its skill."""
    return [
        _task_table(task, [one for one in analyses if one.task == task])
        for task in dict.fromkeys(one.task for one in analyses)
    ]


def _task_table(task: str, analyses: "Sequence[Analysis]") -> Table:
    title = f"{task}: {analyses[0].metric}, and its skill by dose (1 intact, 0 chance)"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in ("intact", "skill", "retained area", "D50", "draws"):
        table.add_column(heading, justify="left" if heading == "skill" else "right", no_wrap=True)
    sick = any(one.diagnoses for one in analyses)
    if sick:
        table.add_column("")
        marks = ", ".join(f"{s.mark} {s.meaning}" for s in SEVERITIES.values())
        table.caption = f"{marks}: see below"
        table.caption_justify = "left"
    for lesion in dict.fromkeys(one.lesion for one in analyses):
        table.add_row(Text(lesion, style="bold"))
        for one in analyses:
            if one.lesion == lesion:
                table.add_row(*_cells(one), *([_health(one)] if sick else []))
    return table


def _cells(one: "Analysis") -> tuple[Text | str, ...]:
    seeds = f" x {len(one.seeds)}" if len(one.seeds) > 1 else ""
    return (
        Text(f"  {one.model}"),
        f"{one.intact.value:.3f}",
        sparkline(one.skill.value, 0.0, 1.0),
        _estimate(one.area),
        _estimate(one.d50),
        f"{len(one.draws)}{seeds}",
    )


def _health(one: "Analysis") -> Text:
    """The mark of the most severe finding on a model."""
    severities = {finding.severity for finding in one.diagnoses}
    marks = ((s.mark, s.style) for name, s in SEVERITIES.items() if name in severities)
    return Text(*next(marks, ("", "")))


def diagnoses(analyses: "Sequence[Analysis]") -> list[Text]:
    """What is wrong with models, a sentence or more each, said once."""
    findings = {(d.name, d.message, d.severity): d for a in analyses for d in a.diagnoses}
    return [
        Text.assemble((f"{d.name}: ", "yellow" if d.excludes else "dim"), d.message)
        for d in findings.values()
    ]


def cut_texts(cuts: Cuts, study: "Study") -> list[Text]:
    """Which share of a task's texts was cut, and under which lesions more."""
    limits = {task.name: task.max_length for task in study.tasks}
    return [Text(sentence) for sentence in sentences(cuts, limits).values()]


def _estimate(estimate: "Estimate") -> str:
    """`0.37 [.21, .45]`; `-` stands for an end that is not reached."""
    if np.isnan(estimate.value):
        return "undefined"
    value, low, high = map(short, estimate)
    if value == low == high:
        return "not reached" if value == "-" else value
    low, high = bare(low), bare(high)
    return f"{'not reached' if value == '-' else value} [{low}, {high}]"

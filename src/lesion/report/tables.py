"""What the terminal shows: tables of what was computed elsewhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lesion.analysis.compare import Verdict
    from lesion.analysis.dissociation import Dissociation
    from lesion.analysis.summary import Analysis, Estimate

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
        table.caption = "✗ left out of verdicts, ! warning, · note: see below"
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
    """The gravest of a model's diagnoses, as a sign."""
    graves = {found.severity for found in one.diagnoses}
    signs = {"exclude": ("✗", "yellow"), "warning": ("!", "yellow"), "note": ("·", "dim")}
    return Text(*next((sign for grave, sign in signs.items() if grave in graves), ("", "")))


def findings(
    analyses: "Sequence[Analysis]",
    verdicts: "Sequence[Verdict]",
    dissociations: "Sequence[Dissociation]" = (),
) -> list[Text]:
    """Diagnoses, verdicts and dissociations, a paragraph each."""
    diagnoses = dict.fromkeys(
        (found.name, found.message, found.severity) for one in analyses for found in one.diagnoses
    )
    lines = [
        Text.assemble((f"{name}: ", "yellow" if severity == "exclude" else "dim"), message)
        for name, message, severity in diagnoses
    ]
    lines += [_sentence(verdict) for verdict in verdicts]
    lines += [_dissociation(one) for one in dissociations]
    scopes = dict.fromkeys(verdict.scope for verdict in verdicts if verdict.scope)
    return lines + [Text(scope, style="dim") for scope in scopes]


def _sentence(verdict: "Verdict") -> Text:
    where = f"{verdict.task}, {verdict.lesion}, {verdict.a} and {verdict.b}: "
    text = Text.assemble((where, "dim"), (verdict.answer, "bold"))
    if np.isfinite(verdict.delta):
        text.append(
            f" (difference of retained area {verdict.delta:+.3f} "
            f"[{verdict.lo:+.3f}, {verdict.hi:+.3f}], p = {verdict.p_holm:.3f})"
        )
    text.append(_beside(verdict))
    if verdict.left_out:
        text.append(f" Left out: {'; '.join(verdict.left_out)}.")
    return text.append(f" {verdict.settle}" if verdict.settle else "")


def _beside(verdict: "Verdict") -> str:
    """What stands beside the difference of areas: one dose, and crossings."""
    parts = []
    if verdict.at_dose is not None:
        value, lo, hi = verdict.at_dose
        text = f" At dose {verdict.dose:g}: difference of skill {value:+.3f} [{lo:+.3f}, {hi:+.3f}]"
        if verdict.answers is not None:
            text += f", of right answers {verdict.answers.delta:+.3f} "
            text += f"({verdict.answers.method}: p = {verdict.answers.p:.3f})"
        parts.append(text + ".")
    for crossing in verdict.crossovers:
        above = verdict.b if crossing.before > 0 else verdict.a
        where = f"{crossing.dose:.2f} [{crossing.lo:.2f}, {crossing.hi:.2f}]"
        parts.append(f" The curves cross at dose {where}; below it {above} keeps more.")
    return "".join(parts)


def _dissociation(one: "Dissociation") -> Text:
    value, lo, hi = one.interaction
    text = Text.assemble((f"{one.model}, {' x '.join(one.lesions)}: ", "dim"), (one.answer, "bold"))
    if np.isfinite(value):
        text.append(
            f" (at equal severity, {one.tasks[0]} less {one.tasks[1]} differs by {value:+.3f} "
            f"[{lo:+.3f}, {hi:+.3f}] between the lesions)"
        )
    return text


def _estimate(estimate: "Estimate") -> str:
    """`0.37 [.21, .45]`; `-` stands for an end that is not reached."""
    if np.isnan(estimate.value):
        return "undefined"
    value, low, high = (f"{x:.2f}" if np.isfinite(x) else "-" for x in estimate)
    if value == low == high:
        return "not reached" if value == "-" else value
    low, high = (end.replace("0.", ".", 1) for end in (low, high))
    return f"{'not reached' if value == '-' else value} [{low}, {high}]"

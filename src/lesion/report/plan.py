"""What `lesion plan` prints: sources of variance, prices, and designs with their predictions."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from lesion.report.numbers import duration

if TYPE_CHECKING:
    from lesion.analysis.design import Design, Part, Source
    from lesion.planning.plan import Plan

FEW = 20  # clusters
LEVELS = ("draws", "examples", "clusters", "seeds", "models")


def plan_tables(plan: "Plan") -> list[Table]:
    """The sources of each comparison's variance, and the designs with their predictions."""
    return [_sources(plan.sources), _prices(plan.parts), _designs(plan)]


def plan_lines(plan: "Plan") -> list[str]:
    """The sentences below the tables."""
    return list(_lines(plan))


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def _sources(sources: "Sequence[Source]") -> Table:
    table = _table("Where the variance is, in the pilot", ("", *LEVELS, "interactions"))
    for source in sources:
        parts: dict[str, float] = dict.fromkeys((*LEVELS, "interactions"), 0.0)
        for component in source.components:
            single = component.source if component.source in parts else "interactions"
            parts[single] += float(component.variance)
        total = sum(parts.values())
        cells = (f"{part / total:.0%}" if total else "-" for part in parts.values())
        table.add_row(Text(source.name), *cells)
    return table


def _prices(parts: "dict[str, Part]") -> Table:
    headings = ("", "a trial", "+ 100 examples", "fine-tuning", "examples there are")
    table = _table("Prices, in seconds of one process", headings)
    for task, part in parts.items():
        seed = f"{part.seed:.0f}" if part.seed else "-"
        each = f"{part.trial:.3f}", f"{100 * part.example:.3f}", seed, str(part.most)
        table.add_row(Text(task), *each)
    return table


def _designs(plan: "Plan") -> Table:
    headings = ("", "draws", "examples", "seeds", "doses", "time", "half-width", "power")
    table = _table("Designs, with what they predict", headings)
    study = plan.study
    doses = len(study.doses), len(plan.doses)
    best = plan.proposed or plan.nearest
    name = "the plan" if plan.proposed else "the narrowest"
    rows = (("the study", plan.current, doses[0]), (name, best, doses[1]))
    for name, design, count in rows:
        if design is not None:
            table.add_row(name, *_cells(design, count, plan.workers))
    table.caption = (
        f"half-width: of the widest 95% interval, and with one standard error of the prediction. "
        f"power: the chance of a verdict where the true difference is {plan.margin:g}, of the "
        "comparison that has the least."
    )
    table.caption_justify = "left"
    return table


def _cells(design: "Design", doses: int, workers: int) -> Iterator[str]:
    yield from map(str, (design.draws, design.examples, design.seeds, doses))
    yield duration(design.seconds / workers)
    yield f"{design.widest:.3f} (or {design.surely:.3f})"
    yield f"{min(design.power):.0%}"


def _lines(plan: "Plan") -> Iterator[str]:
    if plan.proposed is None:
        asked = f"± {plan.until:g}" if plan.until else f"{plan.hours:g} hours"
        near = plan.nearest
        yield (
            f"No design within reach satisfies {asked}. The narrowest has {near.draws} draws, "
            f"{near.examples} examples and {near.seeds} seeds: ± {near.surely:.3f} in "
            f"{duration(near.seconds / plan.workers)}. {_limit(plan)}"
        )
    few = min((source.clusters for source in plan.sources), default=FEW)
    if few < FEW:
        yield (
            f"The examples are of {few} clusters: variances of so few are poorly known, and the "
            "prediction may be wrong by more than its standard error."
        )
    workers = f"{plan.workers} worker{'s' if plan.workers > 1 else ''}"
    yield f"Predicted from {plan.pilot}; time is with {workers} on this machine."


def _limit(plan: "Plan") -> str:
    """Which source of the widest comparison more trials do not reduce."""
    widest = plan.sources[int(np.argmax(plan.nearest.widths))]
    spread: dict[str, float] = {}
    for component in widest.components:
        spread[component.source] = spread.get(component.source, 0.0) + float(component.variance)
    largest = max(spread, key=lambda source: spread[source])
    return f"Its widest interval, {widest.name}, varies most by {largest}."

"""Dose-response curves of one task: a column per lesion, a row per metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lesion.report.figures.chart import Chart, RunData
from lesion.report.figures.sheet import FigureData, label
from lesion.report.figures.style import INK, empty_figure, file_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MAX_COLUMNS = 6  # lesions in one row; a task with more has a grid (`grid.py`)


def curve_figure(
    curves: pd.DataFrame,
    task: str,
    metric: str | Sequence[str],
    summary: pd.DataFrame | None = None,
    doses: Mapping[str, str] | None = None,
    diagnoses: pd.DataFrame | None = None,
) -> Figure:
    """Dose-response curves of one task: a column per lesion, a row per metric, a line per model.

    A circle marks the intact score, the band is the interval at each dose, the dotted line is the
    best constant answer, and a tick on the dose axis is the D50 of the main metric (from
    `summary`). Models of one group share a colour and differ in dash.

    Args:
        curves: from `analysis.frames.curve_frame`.
        task: its name.
        metric: a metric, "skill", or several, one row each.
        summary: from `analysis.frames.summary_frame`; without it there are no D50 ticks.
        doses: lesion -> label of its dose axis, such as "dose: fraction of weights destroyed".
        diagnoses: from `analysis.frames.diagnosis_frame`; each with a dose is a sign on its curve
            at this dose, and the legend names the models that verdicts leave out.
    """
    metrics = (metric,) if isinstance(metric, str) else tuple(metric)
    shown = FigureData.of(curves, task, metrics, summary, doses, diagnoses)
    lesions = list(dict.fromkeys(shown.data["lesion"]))
    size = (max(5.2, 1.2 + 3.7 * len(lesions)), 1.1 + 2.9 * len(metrics))
    with empty_figure(size) as figure:
        grid = figure.subplots(
            len(metrics), len(lesions), squeeze=False, sharex="col", sharey="row"
        )
        for row, name in zip(grid, metrics, strict=True):
            for axes, lesion in zip(row, lesions, strict=True):
                shown.draw(axes, lesion, name)
            row[0].set_ylabel(label(name))
        for axes, lesion in zip(grid[0], lesions, strict=True):
            axes.set_title(lesion, loc="left", fontsize=10.5, fontweight="bold", color=INK)
        for axes, lesion in zip(grid[-1], lesions, strict=True):
            axes.set_xlabel(shown.dose_label(lesion))
        shown.legend(figure)
    return figure


def _draw(data: RunData) -> Iterator[tuple[str, Figure]]:
    for task in data.tasks():
        if len(data.lesions(task)) <= MAX_COLUMNS:
            metrics = data.shown_metrics(task)
            frames = data.summary, data.axes, data.diagnoses
            name = f"{file_name(task)}{data.suffix}"
            yield name, curve_figure(data.curves, task, metrics, *frames)


CURVES = Chart(
    name="curves",
    doc="one figure per task with few lesions: a column per lesion, a row per metric",
    draw=_draw,
)

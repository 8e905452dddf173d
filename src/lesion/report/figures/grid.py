"""All lesions of a task side by side: a panel per lesion, the most harmful first.

Areas over different doses do not compare: lesions are in order within each range of doses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lesion.report.figures.chart import Chart, RunData
from lesion.report.figures.curves import MAX_COLUMNS
from lesion.report.figures.dose_axis import is_log, places_on
from lesion.report.figures.sheet import FigureData, drawable, label
from lesion.report.figures.style import INK, empty_figure, file_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 5
BACKGROUND = "#C9CDD3"


def lesion_grid(
    curves: pd.DataFrame,
    task: str,
    metric: str,
    summary: pd.DataFrame,
    doses: Mapping[str, str] | None = None,
    diagnoses: pd.DataFrame | None = None,
) -> Figure:
    """Dose-response curves of one metric, a panel per lesion.

    Lesions with the same range of doses stand together, in order of retained area.

    Panels are as in `curves.curve_figure`. With a single model, each panel also has the curves of
    all other lesions with the same range of doses in grey, for comparison.

    Args:
        curves: from `analysis.frames.curve_frame`.
        task, metric: their names.
        summary: from `analysis.frames.summary_frame`.
        doses: lesion -> label of its dose axis.
        diagnoses: as in `curves.curve_figure`.
    """
    shown = FigureData.of(curves, task, (metric,), summary, doses, diagnoses)
    order = _by_area(summary[summary["task"] == task], shown.data)
    rows = math.ceil(len(order) / COLUMNS)
    with empty_figure((2.9 * COLUMNS, 1.0 + 2.35 * rows), gap=0.06) as figure:
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True)
        for axes in grid.flat[len(order) :]:
            axes.remove()
        for axes, lesion in zip(grid.flat, order, strict=False):
            if len(shown.styles) == 1:
                _draw_others(axes, shown.data, lesion, metric)
            shown.draw(axes, lesion, metric)
            axes.set_title(lesion, loc="left", fontsize=9, fontweight="bold", color=INK)
            axes.set_xlabel(shown.dose_label(lesion).removeprefix("dose: "), fontsize=8)
        for row in grid:
            row[0].set_ylabel(label(metric))
        shown.legend(figure)
    return figure


def _by_area(summary: pd.DataFrame, data: pd.DataFrame) -> list[str]:
    """Lesions by range of doses, then by the mean of their retained areas, the smallest first.

    Ranges are in the order of the run; unknown areas are last.
    """
    area = summary.groupby("lesion", sort=False)["retained_area"].mean()
    ranges = {lesion: _range(data, lesion) for lesion in area.index}
    places = {doses: place for place, doses in enumerate(dict.fromkeys(ranges.values()))}
    ordered = area.sort_values(kind="stable", na_position="last").index
    return sorted(ordered, key=lambda lesion: places[ranges[lesion]])


def _draw_others(axes: Axes, data: pd.DataFrame, lesion: str, metric: str) -> None:
    shared = _range(data, lesion)
    for other, line in data.groupby("lesion", sort=False):
        if other != lesion and _range(data, other) == shared:
            shown = line[line["dose"] > 0] if is_log(line) else line
            places = places_on(line, shown["dose"].to_numpy(float))
            axes.plot(places, drawable(shown, metric), color=BACKGROUND, linewidth=0.7, zorder=1)


def _range(data: pd.DataFrame, lesion: Any) -> tuple[float, float]:
    """The doses over which the area of a lesion is: from 0 on a linear scale."""
    panel = data[data["lesion"] == lesion]
    above = panel.loc[panel["dose"] > 0, "dose"]
    return float(above.min()) if is_log(panel) else 0.0, float(above.max())


def _draw(data: RunData) -> Iterator[tuple[str, Figure]]:
    for task in data.tasks():
        if len(data.lesions(task)) > MAX_COLUMNS:
            main = next(a.metric for a in data.analyses if a.task == task)
            frames = data.summary, data.axes, data.diagnoses
            for metric in data.shown_metrics(task):
                name = file_name(task) if metric == main else f"{file_name(task)}-{metric}"
                yield name + data.suffix, lesion_grid(data.curves, task, metric, *frames)


GRID = Chart(
    name="grid",
    doc="one figure per metric of a task with many lesions: a panel per lesion",
    draw=_draw,
)

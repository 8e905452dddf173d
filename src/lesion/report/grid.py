"""All lesions of a task side by side: a panel each, the most harmful first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lesion.report import figures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDEST = 6  # lesions that stand in one row; more make a grid
COLUMNS = 5
BEHIND = "#C9CDD3"


def side_by_side(
    curves: pd.DataFrame,
    task: str,
    metric: str,
    summary: pd.DataFrame,
    doses: Mapping[str, str] | None = None,
    diagnoses: pd.DataFrame | None = None,
) -> Figure:
    """Dose-response curves of one metric, a panel a lesion, by retained area.

    A panel is one of `figures.curve_figure`. Of a single model, the curves of all other lesions
    with the same range of doses stand behind in grey, so that every panel is read against all.

    Args:
        curves: from `analysis.frames.curve_frame`.
        task, metric: which.
        summary: from `analysis.frames.summary_frame`.
        doses: lesion -> label of its dose axis.
        diagnoses: as of `figures.curve_figure`.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    data = figures._of_task(curves, task, (metric,))
    found = None if diagnoses is None else diagnoses[diagnoses["task"] == task]
    looks = figures._looks(data, set() if found is None else figures._left_out(found))
    order = _by_area(summary[summary["task"] == task])
    rows = math.ceil(len(order) / COLUMNS)
    with style.context(["default", figures.STYLE]):
        figure = Figure(
            figsize=(2.9 * COLUMNS, 1.0 + 2.35 * rows),
            layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06),
            facecolor="white",
        )
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True)
        for number, axes in enumerate(grid.flat):
            if number >= len(order):
                axes.remove()
                continue
            lesion = order[number]
            if len(looks) == 1:
                _draw_others(axes, data, lesion, metric)
            panel = data[data["lesion"] == lesion]
            figures._draw_panel(axes, panel, metric, looks)
            if found is not None:
                mine = found[found["lesion"] == lesion]
                figures._draw_signs(axes, panel, metric, mine, looks)
            figures._draw_d50(axes, figures._rows(summary, task, lesion), looks)
            axes.set_title(lesion, loc="left", fontsize=9, fontweight="bold", color=figures.INK)
            axes.set_xlabel(_short((doses or {}).get(lesion, figures.DOSE)), fontsize=8)
        for row in grid:
            row[0].set_ylabel(figures.LABELS.get(metric, metric.replace("_", " ")))
        signs = [] if found is None else [n for n in figures.SIGNS if n in set(found["name"])]
        figures._legend(figure, task, looks, figures._main(summary, task), signs)
    return figure


def _by_area(summary: pd.DataFrame) -> list[str]:
    """Lesions by the mean of their retained areas, the smallest first; unknown ones last."""
    area = summary.groupby("lesion", sort=False)["retained_area"].mean()
    return list(area.sort_values(kind="stable", na_position="last").index)


def _draw_others(axes: Axes, data: pd.DataFrame, lesion: str, metric: str) -> None:
    mine = _range(data, lesion)
    for other, line in data.groupby("lesion", sort=False):
        if other != lesion and _range(data, other) == mine:
            values = figures._drawable(line, metric)
            axes.plot(line["dose"].to_numpy(float), values, color=BEHIND, linewidth=0.7, zorder=1)


def _range(data: pd.DataFrame, lesion: Any) -> tuple[float, bool]:
    """The largest dose, and whether the smallest ones are decades below it."""
    dose = data.loc[data["lesion"] == lesion, "dose"]
    top = float(dose.max())
    return top, top / float(dose[dose > 0].min()) >= figures.DECADES


def _short(label: str) -> str:
    return label.removeprefix("dose: ")

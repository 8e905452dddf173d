"""Figures of a run from its analysis; nothing is computed here.

A figure is one module with a `Chart`, and one line of `FIGURES`. Figures are drawn with
matplotlib's objects, not through pyplot, so no global figure or backend is touched. They are saved
without dates or random ids: the same data give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from lesion.report.figures.chart import Chart, RunData
from lesion.report.figures.curves import CURVES
from lesion.report.figures.forest import FOREST
from lesion.report.figures.grid import GRID
from lesion.report.figures.sites import SITES
from lesion.report.figures.style import save

__all__ = ["FIGURES", "RunData", "write_figures"]

FIGURES: tuple[Chart, ...] = (CURVES, GRID, SITES, FOREST)


def write_figures(data: RunData, folder: Path | str) -> list[Path]:
    """Write every figure of a run as `folder`/<name>.png and .svg; returns the paths.

    Args:
        data: the analysis of the run.
        folder: is made if it does not exist.
    """
    return [
        path
        for chart in FIGURES
        for name, figure in chart.draw(data)
        for path in save(figure, Path(folder) / name)
    ]

"""The axis of doses of a panel: linear, or decades with the intact model before the first.

A panel is the rows of one lesion of `analysis.frames.curve_frame`. Its axis is linear without a
column `dose_scale`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lesion.analysis.scale import LOG, measured_range

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GAP = 0.15  # between the intact model and the first dose, of the decades of the axis,
LEAST_GAP = 0.5  # and at least so many decades


def is_log(panel: pd.DataFrame) -> bool:
    """Whether the doses of a lesion are on a log scale."""
    return "dose_scale" in panel and bool((panel["dose_scale"] == LOG).any())


def places_on(panel: pd.DataFrame, doses: np.ndarray) -> np.ndarray:
    """Where doses are drawn: themselves; on a log axis dose 0 has a place before the first dose."""
    doses = np.asarray(doses, np.float64)
    return np.where(doses > 0, doses, _intact(panel)) if is_log(panel) else doses


def set_dose_axis(axes: Axes, panel: pd.DataFrame) -> None:
    """Limits, scale and ticks of the axis."""
    first, last = _range(panel)
    if not is_log(panel):
        axes.set_xlim(0, last if last > 0 else 1.0)
        return
    intact = _intact(panel)
    axes.set_xscale("log")
    axes.set_xlim(intact / (first / intact) ** 0.25, last)
    low, high = np.ceil(np.log10(first) - 1e-9), np.floor(np.log10(last) + 1e-9)
    decades = np.arange(low, high + 1)
    ticks = {10.0**n: f"$10^{{{n:.0f}}}$" for n in decades} or {first: f"{first:g}"}
    axes.set_xticks([intact, *ticks], ["0", *ticks.values()])
    between = 10.0 ** np.arange(low - 1, high + 1)[:, None] * np.arange(2, 10)
    axes.set_xticks(between[(between > first) & (between < last)], minor=True)
    axes.set_xticklabels([], minor=True)


def _range(panel: pd.DataFrame) -> tuple[float, float]:
    """The first dose above 0 and the last one."""
    return measured_range(np.sort(panel["dose"].to_numpy(float)))


def _intact(panel: pd.DataFrame) -> float:
    """Where the intact model is on a log axis."""
    first, last = _range(panel)
    return float(first / 10 ** max(GAP * np.log10(last / first), LEAST_GAP))

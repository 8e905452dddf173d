"""Dose-response figures from the frames of the analysis; nothing is computed here.

Drawn with matplotlib's objects, not through pyplot, so no global figure or backend is touched, and
saved without dates or random ids: the same frame gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.report.figures.curves import curve_figure
from lesion.report.figures.grid import side_by_side
from lesion.report.figures.style import file_name, save
from lesion.tasks.metrics import METRICS

if TYPE_CHECKING:
    from lesion.analysis.summary import Analysis

WIDEST = 6  # lesions that stand in one row; more make a grid


def write_figures(
    analyses: Sequence[Analysis],
    folder: Path | str,
    doses: Mapping[str, str] | None = None,
    metrics: Sequence[str] = (),
) -> list[Path]:
    """One figure a task, `folder`/<task>.png and .svg: a row of panels for each metric.

    With more than a few lesions each metric is a grid of panels in a file of its own.

    Args:
        analyses: from `analysis.summary.analyse`.
        folder: is made if it is not there.
        doses: lesion -> label of its dose axis.
        metrics: in the order of the rows; those that a task does not have are left out there.
            Default: the main one and MCC, since the accuracy of a collapsed model is that of the
            class it fell on.
    """
    from lesion.analysis.frames import curve_frame, diagnosis_frame, summary_frame

    curves, summary = curve_frame(analyses), summary_frame(analyses)
    diagnoses = diagnosis_frame(analyses)
    written = []
    for task in dict.fromkeys(a.task for a in analyses):
        first = next(a for a in analyses if a.task == task)
        shown = _shown(first, metrics)
        path = Path(folder) / file_name(task)
        if len({a.lesion for a in analyses if a.task == task}) <= WIDEST:
            figure = curve_figure(curves, task, shown, summary, doses, diagnoses)
            written += save(figure, path)
            continue
        for metric in shown:
            target = path if metric == first.metric else path.with_name(f"{path.name}-{metric}")
            figure = side_by_side(curves, task, metric, summary, doses, diagnoses)
            written += save(figure, target)
    return written


def _shown(first: Analysis, metrics: Sequence[str]) -> tuple[str, ...]:
    """The metrics that the figure of a task shows; the main one and MCC where it has none."""
    wanted = tuple(metric for metric in metrics if metric in first.curves)
    beside = (m for m in first.curves if m in METRICS and METRICS[m].beside)
    return wanted or tuple(dict.fromkeys((first.metric, *beside)))

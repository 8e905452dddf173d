"""Dose-response figures from the frames of the analysis; nothing is computed here.

Drawn with matplotlib's objects, not through pyplot, so no global figure or backend is touched, and
saved without dates or random ids: the same frame gives the same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.report.grid import side_by_side
from lesion.report.panels import INK, STYLE, Sheet, empty_figure, label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from lesion.analysis.summary import Analysis

WIDEST = 6  # lesions that stand in one row; more make a grid


def curve_figure(
    curves: pd.DataFrame,
    task: str,
    metric: str | Sequence[str],
    summary: pd.DataFrame | None = None,
    doses: Mapping[str, str] | None = None,
    diagnoses: pd.DataFrame | None = None,
) -> Figure:
    """Dose-response curves of one task: a column a lesion, a row a metric, a line a model.

    A circle marks the intact score, the band is the interval at each dose, the dotted line is the
    best constant answer, and a tick on the floor is the D50 of the main metric (from `summary`).
    Models of one group share a colour and differ in dash.

    Args:
        curves: from `analysis.frames.curve_frame`.
        task: which task.
        metric: a metric, "skill", or several: one row each.
        summary: from `analysis.frames.summary_frame`; without it there are no D50 ticks.
        doses: lesion -> label of its dose axis, such as "dose: fraction of weights destroyed".
        diagnoses: from `analysis.frames.diagnosis_frame`; each that has a dose is a sign on its
            curve there, and models left out of verdicts are said to be.
    """
    metrics = (metric,) if isinstance(metric, str) else tuple(metric)
    sheet = Sheet.of(curves, task, metrics, summary, doses, diagnoses)
    lesions = list(dict.fromkeys(sheet.data["lesion"]))
    size = (max(5.2, 1.2 + 3.7 * len(lesions)), 1.1 + 2.9 * len(metrics))
    with empty_figure(size) as figure:
        grid = figure.subplots(
            len(metrics), len(lesions), squeeze=False, sharex="col", sharey="row"
        )
        for row, name in zip(grid, metrics, strict=True):
            for axes, lesion in zip(row, lesions, strict=True):
                sheet.draw(axes, lesion, name)
            row[0].set_ylabel(label(name))
        for axes, lesion in zip(grid[0], lesions, strict=True):
            axes.set_title(lesion, loc="left", fontsize=10.5, fontweight="bold", color=INK)
        for axes, lesion in zip(grid[-1], lesions, strict=True):
            axes.set_xlabel(sheet.dose_label(lesion))
        sheet.legend(figure)
    return figure


def save(figure: Figure, path: Path | str, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Writes `path`.png and `path`.svg (path has no suffix), the same bytes for the same figure."""
    from matplotlib import style

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, dict[str, None]] = {"svg": {"Date": None}, "png": {"Software": None}}
    written = []
    with style.context(["default", STYLE]):
        for suffix in formats:
            target = path.with_name(f"{path.name}.{suffix}")
            figure.savefig(target, dpi=200, metadata=metadata.get(suffix))
            written.append(target)
    return written


def file_name(words: str) -> str:
    """Words as the name of a file, without suffix; of letters that file names here can have."""
    try:
        os.fsencode(words)
    except UnicodeEncodeError:  # a POSIX locale
        words = words.encode("ascii", "replace").decode()
    return re.sub(r"[^\w.-]+", "-", words).strip("-.") or "task"


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
    return wanted or tuple(dict.fromkeys((first.metric, *(m for m in first.curves if m == "mcc"))))

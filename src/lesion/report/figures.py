"""Dose-response figures from the frames of the analysis; nothing is computed here.

Drawn with matplotlib's objects, not through pyplot, so no global figure or backend is touched, and
saved without dates or random ids: the same frame gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion.errors import LesionError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lesion.analysis.summary import Analysis

# Okabe & Ito (2008), told apart with any colour vision; black and yellow left out (text, paper).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)))
DECADES = 1000  # largest dose by smallest from which on the axis is logarithmic
INK, SOFT, GRID = "#22262B", "#6B7280", "#E6E8EB"

LABELS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "cross_entropy": "cross-entropy (nats, lower is better)",
    "bits_per_byte": "bits per byte (lower is better)",
    "nats_per_token": "nats per token (lower is better)",
    "perplexity": "perplexity (lower is better)",
    "skill": "skill (1 intact, 0 chance)",
}
DOSE = "dose: fraction of units destroyed"
# What is wrong with a curve, and the sign that says so at the dose where it begins.
SIGNS = {
    "never learned": "X",
    "constant": "s",
    "bimodal": "D",
    "improves under damage": "^",
    "not finite": "P",
}

STYLE = {
    "font.family": "DejaVu Sans",  # carried by matplotlib: the same on every machine
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.hashsalt": "lesion",
    "svg.fonttype": "path",
}


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
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    metrics = (metric,) if isinstance(metric, str) else tuple(metric)
    data = _of_task(curves, task, metrics)
    lesions = list(dict.fromkeys(data["lesion"]))
    found = None if diagnoses is None else diagnoses[diagnoses["task"] == task]
    looks = _looks(data, set() if found is None else _left_out(found))
    with style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        size = (max(5.2, 1.2 + 3.7 * len(lesions)), 1.1 + 2.9 * len(metrics))
        figure = Figure(
            figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.05), facecolor="white"
        )
        FigureCanvasAgg(figure)
        grid = figure.subplots(
            len(metrics), len(lesions), squeeze=False, sharex="col", sharey="row"
        )
        for row, name in zip(grid, metrics, strict=True):
            for axes, lesion in zip(row, lesions, strict=True):
                panel = data[data["lesion"] == lesion]
                _draw_panel(axes, panel, name, looks)
                if summary is not None:
                    _draw_d50(axes, _rows(summary, task, lesion), looks)
                if found is not None:
                    _draw_signs(axes, panel, name, found[found["lesion"] == lesion], looks)
            row[0].set_ylabel(LABELS.get(name, name.replace("_", " ")))
        for axes, lesion in zip(grid[0], lesions, strict=True):
            axes.set_title(lesion, loc="left", fontsize=10.5, fontweight="bold", color=INK)
        for axes, lesion in zip(grid[-1], lesions, strict=True):
            axes.set_xlabel((doses or {}).get(lesion, DOSE))
        signs = [] if found is None else [name for name in SIGNS if name in set(found["name"])]
        _legend(figure, task, looks, None if summary is None else _main(summary, task), signs)
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


def write_figures(
    analyses: Sequence[Analysis], folder: Path | str, doses: Mapping[str, str] | None = None
) -> list[Path]:
    """One figure a task, `folder`/<task>.png and .svg: the main metric, and MCC below it.

    With more than a few lesions each metric is a grid of panels in a file of its own.

    MCC is there because the accuracy of a collapsed model is that of the class it fell on.
    """
    from lesion.analysis.frames import curve_frame, diagnosis_frame, summary_frame
    from lesion.report.grid import WIDEST, side_by_side

    curves, summary = curve_frame(analyses), summary_frame(analyses)
    diagnoses = diagnosis_frame(analyses)
    written = []
    for task in dict.fromkeys(a.task for a in analyses):
        first = next(a for a in analyses if a.task == task)
        metrics = dict.fromkeys((first.metric, *(m for m in first.curves if m == "mcc")))
        path = Path(folder) / (re.sub(r"[^\w.-]+", "-", task).strip("-.") or "task")
        if len({a.lesion for a in analyses if a.task == task}) <= WIDEST:
            figure = curve_figure(curves, task, tuple(metrics), summary, doses, diagnoses)
            written += save(figure, path)
            continue
        for metric in metrics:
            target = path if metric == first.metric else path.with_name(f"{path.name}-{metric}")
            figure = side_by_side(curves, task, metric, summary, doses, diagnoses)
            written += save(figure, target)
    return written


def _of_task(curves: pd.DataFrame, task: str, metrics: Sequence[str]) -> pd.DataFrame:
    tasks = list(dict.fromkeys(curves["task"]))
    if task not in tasks:
        raise LesionError(f"A figure needs a task of the run: {', '.join(tasks)}. Got {task!r}.")
    data = curves[curves["task"] == task]
    known = [c.removesuffix("_lo") for c in data if c.endswith("_lo") and data[c].notna().any()]
    for metric in metrics:
        if metric not in known and f"{metric}_lo" not in data:
            options = ", ".join(known)
            raise LesionError(f"A figure of {task} shows one of {options}. Got {metric!r}.")
    return data


def _rows(summary: pd.DataFrame, task: str, lesion: str) -> pd.DataFrame:
    return summary[(summary["task"] == task) & (summary["lesion"] == lesion)]


def _left_out(diagnoses: pd.DataFrame) -> set[str]:
    """Models that a diagnosis leaves out of verdicts."""
    return set(diagnoses.loc[diagnoses["severity"] == "exclude", "model"])


def _looks(data: pd.DataFrame, left_out: set[str]) -> dict[str, dict[str, Any]]:
    """model -> colour and dash: with groups, a colour a group and a dash a model in it."""
    who = data[["model", "group"]].drop_duplicates("model")
    named = who["group"].dropna()
    grouped = bool(named.duplicated().any())  # a group of one needs no colour of its own
    looks: dict[str, dict[str, Any]] = {}
    families: dict[str, int] = {}
    for model, group in zip(who["model"], who["group"], strict=True):
        family = f"group {group}" if grouped and isinstance(group, str) else f"model {model}"
        hue = list(dict.fromkeys([*families, family])).index(family)
        dash = families.setdefault(family, 0)
        families[family] += 1
        if not grouped:
            dash = hue // len(PALETTE)  # colours used up: the next round is dashed
        looks[model] = {
            "color": PALETTE[hue % len(PALETTE)],
            "linestyle": DASHES[dash % len(DASHES)],
            "label": (f"{model} ({group})" if grouped and isinstance(group, str) else model)
            + (", left out" if model in left_out else ""),
        }
    return looks


def _draw_panel(axes: Axes, panel: pd.DataFrame, metric: str, looks: Mapping[str, Any]) -> None:
    for model, line in panel.groupby("model", sort=False):
        look, dose = looks[model], line["dose"].to_numpy(float)
        value, lo, hi = (_drawable(line, f"{metric}{end}") for end in ("", "_lo", "_hi"))
        alpha = 0.17 if len(looks) <= 2 else 0.10  # many bands on one another turn to mud
        axes.fill_between(dose, lo, hi, color=look["color"], alpha=alpha, linewidth=0)
        axes.plot(dose, value, linewidth=1.8, solid_capstyle="round", **look)
        axes.plot(dose[:1], value[:1], "o", color=look["color"], markersize=5.5, clip_on=False,
                  markeredgecolor="white", markeredgewidth=0.9, zorder=4)  # fmt: skip
    for chance in panel[f"{metric}_chance"].dropna().unique():  # one, but of several tokenizers
        axes.axhline(chance, color=SOFT, linestyle=(0, (1, 2.2)), linewidth=1.3, zorder=1.5)
    top = float(panel["dose"].max()) or 1.0
    axes.set_xlim(0, top)
    axes.margins(y=0.06)
    rate = float(panel["dose"].where(panel["dose"] > 0).min())
    if top / rate >= DECADES:  # error rates: decades, with the intact model before the first
        axes.set_xscale("symlog", linthresh=rate)


def _drawable(line: pd.DataFrame, column: str) -> np.ndarray:
    values = line[column].to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)  # a gap where not finite


def _draw_d50(axes: Axes, summary: pd.DataFrame, looks: Mapping[str, Any]) -> None:
    floor = axes.get_xaxis_transform()
    for model, dose in zip(summary["model"], summary["d50"], strict=True):
        if model in looks and np.isfinite(dose):
            axes.plot([dose, dose], [0, 0.055], transform=floor, linewidth=2.6,
                      color=looks[model]["color"], solid_capstyle="butt", zorder=5)  # fmt: skip


def _draw_signs(
    axes: Axes, panel: pd.DataFrame, metric: str, diagnoses: pd.DataFrame, looks: Mapping[str, Any]
) -> None:
    for found in diagnoses.dropna(subset="dose")[::-1].itertuples():  # the gravest on top
        here = panel[(panel["model"] == found.model) & np.isclose(panel["dose"], found.dose)]
        if found.name in SIGNS and len(here):
            axes.plot(here["dose"], _drawable(here, metric), SIGNS[found.name], markersize=6.5,
                      color="white", markeredgecolor=looks[found.model]["color"],
                      markeredgewidth=1.4, clip_on=False, zorder=6)  # fmt: skip


def _main(summary: pd.DataFrame, task: str) -> str:
    """The metric that the D50s are of."""
    name = str(summary.loc[summary["task"] == task, "metric"].iloc[0])
    return LABELS.get(name, name).split(" (")[0]


def _legend(
    figure: Figure, task: str, looks: Mapping[str, Any], d50_of: str | None, signs: Sequence[str]
) -> None:
    from matplotlib.lines import Line2D

    inks = sorted(looks.values(), key=lambda look: PALETTE.index(look["color"]))
    handles = [Line2D([], [], linewidth=1.8, **look) for look in inks]
    handles.append(Line2D([], [], color=SOFT, linestyle=(0, (1, 2.2)), label="chance"))
    if d50_of is not None:
        handles.append(Line2D([], [], color=SOFT, linestyle="", marker="|", markersize=8,
                              markeredgewidth=2.6, label=f"D50 of {d50_of}"))  # fmt: skip
    handles += [
        Line2D([], [], color="white", linestyle="", marker=SIGNS[name], markersize=6.5,
               markeredgecolor=SOFT, markeredgewidth=1.4, label=name)
        for name in signs
    ]  # fmt: skip
    letters = sum(len(str(handle.get_label())) + 7 for handle in handles)
    room = figure.get_figwidth() * 12  # about so many letters fit in a row
    columns = max(1, min(len(handles), int(len(handles) * room / letters)))
    figure.legend(handles=handles, loc="outside upper left", ncols=columns,
                  frameon=False, title=task, title_fontproperties={"weight": "bold", "size": 12},
                  alignment="left", handlelength=2.4, columnspacing=1.6)  # fmt: skip

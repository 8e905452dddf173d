"""A panel: a curve for each model, its band, chance, D50 and the signs of its diagnoses.

`curves.py` and `grid.py` lay panels out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion.analysis.health import DIAGNOSES
from lesion.analysis.scale import measured_range
from lesion.errors import LesionError
from lesion.report.figures.dose_axis import is_log, places_on, set_dose_axis
from lesion.report.figures.style import DASHES, PALETTE, SOFT
from lesion.tasks.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = {"skill": "skill (1 intact, 0 chance)"} | {
    word: metric.label for word, metric in METRICS.items()
}
DOSE = "dose: fraction of units destroyed"
CARETLEFT, CARETRIGHT = 4, 5  # markers of matplotlib: a D50 beyond the doses measured
# Diagnosis -> the marker of matplotlib at the dose where it begins.
SIGNS = {name: diagnosis.sign for name, diagnosis in DIAGNOSES.items() if diagnosis.sign}


@dataclass(frozen=True)
class FigureData:
    """The data of the figures of one task.

    Attributes:
        task: its name.
        data: its curves, from `analysis.frames.curve_frame`.
        summary: from `analysis.frames.summary_frame`; without it there are no D50 ticks.
        doses: lesion -> label of its dose axis, such as "dose: fraction of weights destroyed".
        diagnoses: from `analysis.frames.diagnosis_frame`; each with a dose is a sign on its curve
            at this dose, and the legend names the models that verdicts leave out.
        styles: model -> colour, dash and label.
    """

    task: str
    data: pd.DataFrame
    summary: pd.DataFrame | None
    doses: Mapping[str, str]
    diagnoses: pd.DataFrame | None
    styles: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(
        cls,
        curves: pd.DataFrame,
        task: str,
        metrics: Sequence[str],
        summary: pd.DataFrame | None,
        doses: Mapping[str, str] | None,
        diagnoses: pd.DataFrame | None,
    ) -> FigureData:
        """The rows of the frames that are of one task.

        Raises:
            LesionError: if the run has no such task, or the task no such metric.
        """
        data = _of_task(curves, task, metrics)
        of_task, findings = (
            frame if frame is None else frame[frame["task"] == task]
            for frame in (summary, diagnoses)
        )
        styles = _styles(data, _left_out(data, findings))
        return cls(task, data, of_task, doses or {}, findings, styles)

    def draw(self, axes: Axes, lesion: str, metric: str) -> None:
        """The curves of all models under one lesion."""
        panel = self.data[self.data["lesion"] == lesion]
        _draw_curves(axes, panel, metric, self.styles)
        if self.summary is not None:
            _draw_d50(axes, panel, self.summary[self.summary["lesion"] == lesion], self.styles)
        if self.diagnoses is not None:
            findings = self.diagnoses[self.diagnoses["lesion"] == lesion]
            _draw_signs(axes, panel, metric, findings, self.styles)

    def dose_label(self, lesion: str) -> str:
        """The label of a lesion's dose axis."""
        return self.doses.get(lesion, DOSE)

    def legend(self, figure: Figure) -> None:
        """The legend above all panels: the task, the lines and the signs."""
        from matplotlib.lines import Line2D

        inks = sorted(self.styles.values(), key=lambda style: PALETTE.index(style["color"]))
        handles = [Line2D([], [], linewidth=1.8, **style) for style in inks]
        handles.append(Line2D([], [], color=SOFT, linestyle=(0, (1, 2.2)), label="chance"))
        if self.summary is not None:
            d50 = f"D50 of {label(str(self.summary['metric'].iloc[0])).split(' (')[0]}"
            handles.append(Line2D([], [], color=SOFT, linestyle="", marker="|", markersize=8,
                                  markeredgewidth=2.6, label=d50))  # fmt: skip
        present = () if self.diagnoses is None else set(self.diagnoses["name"])
        handles += [
            Line2D([], [], color="white", linestyle="", marker=sign, markersize=6.5,
                   markeredgecolor=SOFT, markeredgewidth=1.4, label=name)
            for name, sign in SIGNS.items() if name in present
        ]  # fmt: skip
        letters = sum(len(str(handle.get_label())) + 7 for handle in handles)
        room = figure.get_figwidth() * 12  # letters that fit in a row, approximately
        columns = max(1, min(len(handles), int(len(handles) * room / letters)))
        figure.legend(handles=handles, loc="outside upper left", ncols=columns, frameon=False,
                      title=self.task, title_fontproperties={"weight": "bold", "size": 12},
                      alignment="left", handlelength=2.4, columnspacing=1.6)  # fmt: skip


def label(metric: str) -> str:
    """The label of a metric's axis."""
    return LABELS.get(metric, metric.replace("_", " "))


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


def _left_out(data: pd.DataFrame, findings: pd.DataFrame | None) -> set[str]:
    """Models that verdicts leave out under all lesions."""
    if findings is None:
        return set()
    out = findings[findings["severity"] == "exclude"]
    lesions = {model: set(rows["lesion"]) for model, rows in data.groupby("model")}
    return {model for model, rows in out.groupby("model") if set(rows["lesion"]) == lesions[model]}


def _styles(data: pd.DataFrame, left_out: set[str]) -> dict[str, dict[str, Any]]:
    """model -> colour and dash: with groups, a colour per group and a dash per model in it."""
    who = data[["model", "group"]].drop_duplicates("model")
    named = who["group"].dropna()
    grouped = bool(named.duplicated().any())  # some group has several models
    styles: dict[str, dict[str, Any]] = {}
    families: dict[str, int] = {}
    for model, group in zip(who["model"], who["group"], strict=True):
        family = f"group {group}" if grouped and isinstance(group, str) else f"model {model}"
        hue = list(dict.fromkeys([*families, family])).index(family)
        dash = families.setdefault(family, 0)
        families[family] += 1
        if not grouped:
            dash = hue // len(PALETTE)  # beyond the palette, colours repeat with a dash
        styles[model] = {
            "color": PALETTE[hue % len(PALETTE)],
            "linestyle": DASHES[dash % len(DASHES)],
            "label": (f"{model} ({group})" if grouped and isinstance(group, str) else model)
            + (", left out" if model in left_out else ""),
        }
    return styles


def _draw_curves(axes: Axes, panel: pd.DataFrame, metric: str, styles: Mapping[str, Any]) -> None:
    for model, line in panel.groupby("model", sort=False):
        style, dose = styles[model], line["dose"].to_numpy(float)
        value, lo, hi = (drawable(line, f"{metric}{end}") for end in ("", "_lo", "_hi"))
        alpha = 0.17 if len(styles) <= 2 else 0.10  # many bands on one another are unreadable
        place, joined = places_on(panel, dose), (dose > 0) | ~np.array(is_log(panel))
        axes.fill_between(place, lo, hi, where=joined, color=style["color"], alpha=alpha,
                          linewidth=0)  # fmt: skip
        axes.plot(place[joined], value[joined], linewidth=1.8, solid_capstyle="round", **style)
        if not joined.all():  # the intact model stands alone
            axes.vlines(place[:1], lo[:1], hi[:1], color=style["color"], alpha=0.5, linewidth=1.8)
        axes.plot(place[:1], value[:1], "o", color=style["color"], markersize=5.5, clip_on=False,
                  markeredgecolor="white", markeredgewidth=0.9, zorder=4)  # fmt: skip
    for chance in panel[f"{metric}_chance"].dropna().unique():  # several with several tokenizers
        axes.axhline(chance, color=SOFT, linestyle=(0, (1, 2.2)), linewidth=1.3, zorder=1.5)
    axes.margins(y=0.06)
    set_dose_axis(axes, panel)


def drawable(line: pd.DataFrame, column: str) -> np.ndarray:
    """The values of a column, with gaps where they are not finite."""
    values = line[column].to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)


def _draw_d50(
    axes: Axes, panel: pd.DataFrame, summary: pd.DataFrame, styles: Mapping[str, Any]
) -> None:
    """A tick for each model; an arrow at the first or last dose if its D50 is beyond it."""
    floor = axes.get_xaxis_transform()
    first, last = measured_range(np.sort(panel["dose"].to_numpy(float)))
    for model, dose in zip(summary["model"], summary["d50"], strict=True):
        if model in styles and np.isfinite(dose):
            axes.plot([dose, dose], [0, 0.055], transform=floor, linewidth=2.6,
                      color=styles[model]["color"], solid_capstyle="butt", zorder=5)  # fmt: skip
        elif model in styles and np.isinf(dose):
            axes.plot(first if dose < 0 else last, 0.0275, transform=floor, linestyle="",
                      marker=CARETLEFT if dose < 0 else CARETRIGHT, markersize=6, clip_on=False,
                      color=styles[model]["color"], zorder=5)  # fmt: skip


def _draw_signs(
    axes: Axes, panel: pd.DataFrame, metric: str, diagnoses: pd.DataFrame, styles: Mapping[str, Any]
) -> None:
    for finding in diagnoses.dropna(subset="dose")[::-1].itertuples():  # the first one on top
        point = panel[(panel["model"] == finding.model) & np.isclose(panel["dose"], finding.dose)]
        if finding.name in SIGNS and len(point):
            place = places_on(panel, point["dose"].to_numpy(float))
            axes.plot(place, drawable(point, metric), SIGNS[finding.name], markersize=6.5,
                      color="white", markeredgecolor=styles[finding.model]["color"],
                      markeredgewidth=1.4, clip_on=False, zorder=6)  # fmt: skip

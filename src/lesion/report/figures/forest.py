"""A forest plot: every comparison of a pair of sides, with the summary below.

A row is a task and a lesion, a column of panels a pair of sides. Numbers come from the verdicts and
from `analysis.meta`; nothing is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lesion.report.figures.chart import Chart, RunData
from lesion.report.figures.style import GRID, INK, PALETTE, SOFT, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lesion.analysis.meta import Meta
    from lesion.analysis.verdict import Verdict

LEAST = 3  # comparisons of a pair in a figure, at least
ROW = 0.27  # inches
FIRST, SECOND = PALETTE[:2]  # of the sides
MARGIN = "#F1F2F4"

RowOf = Mapping[tuple[str, str], int]  # (task, lesion) or (task, "") -> row


def forest_figure(verdicts: Sequence[Verdict], metas: Sequence[Meta]) -> Figure:
    """One column of panels per summary: points with their 95% intervals by task and lesion.

    The margin of negligible differences is shaded. A point has the colour of the side that retains
    more; it is hollow if the verdict is "cannot tell". The diamond is the mean with its 95%
    interval, and the thin line through it the prediction interval of one more comparison.

    Args:
        verdicts: from `compare.verdicts`.
        metas: from `meta.summaries` of them.
    """
    row_of, rows = _rows(verdicts)
    size = (2.0 + 3.5 * len(metas), 1.95 + ROW * (rows + 2.2))
    with empty_figure(size) as figure:
        panels = figure.subplots(1, len(metas), squeeze=False, sharey=True, sharex=True)[0]
        for axes, meta in zip(panels, metas, strict=True):
            pair = [v for v in verdicts if (v.a, v.b) == (meta.a, meta.b)]
            axes.set_xlim(*_limits(verdicts, metas))
            _panel(axes, pair, meta, row_of, rows)
        _labels(panels[0], row_of, rows)
        _legend(figure, metas)
    return figure


def _rows(verdicts: Sequence[Verdict]) -> tuple[RowOf, int]:
    """A row for each task and lesion below a row for its task; and the number of rows."""
    row_of: dict[tuple[str, str], int] = {}
    for task in dict.fromkeys(v.task for v in verdicts):
        row_of[task, ""] = len(row_of)
        for v in verdicts:
            if v.task == task:
                row_of.setdefault((task, v.lesion), len(row_of))
    return row_of, len(row_of)


def _panel(axes: Axes, verdicts: Sequence[Verdict], meta: Meta, row_of: RowOf, rows: int) -> None:
    axes.grid(visible=False)
    axes.axvspan(-meta.margin, meta.margin, color=MARGIN, linewidth=0, zorder=0)
    axes.axvline(0, color=SOFT, linewidth=0.9, zorder=1)
    axes.axhline(rows - 0.25, color=GRID, linewidth=0.9, zorder=1)
    for v in verdicts:
        row = row_of[v.task, v.lesion]
        if np.isfinite(v.hi - v.lo):
            _point(axes, v, row)
        else:
            axes.text(0.01, row, "left out", transform=axes.get_yaxis_transform(), fontsize=8.5,
                      color=SOFT, va="center", style="italic")  # fmt: skip
    _diamond(axes, meta, rows + 0.45)
    axes.set_title(f"{meta.b} − {meta.a}", loc="left", fontsize=10.5, fontweight="bold", color=INK)
    axes.set_xlabel("\n".join(_words(meta)), loc="left", fontsize=8.5, linespacing=1.5)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0, pad=9)


def _point(axes: Axes, v: Verdict, row: int) -> None:
    colour = {"a": FIRST, "b": SECOND}.get(v.outcome, SOFT)
    full = v.outcome in ("a", "b", "equivalent")
    axes.plot([v.lo, v.hi], [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([v.delta], [row], "o", markersize=5.6, markeredgecolor=colour, markeredgewidth=1.3,
              color=colour if full else "white", zorder=3)  # fmt: skip


def _diamond(axes: Axes, meta: Meta, row: float) -> None:
    mean, another = meta.pooled.mean, meta.pooled.another
    if np.isfinite(another.lo):
        axes.plot(another[1:], [row, row], color=INK, linewidth=1.0, zorder=2)
        for sign, end, edge in zip("<>", another[1:], axes.get_xlim(), strict=True):
            if abs(end) > abs(edge) and end * edge > 0:  # it extends beyond the panel
                axes.plot([edge], [row], sign, color=INK, markersize=5, clip_on=False)
    corners = ([mean.lo, mean.value, mean.hi, mean.value], [row, row - 0.3, row, row + 0.3])
    axes.fill(*corners, color=INK, linewidth=0, zorder=3)


def _words(meta: Meta) -> list[str]:
    pooled = meta.pooled
    mean = f"mean {pooled.mean.value:+.3f} [{pooled.mean.lo:+.3f}, {pooled.mean.hi:+.3f}]"
    lines = [f"{mean}: {meta.answer}", f"heterogeneity: τ {pooled.tau:.3f}, I² {pooled.i2:.0%}"]
    if np.isfinite(pooled.another.lo):
        lines.append(f"one more: [{pooled.another.lo:+.3f}, {pooled.another.hi:+.3f}]")
    return [re.sub(r"-(?=\d)", "−", line) for line in lines]


def _limits(verdicts: Sequence[Verdict], metas: Sequence[Meta]) -> tuple[float, float]:
    """As wide as the intervals. A prediction interval may be cut off; its ends are in the text."""
    pairs = {(meta.a, meta.b) for meta in metas}
    ends = [end for v in verdicts if (v.a, v.b) in pairs for end in (v.lo, v.hi)]
    ends += [end for meta in metas for end in (*meta.pooled.mean[1:], meta.margin, -meta.margin)]
    finite = [end for end in ends if np.isfinite(end)]
    room = 0.06 * (max(finite) - min(finite))
    return min(finite) - room, max(finite) + room


def _labels(axes: Axes, row_of: RowOf, rows: int) -> None:
    names = [f"{lesion}" if lesion else task for task, lesion in row_of]
    axes.set_yticks([*range(rows), rows + 0.45], [*names, "all"])
    axes.set_ylim(rows + 1.1, -0.6)
    for text, key in zip(axes.get_yticklabels(), [*row_of, ("", "")], strict=True):
        if not key[1]:
            text.set_fontweight("bold")


def _legend(figure: Figure, metas: Sequence[Meta]) -> None:
    """The legend; it names the sides of a single pair, whose panel is narrow."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def dot(face: str, edge: str, name: str) -> Line2D:
        return Line2D([], [], color=edge, marker="o", markersize=5.6, linewidth=1.6,
                      markerfacecolor=face, markeredgecolor=edge, label=name)  # fmt: skip

    meta, single = metas[0], len(metas) == 1
    first, second = (meta.b, meta.a) if single else ("the first named", "the second named")
    handles = [
        dot(SECOND, SECOND, f"{first} retains more"),
        dot(FIRST, FIRST, f"{second} retains more"),
        dot(SOFT, SOFT, "equivalent"),
        dot("white", SOFT, "cannot tell"),
        Patch(color=MARGIN, label=f"margin ± {meta.margin:g}"),
        Line2D([], [], color=INK, marker="D", markersize=5.5, linewidth=1.0,
               label="mean; line: one more"),
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside upper left", ncols=2 if single else 3, frameon=False,
        title="Difference of retained area, 95% intervals", handlelength=2.2, alignment="left",
        title_fontproperties={"weight": "bold", "size": 12},
    )  # fmt: skip


def _draw(data: RunData) -> Iterator[tuple[str, Figure]]:
    shown = [meta for meta in data.metas if meta.effects >= LEAST]
    if shown:
        yield "forest", forest_figure(data.verdicts, shown)


FOREST = Chart(
    name="forest",
    doc="one figure: every comparison of the pairs that have three or more, with their summaries",
    draw=_draw,
)

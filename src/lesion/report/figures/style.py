"""Colours, fonts and files of all figures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    """Words as the name of a file, without suffix, in characters that the file system takes."""
    try:
        os.fsencode(words)
    except UnicodeEncodeError:  # a POSIX locale
        words = words.encode("ascii", "replace").decode()
    return re.sub(r"[^\w.-]+", "-", words).strip("-.") or "task"


# Okabe & Ito (2008), distinct under any colour vision; without black and yellow (text, paper).
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")

DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)))

INK, SOFT, GRID = "#22262B", "#6B7280", "#E6E8EB"

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
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


@contextmanager
def empty_figure(size: tuple[float, float], gap: float = 0.05) -> Iterator[Figure]:
    """An empty figure in Lesion's style, independent of the user's matplotlibrc.

    Args:
        size: inches.
        gap: between panels, inches.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with style.context(["default", STYLE]):
        layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=gap)
        figure = Figure(figsize=size, layout=layout, facecolor="white")
        FigureCanvasAgg(figure)
        yield figure

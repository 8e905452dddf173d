"""Heat maps of the share of every site that a lesion destroys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lesion.analysis.sites import WHOLE
from lesion.models.parts import PARTS
from lesion.report.figures.chart import Chart, RunData
from lesion.report.figures.style import INK, empty_figure, file_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from lesion.analysis.sites import SiteMap

SHADES = ("#F3F6F9", "#BBD7EA", "#5BA3CF", "#0072B2", "#0B2E4B")  # through the palette's blue
CELL = (0.295, 0.225)  # inches
ROWS = 60  # of cells in a figure; with more, the cells are low and have no numbers
GAP = 0.3  # before the column of all parts, in cells
NEAR_ALL = 0.75  # a fraction from which on the scale ends at 1
OUTSIDE = "no layer"


def site_figure(site_map: SiteMap) -> Figure:
    """Heat maps of one task and lesion: a row of panels per model, a panel per dose.

    In a panel a row is a layer, with layer 0 at the bottom and below it the units outside layers.
    A column is a part; after a gap there is one for all parts. Colour is the fraction of the units
    destroyed, on one scale for the whole figure. It ends at 1, or at the largest fraction if that
    is far below 1.
    """
    models = list(dict.fromkeys(site_map.cells["model"]))
    parts, layers = _parts(site_map.cells), _layers(site_map.cells)
    crowded = len(models) * len(layers) > ROWS
    height = CELL[1] / 2 if crowded else CELL[1]
    size = (
        1.6 + len(site_map.doses) * ((len(parts) + GAP) * CELL[0] + 0.15),
        1.75 + len(models) * (len(layers) * height + 0.15),
    )
    with empty_figure((max(size[0], 5.2), size[1]), gap=0.04) as figure:
        grid = figure.subplots(len(models), len(site_map.doses), squeeze=False, sharey=True)
        largest = float(site_map.cells["fraction"].max())
        top = largest if largest < NEAR_ALL else 1.0
        for model, row in zip(models, grid, strict=True):
            for dose, axes in zip(site_map.doses, row, strict=True):
                chosen = (site_map.cells["model"] == model) & (site_map.cells["dose"] == dose)
                table = _table(site_map.cells[chosen], layers, parts)
                mesh = _draw(axes, table, parts, top, numbered=not crowded)
            _label_layers(row[0], layers, model if len(models) > 1 else "", crowded)
        for dose, axes in zip(site_map.doses, grid[0], strict=True):
            axes.set_title(f"dose {dose:g}", loc="left", fontsize=9, color=INK)
        for axes in grid[-1]:
            axes.set_xticks(_centres(parts), [part.replace("_", " ") for part in parts])
            axes.tick_params(axis="x", rotation=90, labelsize=8)
        _colour_bar(figure, mesh, grid)
        _title(figure, site_map, models)
    return figure


def _parts(cells: pd.DataFrame) -> list[str]:
    """In the order of `lesion.models.parts.PARTS`, then heads and the like, then all parts."""
    present = dict.fromkeys(cells["part"])
    known = [part for part in PARTS if part in present]
    others = [part for part in present if part not in (*PARTS, WHOLE)]
    return [*known, *others, *([WHOLE] if WHOLE in present else [])]


def _layers(cells: pd.DataFrame) -> list[int | None]:
    return sorted(set(_numbers(cells)), key=lambda layer: -1 if layer is None else layer)


def _numbers(cells: pd.DataFrame) -> list[int | None]:
    return [layer if inside else None for layer, inside in
            zip(cells["layer"].fillna(0), cells["layer"].notna(), strict=True)]  # fmt: skip


def _table(cells: pd.DataFrame, layers: Sequence[int | None], parts: Sequence[str]) -> np.ndarray:
    """Fractions, (layers, parts); nan if a layer has no such part."""
    table = np.full((len(layers), len(parts)), np.nan)
    rows = [layers.index(layer) for layer in _numbers(cells)]
    table[rows, [parts.index(part) for part in cells["part"]]] = cells["fraction"]
    return table


def _centres(parts: Sequence[str]) -> list[float]:
    return [column + 0.5 + GAP * (part == WHOLE) for column, part in enumerate(parts)]


def _draw(
    axes: Axes, table: np.ndarray, parts: Sequence[str], top: float, numbered: bool
) -> QuadMesh:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("lesion", SHADES)
    height = np.arange(len(table) + 1)
    for number, centre in enumerate(_centres(parts)):
        mesh = axes.pcolormesh(
            [centre - 0.5, centre + 0.5], height, table[:, [number]],
            cmap=shades, vmin=0, vmax=top, edgecolors="white", linewidth=0.8,
        )  # fmt: skip
        for row, share in enumerate(table[:, number]):
            if numbered and np.isfinite(share):
                ink = "white" if share > 0.5 * top else INK
                axes.text(centre, row + 0.47, _short(share), ha="center", va="center",
                          fontsize=6.5, color=ink)  # fmt: skip
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    return mesh


def _short(share: float) -> str:
    """Two digits without the leading zero: .43, 0, 1."""
    text = f"{share:.2f}"
    return {"0.00": "0", "1.00": "1"}.get(text, text.removeprefix("0"))


def _label_layers(axes: Axes, layers: Sequence[int | None], model: str, crowded: bool) -> None:
    names = [OUTSIDE if layer is None else str(layer) for layer in layers]
    step = 3 if crowded else 1
    axes.set_yticks(np.arange(len(layers))[::step] + 0.5, names[::step], fontsize=8)
    axes.set_ylabel(f"{model}\nlayer" if model else "layer")


def _colour_bar(figure: Figure, mesh: QuadMesh, grid: np.ndarray) -> None:
    aspect = max(16, 6 * figure.get_figheight())  # the same width in every figure
    bar = figure.colorbar(mesh, ax=grid, aspect=aspect, pad=0.012)
    bar.set_label("fraction of the units destroyed", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _title(figure: Figure, site_map: SiteMap, models: Sequence[str]) -> None:
    what = site_map.lesion if len(models) > 1 else f"{models[0]}, {site_map.lesion}"
    mean = f", mean of {site_map.draws} draws" if site_map.draws > 1 else ""
    figure.legend(handles=[], loc="outside upper left", frameon=False, alignment="left",
                  title=f"{site_map.task}: {what}{mean}",
                  title_fontproperties={"weight": "bold", "size": 11})  # fmt: skip


def _draw_all(data: RunData) -> Iterator[tuple[str, Figure]]:
    same_name = Counter[str]()
    for site_map in data.maps:
        name = f"{file_name(f'{site_map.task}-{site_map.lesion}')}-sites"
        same_name[name] += 1  # "heads, all" and "heads (all)" make the same name
        number = same_name[name]
        yield name if number == 1 else f"{name}-{number}", site_figure(site_map)


SITES = Chart(
    name="sites",
    doc="one figure per task and lesion that destroys sites unequally: heat maps of the shares",
    draw=_draw_all,
)

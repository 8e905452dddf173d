"""Where the destroyed units are: the counts of every trial by site, and their means as maps."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lesion.study.trials import Trial

if TYPE_CHECKING:
    import pandas as pd

    from lesion.record.record import Record
    from lesion.study.specs import LesionSpec

PLACE = ("layer", "part", "index", "tensor", "units")
PANELS = 6  # doses that a map shows at most
WHOLE = "all parts"  # instead of a part: all parts of a layer that the lesion selects, together


class SiteMap(NamedTuple):
    """The share of every site that a lesion destroys, if it differs between sites.

    Attributes:
        task, lesion: their names.
        doses: a few doses at which sites differ, in equal steps, ascending.
        cells: a row per model, dose, layer and part: `fraction` of the units destroyed, over all
            tensors of the part, mean over seeds and draws. A layer that has several parts with
            units of one kind has a row of part `WHOLE` as well. `layer` is NA outside the layers.
        draws: the largest number of draws in a mean.
    """

    task: str
    lesion: str
    doses: tuple[float, ...]
    cells: pd.DataFrame
    draws: int


def site_frame(record: Record, lesions: Collection[str] | None = None) -> pd.DataFrame:
    """One row per trial and place: its units, how many are destroyed, and the damage done.

    `fraction` is of the units, `relative_norm` is ‖ΔW‖/‖W‖ of the place's tensors: nan in trials of
    older versions, inf where a number is no longer finite.

    A place is a tensor of a site (units: weights), a site (neurons), the heads of a layer, or the
    dimensions or layers of the model. Intact trials and distractions have none. Neither have trials
    of older versions, which did not record places.

    Args:
        record: of a run.
        lesions: the lesions to include; default: all.
    """
    import pandas as pd

    rows = [row for row in record.by_site() if lesions is None or row[0].lesion in lesions]
    sizes = [len(places) for _, places, _ in rows]
    columns: dict[str, Sequence | np.ndarray] = {
        name: np.repeat(np.array([trial[n] for trial, *_ in rows], object), sizes)
        for n, name in enumerate(Trial._fields)
    }
    places = list(chain.from_iterable(places for _, places, _ in rows))
    columns |= {name: [place[n] for place in places] for n, name in enumerate(PLACE)}
    columns["destroyed"] = list(chain.from_iterable(counts for *_, counts in rows))
    kinds = {"seed": "int64", "dose": "float64", "draw": "int64", "layer": "Int64",
             "index": "int64", "units": "int64", "destroyed": "int64"}  # fmt: skip
    frame = pd.DataFrame(columns).astype(kinds)
    norms, unknown = record.norms(), (math.nan,)
    relative = [
        norms[trial].places if trial in norms else unknown * size
        for (trial, *_), size in zip(rows, sizes, strict=True)
    ]
    return frame.assign(
        fraction=frame["destroyed"] / frame["units"],
        relative_norm=np.array(list(chain.from_iterable(relative)), np.float64),
    )


def site_maps(record: Record) -> list[SiteMap]:
    """One map for each task and lesion under which sites lose different shares of their units.

    The order and its scope decide whether they do. Under a random order the shares differ by chance
    only, and a matched control or a recovery has the shares of its lesion: these have no map.
    """
    chosen = {lesion.name: lesion for lesion in record.study.lesions if _chooses(lesion)}
    if not chosen:
        return []
    frame = site_frame(record, chosen)
    maps = []
    for task in record.study.tasks:
        for lesion in chosen.values():
            selected = frame[(frame["task"] == task.name) & (frame["lesion"] == lesion.name)]
            doses = evenly(uneven(selected), PANELS)
            if doses:
                shown = selected[selected["dose"].isin(doses)]
                cells, draws = _cells(shown, lesion), int(shown["draw"].nunique())
                maps.append(SiteMap(task.name, lesion.name, doses, cells, draws))
    return maps


def uneven(frame: pd.DataFrame) -> list[float]:
    """Doses at which no common fraction, rounded to whole units, gives the counts of all places.

    Args:
        frame: rows of `site_frame` of one task and lesion.
    """
    trial = [name for name in Trial._fields if name not in ("task", "lesion")]
    bounds = frame[trial].assign(
        low=(frame["destroyed"] - 0.5) / frame["units"],
        high=(frame["destroyed"] + 0.5) / frame["units"],
    )
    extremes = bounds.groupby(trial).agg({"low": "max", "high": "min"})
    apart = extremes[extremes["low"] > extremes["high"]]
    return sorted(set(apart.index.get_level_values("dose")))


def evenly(values: Sequence[float], most: int) -> tuple[float, ...]:
    """At most `most` of the values, in equal steps.

    Example:
        >>> evenly([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 6)
        (0.1, 0.3, 0.5, 0.7, 0.9)
    """
    step = -(-len(values) // most)
    return tuple(values[(len(values) - 1) % step // 2 :: step]) if step else ()


def _chooses(lesion: LesionSpec) -> bool:
    """Whether a lesion selects units itself, in an order that is not random."""
    own = not (lesion.retrained or any(part.size_matched for part in lesion.lesions))
    return own and any(part.order.word != "random" for part in lesion.lesions)


def _cells(frame: pd.DataFrame, lesion: LesionSpec) -> pd.DataFrame:
    import pandas as pd

    cells = _shares(frame, ["model", "dose", "layer", "part"])
    several = cells.groupby(["model", "layer"], dropna=True)["part"].nunique().gt(1).any()
    if not several or len({part.units.word for part in lesion.lesions}) > 1:
        return cells
    whole = _shares(frame[frame["layer"].notna()], ["model", "dose", "layer"])
    return pd.concat([cells, whole.assign(part=WHOLE)], ignore_index=True)


def _shares(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Fractions by key: the mean over seeds and draws is the share of sums, as units are equal."""
    sums = frame.groupby(keys, dropna=False, sort=False)[["destroyed", "units"]].sum().reset_index()
    return sums.assign(fraction=sums["destroyed"] / sums["units"])[[*keys, "fraction"]]

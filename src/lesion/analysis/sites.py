"""Where the destroyed units were: every trial's counts by site, and their means as maps."""

from __future__ import annotations

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
WHOLE = "all parts"  # in the place of a part: those of a layer that are reached, together


class SiteMap(NamedTuple):
    """Which share of every site a lesion destroys, where that differs between sites.

    Attributes:
        task, lesion: which.
        doses: a few at which sites differ, in equal steps, ascending.
        cells: a row per model, dose, layer and part: `fraction` of the units destroyed, the tensors
            of a part taken together, mean over seeds and draws. Where a layer has several parts
            with units of one kind there is a row of part `WHOLE` as well. `layer` is NA outside
            the layers.
        draws: over which the mean is taken, at most.
    """

    task: str
    lesion: str
    doses: tuple[float, ...]
    cells: pd.DataFrame
    draws: int


def site_frame(record: Record, lesions: Collection[str] | None = None) -> pd.DataFrame:
    """One row per trial and place: its units, how many are destroyed, and which fraction.

    A place is a tensor of a site (units: weights), a site (neurons), the heads of a layer, or the
    dimensions or layers of the model. Intact trials and distractions have none, nor have trials
    that were recorded before places were.

    Args:
        record: of a run.
        lesions: only these; default: all.
    """
    import pandas as pd

    found = [one for one in record.by_site() if lesions is None or one[0].lesion in lesions]
    sizes = [len(where) for _, where, _ in found]
    columns: dict[str, Sequence | np.ndarray] = {
        name: np.repeat(np.array([trial[n] for trial, *_ in found], object), sizes)
        for n, name in enumerate(Trial._fields)
    }
    places = list(chain.from_iterable(where for _, where, _ in found))
    columns |= {name: [place[n] for place in places] for n, name in enumerate(PLACE)}
    columns["destroyed"] = list(chain.from_iterable(gone for *_, gone in found))
    kinds = {"seed": "int64", "dose": "float64", "draw": "int64", "layer": "Int64",
             "index": "int64", "units": "int64", "destroyed": "int64"}  # fmt: skip
    frame = pd.DataFrame(columns).astype(kinds)
    return frame.assign(fraction=frame["destroyed"] / frame["units"])


def site_maps(record: Record) -> list[SiteMap]:
    """One per task and lesion under which sites lose different shares of their units.

    That is a matter of the order and its scope. Where units go at random the shares differ by
    chance only, and a matched control or a recovery has the shares of its lesion: none has a map.
    """
    chosen = {lesion.name: lesion for lesion in record.study.lesions if _chooses(lesion)}
    if not chosen:
        return []
    frame = site_frame(record, chosen)
    maps = []
    for task in record.study.tasks:
        for lesion in chosen.values():
            mine = frame[(frame["task"] == task.name) & (frame["lesion"] == lesion.name)]
            doses = evenly(uneven(mine), PANELS)
            if doses:
                shown = mine[mine["dose"].isin(doses)]
                cells, draws = _cells(shown, lesion), int(shown["draw"].nunique())
                maps.append(SiteMap(task.name, lesion.name, doses, cells, draws))
    return maps


def uneven(frame: pd.DataFrame) -> list[float]:
    """Doses at which no single fraction, rounded to whole units, gives the counts of all places.

    Args:
        frame: rows of `site_frame` of one task and lesion.
    """
    trial = [name for name in Trial._fields if name not in ("task", "lesion")]
    bounds = frame[trial].assign(
        low=(frame["destroyed"] - 0.5) / frame["units"],
        high=(frame["destroyed"] + 0.5) / frame["units"],
    )
    found = bounds.groupby(trial).agg({"low": "max", "high": "min"})
    apart = found[found["low"] > found["high"]]
    return sorted(set(apart.index.get_level_values("dose")))


def evenly(values: Sequence[float], most: int) -> tuple[float, ...]:
    """At most so many of the values, in equal steps.

    Example:
        >>> evenly([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 6)
        (0.1, 0.3, 0.5, 0.7, 0.9)
    """
    step = -(-len(values) // most)
    return tuple(values[(len(values) - 1) % step // 2 :: step]) if step else ()


def _chooses(lesion: LesionSpec) -> bool:
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


def _shares(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Units do not differ between seeds and draws: the share of the sums is the mean share."""
    sums = frame.groupby(by, dropna=False, sort=False)[["destroyed", "units"]].sum().reset_index()
    return sums.assign(fraction=sums["destroyed"] / sums["units"])[[*by, "fraction"]]

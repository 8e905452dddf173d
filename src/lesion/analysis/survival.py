"""Collapse as survival: at which dose a trial is constant, has lost half its skill, is crashed.

Each event belongs to one series of trials, a seed with a draw over all doses. It is put at the
measured dose at which it is first seen; it happened between the dose before and this one, so events
are censored by the grid of doses. A series without the event by the last dose is right-censored
there. No series is censored earlier, so the Kaplan-Meier curve is the share of the series that are
left after each dose.

Its band is therefore that of a share: Clopper & Pearson (1934), which covers at least as often as
it says with any number of draws, and is defined where all or none are left. Greenwood's interval
has no width there. Seeds and draws are crossed. With several of both, the band counts as many
independent series as there are of the fewer, whatever their dependence.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lesion.analysis import curves
from lesion.analysis.bootstrap import Replicates
from lesion.analysis.diagnosis import CONSTANT, CurveData
from lesion.analysis.responses import Responses

Array = np.ndarray

HALF = 0.5  # of the skill
MEDIANS = ("median", "median_lo", "median_hi")  # in which infinity means that it was not reached


class Survival(NamedTuple):
    """One event over the doses of a curve."""

    event: str  # of EVENTS
    doses: Array  # (doses,)
    seen: (
        Array  # (seeds, draws) dose at which it is first seen; inf: not by the last; nan: no skill
    )
    surviving: Array  # (doses,) share of the series without it (Kaplan & Meier 1958)
    lo: Array  # (doses,) pointwise interval of this share
    hi: Array
    median: float  # the first dose at which at most half are left; inf: not reached
    median_lo: float  # the doses at which the interval contains a half
    median_hi: float

    @property
    def series(self) -> Array:
        """The doses of all series for which the event is defined."""
        return self.seen[~np.isnan(self.seen)]

    @property
    def units(self) -> Array:
        """One dose for each draw, the upper median over its seeds; of one draw, for each seed.

        Seeds of a draw share its damage, so they are not independent.
        """
        learned = self.seen[~np.isnan(self.seen).any(1)]
        if self.seen.shape[1] == 1:
            return learned[:, 0]
        return np.sort(learned, axis=0)[len(learned) // 2] if len(learned) else np.empty(0)


class Event(NamedTuple):
    """Something that happens to a series of trials.

    Attributes:
        word: as tables and JSON show it.
        phrase: what has happened to a draw, in words.
        state: the trials in which it is so, (seeds, draws, doses); None: not defined.
        lasting: whether it counts only if it is so at all later doses, too.
    """

    word: str
    phrase: str
    state: Callable[[CurveData], Array | None]
    lasting: bool = True


def _constant(curve: CurveData) -> Array | None:
    shares = curve.class_shares
    return None if shares is None else (shares.max(-1) >= CONSTANT) | curve.crashed


def _half_lost(curve: CurveData) -> Array | None:
    """Of the skill of this seed; a seed that is intact not above chance has none to lose."""
    with np.errstate(invalid="ignore"):
        return skills(curve.main) <= HALF


def _crashed(curve: CurveData) -> Array | None:
    return curve.crashed


EVENTS = {
    event.word: event
    for event in (
        Event("constant", "constant for good", _constant),
        Event("half lost", "without half of their skill for good", _half_lost),
        Event("crashed", "crashed", _crashed, lasting=False),
    )
}
"""Every event by its word. A crashed trial counts as constant: it does not depend on its input."""


def skills(main: Replicates) -> Array:
    """Skill of each trial, relative to its own seed: (seeds, draws, doses)."""
    chance = np.full(main.cells.shape[:2], main.chance)
    return curves.skill(main.cells, chance, main.cells[:, :, 0], main.higher)


def survivals(responses: Responses, main: Replicates) -> dict[str, Survival]:
    """A curve for each event that is defined; `main` holds the main metric."""
    curve, by_event = CurveData(responses, main), {}
    learned = np.isfinite(skills(main)[:, :, 0])
    for event in EVENTS.values():
        state = event.state(curve)
        if state is None:
            continue
        seen = first_seen(responses.doses, state, event.lasting)
        if event.word == "half lost":
            seen = np.where(learned, seen, np.nan)
        if not np.isnan(seen).all():
            by_event[event.word] = survival(event.word, responses.doses, seen)
    return by_event


def first_seen(doses: Array, state: Array, lasting: bool) -> Array:
    """The first dose of a state, or that from which on it lasts: (..., doses) -> (...); inf: none.

    Example:
        >>> first_seen(np.array([0.0, 0.5, 1.0]), np.array([[0, 1, 0], [0, 1, 1]]) > 0, True)
        array([inf, 0.5])
    """
    if lasting:
        state = np.logical_and.accumulate(state[..., ::-1], axis=-1)[..., ::-1]
    return np.where(state.any(-1), np.asarray(doses, np.float64)[state.argmax(-1)], np.inf)


def survival(event: str, doses: Array, seen: Array, level: float = 0.95) -> Survival:
    """The Kaplan-Meier curve of doses at which an event is seen, (seeds, draws)."""
    from scipy.stats import ecdf

    doses = np.asarray(doses, np.float64)
    series = seen[~np.isnan(seen)]
    surviving = ecdf(censored(series, doses[-1])).sf.evaluate(doses)
    several = [n for n in seen.shape if n > 1]
    lo, hi = share_interval(surviving, min([*several, len(series)]) if several else 1, level)
    lo[0] = hi[0] = surviving[0]  # intact, all draws are the same
    ends = (_at_most_half(doses, curve) for curve in (surviving, lo, hi))
    return Survival(event, doses, seen, surviving, lo, hi, *ends)


def censored(series: Array, last: float) -> Any:
    """Doses as SciPy takes them; those that are infinite are right-censored at the last one."""
    from scipy.stats import CensoredData

    seen = np.isfinite(series)
    return CensoredData(uncensored=series[seen], right=np.full((~seen).sum(), last))


def share_interval(share: Array, members: int, level: float = 0.95) -> tuple[Array, Array]:
    """The interval of a share of independent members (Clopper & Pearson 1934)."""
    from scipy.special import betaincinv

    yes = np.clip(np.asarray(share, np.float64), 0, 1) * members
    no, tail = members - yes, (1 - level) / 2
    none, every = yes <= 1e-9, no <= 1e-9
    lo = betaincinv(np.where(none, 1, yes), no + 1, tail)
    hi = betaincinv(yes + 1, np.where(every, 1, no), 1 - tail)
    return np.where(none, 0.0, lo), np.where(every, 1.0, hi)


def _at_most_half(doses: Array, curve: Array) -> float:
    below = curve <= HALF + 1e-9
    return float(doses[below.argmax()]) if below.any() else float("inf")


def rows_of(curve: Survival) -> list[dict]:
    """One row per dose: how many series are at risk, events, and the share that is left."""
    series, rows = curve.series, []
    for t, dose in enumerate(curve.doses):
        row = {"event": curve.event, "dose": float(dose)}
        row |= {"at_risk": int((series >= dose).sum()), "events": int((series == dose).sum())}
        row |= {"surviving": float(curve.surviving[t])}
        row |= {"surviving_lo": float(curve.lo[t]), "surviving_hi": float(curve.hi[t])}
        rows.append(row | {name: getattr(curve, name) for name in MEDIANS})
    return rows

"""Which draws and doses to measure next: where the uncertainty is, until it is small enough.

A plan is a rectangle: these doses, for draws 0, 1, ... of every model and seed. Plans only grow,
and the next one is a pure function of what the last one gave, so that an interrupted run and any
number of workers come to the same trials.

Draws are added while the interval of some comparison is too wide, as many as its variance shares
say are missing and two more, at most doubling at a time. Whoever stops as soon as an interval looks
narrow stops too often where it is narrow by chance. So its half-width, whose relative standard
error is 1 / sqrt(2 x degrees of freedom), has to be narrow enough with one such error to spare; and
going past the mark leaves few chances to stop (Hall 1983).

Doses are added where they could matter for the area:
within a segment of width h over which a falling curve drops by d, the area is known to h d / 2 on
either side; taken as uniform, these errors have the variance (h d)^2 / 12 each. The worst segments
are halved until the root of their sum is a quarter of the half-width that is asked for: most doses
go where the curve falls, around its knee, and few to where it is flat.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves, health
from lesion.analysis.contrast import Contrast, contrast, side_of
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import Sampled, sampled, weights_of
from lesion.analysis.settle import times_needed

Array = np.ndarray

COARSE = 9  # doses of the first plan
SPARE = 2  # draws beyond those that seem to be missing
GRID_SHARE = 0.25  # of the half-width asked for that the doses may cost


class Aim(NamedTuple):
    """How narrow the intervals shall be, and what may be spent on it."""

    doses: tuple[float, ...]  # those that may be measured, ascending, 0 first
    start: int  # draws of the first plan
    most: int
    until: float  # half-width of the 95% interval of each difference of retained areas


class Plan(NamedTuple):
    """Draws 0 ... draws - 1 of every model and seed, at these doses (0: intact)."""

    draws: int
    doses: tuple[float, ...]


def first_plan(aim: Aim) -> Plan:
    """A few doses from end to end, and as many draws as the study starts with."""
    places = np.linspace(0, len(aim.doses) - 1, min(COARSE, len(aim.doses)))
    doses = {aim.doses[round(float(place))] for place in places}
    return Plan(min(aim.start, aim.most), tuple(sorted({0.0, *doses})))


def next_plan(
    plan: Plan,
    found: Sequence[Responses],
    aim: Aim,
    between: str = "model",
    seed: int = 0,
    replicates: int = 2000,
) -> Plan | None:
    """What to measure after `plan`, or None: narrow enough, or all is spent.

    Args:
        found: what each model answered on one task under one lesion, just at the plan's draws and
            doses. Models that verdicts leave out count for nothing.
        between: "model" or "group", as in `compare.verdicts`; where there is nothing to compare,
            each model's own retained area is to be known that well.
    """
    healthy = _healthy(found, seed, replicates)
    if not healthy:
        return None
    doses = set(plan.doses)
    for _, skill in healthy:
        doses |= set(_halved(skill, aim))
    draws = plan.draws
    for one in _comparisons(healthy, between):
        draws = max(draws, _draws(plan.draws, one, aim))
    wanted = Plan(draws, tuple(sorted(doses)))
    return None if wanted == plan else wanted


def _healthy(
    found: Sequence[Responses], seed: int, replicates: int
) -> list[tuple[Responses, Sampled]]:
    kept = []
    for one in found:
        metric = one.metrics[0]
        main = bootstrap.replicate(one, weights_of(one, seed, replicates), [metric])[metric]
        if not any(d.excludes for d in health.diagnose(one, main)):
            kept.append((one, sampled(one.doses, main)))
    return kept


def _comparisons(healthy: Sequence[tuple[Responses, Sampled]], between: str) -> list[Contrast]:
    sides: dict[str, list[Sampled]] = {}
    for one, skill in healthy:
        name = one.group if between == "group" else one.model
        sides.setdefault(name or one.model, []).append(skill)
    made = [side_of(side, curves.retained_area) for side in sides.values()]
    if len(made) > 1:
        return [contrast(a, b) for a, b in combinations(made, 2)]
    (alone,) = made
    return [contrast(alone.nothing(), alone)]


def _draws(now: int, one: Contrast, aim: Aim) -> int:
    """How many draws this comparison asks for; see above for the standard error to spare."""
    half, goal = float(one.hi - one.lo) / 2, aim.until / (1 + (2 * float(one.freedom)) ** -0.5)
    if half <= goal or now >= aim.most:
        return now
    times = times_needed(one.parts, goal, {"draws"}) if np.isfinite(half) else None
    wanted = 2 * now if times is None else min(int(np.ceil(now * times)) + SPARE, 2 * now)
    return min(wanted, aim.most)


def _halved(skill: Sampled, aim: Aim) -> list[float]:
    """The doses of a curve, and those that halve its worst segments."""
    grid, smooth = np.asarray(aim.doses), curves.falling(skill.value)
    doses, value = list(skill.doses), list(smooth)
    span = doses[-1] - doses[0]
    while True:
        loss = np.diff(doses) / span * -np.diff(value) / np.sqrt(12)  # (segments,)
        if np.sqrt((loss**2).sum()) <= GRID_SHARE * aim.until:
            return doses
        for worst in np.argsort(-loss, kind="stable"):
            between = grid[(grid > doses[worst] + 1e-9) & (grid < doses[worst + 1] - 1e-9)]
            if loss[worst] > 0 and len(between):
                break
        else:
            return doses
        middle = (doses[worst] + doses[worst + 1]) / 2
        doses.insert(worst + 1, float(between[np.abs(between - middle).argmin()]))
        value.insert(worst + 1, (value[worst] + value[worst + 1]) / 2)

"""What to measure next, until the intervals are narrow enough: draws, doses, examples, seeds.

A grid is a rectangle of trials: the same doses for draws 0, 1, ... of every model and seed, on the
same examples. Grids only grow, and the next grid is a pure function of the results of the last one.
An interrupted run, and a run with any number of workers, therefore has the same trials.

Draws are added while the interval of a comparison is too wide: the number that its components of
variance require and two more, at most twice as many at a time. Stopping as soon as an interval is
narrow favours intervals that are narrow by chance. The half-width has a relative standard error of
1 / sqrt(2 x degrees of freedom), and it must be narrow enough by a margin of one standard error.
Overshooting leaves few occasions to stop early (Hall 1983).

Where examples or seeds may be added as well, the comparison that is furthest from its goal decides:
the cheapest numbers are taken that are expected to make its interval narrow enough (`growth`), at
most twice as many of each at a time.

Doses are added where they could change the area. Within a segment of width h over which a falling
curve drops by d, the area is known to +- h d / 2; as uniform errors, these have the variance
(h d)^2 / 12 each. The worst segments are halved until the root of the sum is a quarter of the
target half-width. Most doses lie where the curve falls, around its knee, and few where it is flat.
Widths and middles are those of the doses' scale.
Where examples or seeds are added too, d is what the segment drops beyond its neighbours: a curve
that falls evenly over several segments is smooth, and its area is known better.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves, health
from lesion.analysis.contrast import Contrast, contrast, side_of
from lesion.analysis.growth import Size, Spreading, cheapest, goal_of
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import ResampledCurve, resampled, sample, weights_of
from lesion.analysis.scale import LINEAR, LOG, places_of, without_place
from lesion.analysis.settle import times_needed
from lesion.schema import Growing

Array = np.ndarray

FIRST_DOSES = 9  # of the first grid
FEW_DOSES = 5  # of the first grid, where examples or seeds are added too
EXTRA_DRAWS = 2  # beyond the estimated number
GRID_SHARE = 0.25  # of the target half-width: the largest error that the doses may cause


class Target(NamedTuple):
    """The required half-width of the intervals, and what may be used to reach it."""

    doses: tuple[float, ...]  # those that may be measured, ascending, 0 first
    start: int  # draws of the first grid
    most: int  # draws of the last one, at most
    until: float  # half-width of the 95% interval of each difference of retained areas
    scale: str = LINEAR  # of the doses
    examples: Growing | None = None  # None: all that there are
    seeds: Growing | None = None  # None: all that the study has
    seed_price: float = 0.0  # of a fine-tuning seed, in examples scored

    @property
    def grows(self) -> bool:
        """Whether there is more to add than draws and doses."""
        return self.examples is not None or self.seeds is not None


class TrialGrid(NamedTuple):
    """Draws 0 ... draws - 1 of every model and seed, at some doses (0: intact).

    Of seeds and examples, the first ones that the study has; None: all.
    """

    draws: int
    doses: tuple[float, ...]
    examples: int | None = None
    seeds: int | None = None


def first_grid(target: Target) -> TrialGrid:
    """A few doses over the whole range, and the numbers that the study starts with."""
    count = FEW_DOSES if target.grows else FIRST_DOSES
    over = _over_decades if target.scale == LOG else _over_range
    return TrialGrid(
        min(target.start, target.most),
        tuple(sorted({0.0, *over(target.doses, count)})),
        None if target.examples is None else target.examples.start,
        None if target.seeds is None else target.seeds.start,
    )


def _over_range(doses: tuple[float, ...], count: int) -> set[float]:
    """Every so many-th dose, from the first to the last."""
    indices = np.linspace(0, len(doses) - 1, min(count, len(doses)))
    return {doses[round(float(index))] for index in indices}


def _over_decades(doses: tuple[float, ...], count: int) -> set[float]:
    """The doses that are nearest to places at equal distances on the log scale."""
    above = np.array([dose for dose in doses if dose > 0])
    if not len(above):
        return set()
    places = places_of(above, LOG)
    wanted = np.linspace(places[0], places[-1], min(count - 1, len(above)))
    nearest = np.abs(places - wanted[:, None]).argmin(1)
    return set(above[nearest].tolist())


def next_grid(
    grid: TrialGrid,
    responses: Sequence[Responses],
    target: Target,
    between: str = "model",
    seed: int = 0,
    replicates: int = 2000,
) -> TrialGrid | None:
    """The grid after `grid`; None if the intervals are narrow enough or nothing is left to add.

    Args:
        responses: of each model on one task under one lesion, at exactly the draws, doses,
            examples and seeds of the grid. Models that verdicts leave out are not used.
        between: as in `compare.verdicts`. If there is nothing to compare here, or lesions or tasks
            are compared, the target applies to the retained area of each model.
    """
    healthy = _healthy(responses, seed, replicates)
    if not healthy:
        return None
    doses = set(grid.doses)
    for _, skill in healthy:
        doses |= set(refined(skill, target))
    differences = _comparisons(healthy, between)
    larger = grid._replace(doses=tuple(sorted(doses)))
    if target.grows:
        spreading = _spreading(responses, healthy, between, seed, replicates)
        larger = _grown(larger, responses[0], differences, target, spreading)
    else:
        draws = [_draws(grid.draws, difference, target) for difference in differences]
        larger = larger._replace(draws=max(grid.draws, *draws))
    return None if larger == grid else larger


def _healthy(
    responses: Sequence[Responses], seed: int, replicates: int
) -> list[tuple[Responses, ResampledCurve]]:
    """The responses that verdicts use, with their resampled curves."""
    healthy = []
    for r in responses:
        metric = r.metrics[0]
        main = bootstrap.replicate(r, weights_of(r, seed, replicates), [metric])[metric]
        if not any(finding.excludes for finding in health.diagnose(r, main)):
            healthy.append((r, resampled(r.doses, main, r.dose_scale)))
    return healthy


def _comparisons(
    healthy: Sequence[tuple[Responses, ResampledCurve]], between: str
) -> list[Contrast]:
    sides: dict[str, list[ResampledCurve]] = {}
    for responses, skill in healthy:
        name = responses.group if between == "group" else responses.model
        sides.setdefault(name or responses.model, []).append(skill)
    areas = [side_of(side, curves.retained_area) for side in sides.values()]
    if len(areas) > 1 and between in ("model", "group"):
        return [contrast(a, b) for a, b in combinations(areas, 2)]
    return [contrast(area.zero(), area) for area in areas]


def _draws(now: int, difference: Contrast, target: Target) -> int:
    """The number of draws that this comparison requires; the module's docstring has the rule."""
    half = float(difference.hi - difference.lo) / 2
    goal = goal_of(target.until, difference.components)
    if half <= goal or now >= target.most:
        return now
    factor = times_needed(difference.components, goal, {"draws"}) if np.isfinite(half) else None
    needed = 2 * now if factor is None else int(np.ceil(now * factor)) + EXTRA_DRAWS
    return min(needed, 2 * now, target.most)


def _grown(
    grid: TrialGrid,
    responses: Responses,
    differences: Sequence[Contrast],
    target: Target,
    spreading: Sequence[Spreading | None],
) -> TrialGrid:
    """The grid with what the comparison needs that is furthest from its goal.

    Args:
        responses: of any model.
        spreading: of the examples of each comparison.
    """
    now = Size(len(responses.draws), len(responses.labels), len(responses.seeds))
    most = Size(
        max(target.most, now.draws),
        now.examples if target.examples is None else max(target.examples.most, now.examples),
        now.seeds if target.seeds is None else max(target.seeds.most, now.seeds),
    )
    halves = np.array([float(d.hi - d.lo) / 2 for d in differences])
    goals = np.array([goal_of(target.until, d.components) for d in differences])
    excess = np.where(np.isfinite(halves), halves / goals, np.inf)
    furthest = int(excess.argmax())
    if excess[furthest] <= 1:
        return grid
    if np.isfinite(excess[furthest]):
        components, spread = differences[furthest].components, spreading[furthest]
        doses = len(grid.doses) - 1
        wanted = cheapest(components, target.until, now, most, doses, target.seed_price, spread)
    else:  # an intact score is too near chance
        wanted = most
    size = Size(*(min(number, 2 * before) for number, before in zip(wanted, now, strict=True)))
    return grid._replace(
        draws=size.draws,
        examples=None if target.examples is None else size.examples,
        seeds=None if target.seeds is None else size.seeds,
    )


def _spreading(
    responses: Sequence[Responses],
    healthy: Sequence[tuple[Responses, ResampledCurve]],
    between: str,
    seed: int,
    replicates: int,
) -> list[Spreading | None]:
    """How the examples of each comparison add up; None where they are independent."""
    clustered = _comparisons(healthy, between)
    clusters = responses[0].clusters
    if clusters is None:
        return [None] * len(clustered)
    names = {r.model for r, _ in healthy}
    apart = [r._replace(clusters=None) for r in responses if r.model in names]
    curves_apart = [(r, sample(r, seed, replicates)) for r in apart]
    independent = _comparisons(curves_apart, between)
    return [
        Spreading.of(clusters, _of_examples(a) / _of_examples(b) if _of_examples(b) > 0 else 1.0)
        for a, b in zip(clustered, independent, strict=True)
    ]


def _of_examples(difference: Contrast) -> float:
    """Variance of a comparison over its examples, with their interactions."""
    return sum(float(c.variance) for c in difference.components if "examples" in c.levels)


def refined(skill: ResampledCurve, target: Target) -> list[float]:
    """The doses of a curve, and those that halve its worst segments on their scale."""
    start = without_place(skill.places)
    grid, smooth = places_of(np.asarray(target.doses), target.scale), curves.falling(skill.value)
    doses, places, value = list(skill.doses), list(skill.places[start:]), list(smooth[start:])
    span = places[-1] - places[0] if len(places) > 1 else 1.0
    while True:
        widths, drops = np.diff(places), -np.diff(value)  # (segments,)
        if target.grows:
            drops = np.abs(drops - widths * _slopes_beside(drops / widths))
        loss = widths / span * drops / np.sqrt(12)
        if np.sqrt((loss**2).sum()) <= GRID_SHARE * target.until:
            return doses
        for worst in np.argsort(-loss, kind="stable"):
            between = (grid > places[worst] + 1e-9) & (grid < places[worst + 1] - 1e-9)
            if loss[worst] > 0 and between.any():
                break
        else:
            return doses
        middle = (places[worst] + places[worst + 1]) / 2
        nearest = np.flatnonzero(between)[np.abs(grid[between] - middle).argmin()]
        doses.append(float(target.doses[nearest]))
        places.insert(worst + 1, float(grid[nearest]))
        value.insert(worst + 1, (value[worst] + value[worst + 1]) / 2)


def _slopes_beside(slopes: Array) -> Array:
    """Mean slope of the two neighbours of each segment; the curve is flat outside."""
    around = np.concatenate([[0.0], slopes, [0.0]])
    return (around[:-2] + around[2:]) / 2

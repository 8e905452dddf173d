"""One joint bootstrap over every source of variance: fine-tuning seeds x draws x examples.

The levels are crossed (every draw meets every example). Each level is resampled independently, and
the weight of a trial is the product of its levels' weights: the pigeonhole bootstrap (Owen 2007),
which for seeds x examples is the multibootstrap (Sellam et al. 2022).

`n - 1` of `n` members are resampled, which makes the bootstrap variance of a mean exactly its
unbiased estimate s^2 / n (Rao & Wu 1988). Quantities that are smooth in the weights (scores, skill,
retained area, their differences) get the t interval of the sources' variances, with interactions
counted once (`variance.t_interval`); steepness is linearised. The others (knee, the difference of
D50) get percentiles of the joint replicates, scaled away from the observed value by the ratio of
Student's t to the normal quantile (`interval`). More extreme percentiles instead (Hesterberg 2015)
need tails that the resamples of three models do not have. Joint replicates count the interaction of
two levels three times (Owen 2007), so that these intervals are conservative.

Models are paired by giving them the same weights: see `ResamplingWeights`.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from lesion.analysis import crashes, scores
from lesion.analysis.responses import Responses
from lesion.analysis.variance import JOIN, LEVELS, capped, interactions

Array = np.ndarray

BLOCK = 4_000_000  # numbers in one intermediate array: 16 MB in float32


class ResamplingWeights(NamedTuple):
    """How often each member of each level is drawn in each replicate.

    Models that get the same `draws` and `examples` arrays have paired replicates: replicate 17 of
    each is of the same resampled study.
    """

    seeds: Array  # float32 (replicates, seeds)
    draws: Array  # float32 (replicates, draws)
    examples: Array  # float32 (replicates, examples)
    clusters: int  # of examples: how many are resampled


class Replicates(NamedTuple):
    """One metric of one curve: as observed, and in every replicate."""

    metric: str
    higher: bool  # higher is better
    limits: tuple[float, float]  # lowest and highest value
    cells: Array  # (seeds, draws, doses) every trial's score
    value: Array  # (doses,) mean over trials
    chance: float
    joint: Array  # (replicates, doses) all levels resampled
    chances: Array  # (replicates,) chance under the example weights
    levels: dict[str, Array]  # source -> (replicates, doses) with only its levels resampled
    intact: Array  # (replicates, seeds) intact score of each seed, only examples resampled
    members: dict[str, int]  # level -> how many there are (of examples: clusters)


def resample(
    rng: np.random.Generator, members: int, replicates: int, correct: bool = True
) -> Array:
    """Counts of each member in each replicate, float32 (replicates, members).

    A single member is not resampled: its weight is 1, and its variance is unknown. With `correct`,
    members - 1 of them are drawn (see above) instead of as many as there are.
    """
    if members == 1:
        return np.ones((replicates, 1), np.float32)
    counts = np.empty((replicates, members), np.float32)
    step = max(1, BLOCK // members)
    for start in range(0, replicates, step):
        rows = min(step, replicates - start)
        drawn = rng.integers(0, members, (rows, members - correct), dtype=np.int32)
        drawn = drawn + np.arange(rows)[:, None] * members
        block = np.bincount(drawn.ravel(), minlength=rows * members)
        counts[start : start + rows] = block.reshape(rows, members)
    return counts


def replicate(
    responses: Responses, weights: ResamplingWeights, metrics: Sequence[str] | None = None
) -> dict[str, Replicates]:
    """Scores of one curve in every replicate, for each metric.

    A score is the mean over seeds and draws of the trials' scores (not the score of pooled trials).
    The same pass gives the replicates of every source: levels that it does not name are averaged
    evenly, and where it does not name the examples, the observed scores are averaged.
    """
    names = tuple(responses.metrics if metrics is None else metrics)
    objects = [scores.metric_of(responses.metric(name), responses.kind) for name in names]
    outputs, labels = responses.outputs, responses.labels
    seeds, draws, doses, examples, columns = outputs.shape
    members = dict(zip(LEVELS, (seeds, draws, weights.clusters), strict=True))
    mixed = interactions(level for level in LEVELS if members[level] > 1)
    sources = [*LEVELS, *map(JOIN.join, mixed)]
    everything = {level for level in LEVELS if members[level] > 1}
    count = len(weights.examples)
    joint = {name: np.empty((count, doses)) for name in names}
    levels = {name: {key: np.empty((count, doses)) for key in sources} for name in names}
    cells = {name: np.empty((seeds, draws, doses)) for name in names}
    intact = {name: np.empty((count, seeds)) for name in names}
    step = max(1, BLOCK // (seeds * draws * max(count * columns, examples)))
    unweighted = np.ones((1, examples))
    chance, chances = (
        scores.chances(objects, responses.kind, outputs[0, 0, 0], labels, rows)
        for rows in (unweighted, weights.examples)
    )
    for start in range(0, doses, step):
        chunk = slice(start, min(start + step, doses))
        block = np.moveaxis(outputs[:, :, chunk], (4, 3), (0, 1))
        shape = block.shape[2:]
        flat = block.reshape(columns, examples, -1)
        cells_of = partial(crashes.measure, objects, responses.kind, flat, labels)
        weighted, plain = cells_of(weights.examples, chances), cells_of(unweighted, chance)
        for name in names:
            scored = weighted[name].reshape(count, *shape)
            cells[name][:, :, chunk] = plain[name].reshape(shape)
            joint[name][:, chunk] = _pooled(scored, weights.seeds, weights.draws)
            for key in sources:
                if everything <= set(key.split(JOIN)):
                    levels[name][key][:, chunk] = joint[name][:, chunk]
                    continue
                values = scored if "examples" in key else cells[name][None, :, :, chunk]
                levels[name][key][:, chunk] = _resampled(values, weights, key)
            if start == 0:
                intact[name] = scored[:, :, 0, 0].astype(np.float64)
    return {
        metric.word: Replicates(
            metric=metric.word,
            higher=metric.higher_is_better,
            limits=metric.limits,
            cells=cells[metric.word],
            value=cells[metric.word].mean((0, 1)),
            chance=float(chance[metric.word][0]),
            joint=joint[metric.word],
            chances=chances[metric.word],
            levels=levels[metric.word],
            intact=intact[metric.word],
            members=members,
        )
        for metric in objects
    }


def _resampled(scored: Array, weights: ResamplingWeights, key: str) -> Array:
    """Mean over seeds and draws, with those resampled that a source names; see `_pooled`."""
    names = key.split(JOIN)
    if "seeds" not in names:
        scored = scored.mean(1, dtype=np.float64, keepdims=True)
    if "draws" not in names:
        scored = scored.mean(2, dtype=np.float64, keepdims=True)
    even = np.ones((len(weights.examples), 1))
    seeds = weights.seeds if "seeds" in names else even
    draws = weights.draws if "draws" in names else even
    return _pooled(scored, seeds, draws)


def _pooled(scored: Array, seeds: Array, draws: Array) -> Array:
    """Mean over seeds and draws under weights: (replicates, seeds, draws, doses) -> (.., doses)."""
    total = seeds.sum(1) * draws.sum(1)
    return _contracted(scored, seeds, draws) / total[:, None]


def _contracted(values: Array, seeds: Array, draws: Array) -> Array:
    over_draws = (draws[:, None, None, :] @ values)[:, :, 0]  # (replicates, seeds, doses)
    return (seeds[:, None, :] @ over_draws)[:, 0]


def interval(
    observed: Array | float,
    replicates: Array,
    level: float = 0.95,
    dof: Array | float = np.inf,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[Array, Array]:
    """Percentile interval over the first axis, each side lengthened for few members.

    Each end is observed + (percentile - observed) * t / z, with the quantiles of Student's and of
    the normal distribution at (1 - level) / 2. With infinite degrees of freedom, or an observed
    value that is not finite, it is the plain percentile interval.

    Args:
        observed: (...) the value of which there are replicates.
        replicates: (replicates, ...); infinite values are ordered like any other ("not reached").
        level: nominal coverage.
        dof: of Student's t, from `degrees_of_freedom`.
        limits: the range of the quantity; the interval is clipped to it. An undefined replicate
            (nan) counts as the first limit for the lower end and as the second for the upper end,
            so that an interval with many undefined replicates is as wide as the limits.

    Returns:
        Lower and upper ends, each (...).
    """
    from scipy.special import ndtri, stdtrit

    share = np.broadcast_to((1 - level) / 2, replicates.shape[1:])
    low = _quantile(np.where(np.isnan(replicates), limits[0], replicates), share)
    high = -_quantile(-np.where(np.isnan(replicates), limits[1], replicates), share)
    stretch = stdtrit(capped(dof), (1 - level) / 2) / ndtri((1 - level) / 2)
    centre = np.where(np.isfinite(observed), observed, 0.0)
    stretch = np.where(np.isfinite(observed), stretch, 1.0)
    ends = (centre + (end - centre) * stretch for end in (low, high))
    low, high = (np.clip(end, *limits) for end in ends)
    return low, high


def _quantile(values: Array, share: Array) -> Array:
    """The (n + 1) share-th of n values (Davison & Hinkley 1997), linear between neighbours.

    Between a finite and an infinite neighbour it takes the lower.
    """
    values = np.sort(values, axis=0)
    position = np.clip(share * (len(values) + 1) - 1, 0, len(values) - 1)
    under = np.floor(position).astype(np.intp)
    low = np.take_along_axis(values, under[None], 0)[0]
    high = np.take_along_axis(values, np.minimum(under + 1, len(values) - 1)[None], 0)[0]
    with np.errstate(invalid="ignore"):
        mixed = low + (position - under) * (high - low)
    return np.where(np.isfinite(low) & np.isfinite(high), mixed, low)

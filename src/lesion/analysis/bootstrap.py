"""One joint bootstrap over every source of variance: fine-tuning seeds x draws x examples.

The levels are crossed (every draw meets every example), so each is resampled on its own and a
trial's weight is the product of its level's weights: the pigeonhole bootstrap (Owen 2007), which
for seeds x examples is the multibootstrap (Sellam et al. 2022).

`n - 1` of `n` members are resampled, which makes the bootstrap variance of a mean exactly its
unbiased estimate s^2 / n (Rao & Wu 1988). What is smooth in the weights (scores, skill, retained
area, their differences) gets the t interval of the levels' variances (`t_interval`); steepness is
taken to first order. What is not (knee, the difference of D50) gets percentiles of the joint
replicates, drawn away from the observed value by the ratio of Student's t to the normal quantile
(`interval`); reading percentiles further out instead (Hesterberg 2015) would ask three models for a
tail that their resamples do not have.

The variance of an interaction of two levels is in the variance of each level alone, so their sum
counts it twice, and the joint replicates three times (Owen 2007). Once would be right; more errs on
the safe side, by little where there are hundreds of examples.

Models are paired by giving them the same weights: see `Weights`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from lesion.analysis import scores
from lesion.analysis.responses import Responses
from lesion.tasks.statistics import weighted_mean

Array = np.ndarray

LEVELS = ("seeds", "draws", "examples")
BLOCK = 4_000_000  # numbers in one intermediate array: 16 MB in float32


class Weights(NamedTuple):
    """How often each member of each level is drawn in each replicate.

    The same `draws` and `examples` arrays given to several models make their replicates paired:
    replicate 17 of one and of the other saw the same resampled study.
    """

    seeds: Array  # float32 (replicates, seeds)
    draws: Array  # float32 (replicates, draws)
    examples: Array  # float32 (replicates, examples)


class Replicates(NamedTuple):
    """One metric of one curve: as observed, and in every replicate."""

    metric: str
    higher: bool  # higher is better
    limits: tuple[float, float]  # lowest and highest value
    cells: Array  # (seeds, draws, doses) every trial's score
    value: Array  # (doses,) mean over trials
    chance: float
    joint: Array  # (replicates, doses) everything resampled
    chances: Array  # (replicates,) chance under the example weights
    levels: dict[str, Array]  # level -> (replicates, doses) with only that level resampled
    intact: Array  # (replicates, seeds) intact score of each seed, only examples resampled
    members: dict[str, int]  # level -> how many there are


def resample(
    rng: np.random.Generator, members: int, replicates: int, correct: bool = True
) -> Array:
    """Counts of each member in each replicate, float32 (replicates, members).

    A single member is not resampled: its weight is 1, and its variance stays unknown.
    `correct` draws members - 1 of them (see above) instead of as many as there are.
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


def weights(
    rng: np.random.Generator,
    seeds: int,
    draws: int,
    examples: int,
    replicates: int = 2000,
    correct: bool = True,
) -> Weights:
    """Weights of one joint bootstrap, determined by the generator."""
    return Weights(*(resample(rng, n, replicates, correct) for n in (seeds, draws, examples)))


def replicate(
    responses: Responses, drawn: Weights, metrics: Sequence[str] | None = None
) -> dict[str, Replicates]:
    """Scores of one curve in every replicate, for each metric.

    A score is the mean over seeds and draws of each trial's own score (not the score of pooled
    trials). The variance of one level alone comes out of the same pass: with only the examples
    resampled the trials are averaged evenly; with only seeds or draws resampled the observed
    scores are averaged under weights.
    """
    names = tuple(responses.metrics if metrics is None else metrics)
    objects = [scores.metric_of(responses.metric(name), responses.kind) for name in names]
    outputs, labels = responses.outputs, responses.labels
    seeds, draws, doses, examples, columns = outputs.shape
    count = len(drawn.examples)
    joint = {name: np.empty((count, doses)) for name in names}
    alone = {name: np.empty((count, doses)) for name in names}
    cells = {name: np.empty((seeds, draws, doses)) for name in names}
    intact = {name: np.empty((count, seeds)) for name in names}
    step = max(1, BLOCK // (seeds * draws * max(count * columns, examples)))
    once = np.ones((1, examples))
    for start in range(0, doses, step):
        part = slice(start, min(start + step, doses))
        block = np.moveaxis(outputs[:, :, part], (4, 3), (0, 1))
        shape = block.shape[2:]
        flat = block.reshape(columns, examples, -1)
        seen = scores.measure(objects, responses.kind, flat, labels, drawn.examples)
        plain = scores.measure(objects, responses.kind, flat, labels, once)
        for name in names:
            scored = seen[name].reshape(count, *shape)
            joint[name][:, part] = _pooled(scored, drawn.seeds, drawn.draws)
            alone[name][:, part] = scored.mean((1, 2), dtype=np.float64)
            cells[name][:, :, part] = plain[name].reshape(shape)
            if start == 0:
                intact[name] = scored[:, :, 0, 0].astype(np.float64)
    members = dict(zip(LEVELS, (seeds, draws, examples), strict=True))
    chance = partial(
        scores.chance, targets=labels, columns=columns, kind=responses.kind,
        outputs=outputs[0, 0, 0],
    )  # fmt: skip
    return {
        metric.word: Replicates(
            metric=metric.word,
            higher=metric.higher_is_better,
            limits=metric.limits,
            cells=cells[metric.word],
            value=cells[metric.word].mean((0, 1)),
            chance=float(chance(metric)),
            joint=joint[metric.word],
            chances=chance(metric, weights=drawn.examples),
            levels={
                "seeds": _even(drawn.seeds, cells[metric.word].mean(1)),
                "draws": _even(drawn.draws, cells[metric.word].mean(0)),
                "examples": alone[metric.word],
            },
            intact=intact[metric.word],
            members=members,
        )
        for metric in objects
    }


def _pooled(scored: Array, seeds: Array, draws: Array) -> Array:
    """Mean over seeds and draws under weights: (replicates, seeds, draws, doses) -> (.., doses)."""
    finite = np.isfinite(scored)
    clean = scored if finite.all() else np.where(finite, scored, 0)
    total = seeds.sum(1) * draws.sum(1)
    mean = _contracted(clean, seeds, draws) / total[:, None]
    if finite.all():
        return mean
    lost = _contracted((~finite).astype(np.float32), seeds, draws) > 0
    return np.where(lost, np.inf, mean)


def _contracted(values: Array, seeds: Array, draws: Array) -> Array:
    over_draws = (draws[:, None, None, :] @ values)[:, :, 0]  # (replicates, seeds, doses)
    return (seeds[:, None, :] @ over_draws)[:, 0]


def _even(counts: Array, values: Array) -> Array:
    return weighted_mean(counts.astype(np.float64), values)


def variances(levels: Mapping[str, Array]) -> dict[str, Array]:
    """Variance that each level alone gives to a quantity: (replicates, ...) -> (...).

    Replicates in which the quantity is undefined or infinite are left out.
    """
    found = {}
    for level, values in levels.items():
        finite = np.isfinite(values)
        n = np.maximum(finite.sum(0), 1)
        clean = np.where(finite, values, 0.0)
        away = np.where(finite, values - clean.sum(0) / n, 0.0)
        spread = (away**2).sum(0) / np.maximum(n - 1, 1)
        # Means of equal numbers differ in the last bits: that is no variance.
        noise = (np.abs(clean).max(0) * 1e-6) ** 2
        found[level] = np.where(spread > noise, spread, 0.0)
    return found


def shares(spread: Mapping[str, Array] | Mapping[str, float]) -> dict[str, float]:
    """Each level's part of the sum of the variances; nan where there is no variance at all."""
    total = float(sum(float(v) for v in spread.values()))
    return {k: float(v) / total if total > 0 else float("nan") for k, v in spread.items()}


def degrees(spread: Mapping[str, Array], members: Mapping[str, int]) -> Array:
    """Degrees of freedom of a sum of variances (Satterthwaite 1946); inf where there are none."""
    total = np.asarray(sum(spread.values()), np.float64)
    parts = [spread[k] ** 2 / (members[k] - 1) for k in spread if members[k] > 1]
    below = np.asarray(sum(parts), np.float64) if parts else np.zeros_like(total)
    return np.divide(total**2, below, out=np.full_like(total, np.inf), where=below > 0)


def t_interval(
    observed: Array | float,
    spread: Mapping[str, Array],
    members: Mapping[str, int],
    level: float = 0.95,
) -> tuple[Array, Array]:
    """observed -+ t * sqrt(sum of the levels' variances), with the degrees of freedom of `degrees`.

    For normal data this is the t interval of one sample and Welch's of two. Percentiles would take
    the skew of the resamples over, and most of that is noise: a heavy tail that moved the estimate
    moves the interval the same way, further from the truth (Hall 1988).

    Args:
        observed: (...); where it is not finite, the interval is unbounded.
        spread: level -> (...) its variance.
        members: level -> how many there are.
        level: coverage asked for.

    Returns:
        Lower and upper ends, each (...).
    """
    from scipy.special import stdtrit

    observed = np.asarray(observed, np.float64)
    error = np.sqrt(np.asarray(sum(spread.values()), np.float64))
    half = -stdtrit(_capped(degrees(spread, members)), (1 - level) / 2) * error
    known = np.isfinite(observed)
    centre = np.where(known, observed, 0.0)
    half = np.where(known, half, np.inf)
    return centre - half, centre + half


def _capped(freedom: Array | float) -> Array:
    """SciPy's t distribution takes no infinite degrees of freedom."""
    return np.minimum(np.asarray(freedom, np.float64), 1e9)


def interval(
    observed: Array | float,
    replicates: Array,
    level: float = 0.95,
    freedom: Array | float = np.inf,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[Array, Array]:
    """Percentile interval over the first axis, each side lengthened for few members.

    Each end is observed + (percentile - observed) * t / z, with the quantiles of Student's and of
    the normal distribution at (1 - level) / 2. With infinite degrees of freedom it is the plain
    percentile interval; so it is where the observed value is not finite.

    Args:
        observed: (...) what the replicates are of.
        replicates: (replicates, ...); infinite values are ordered like any other ("not reached").
        level: coverage asked for.
        freedom: of Student's t, from `degrees`.
        limits: the range of the quantity; the interval stays in it. An undefined replicate (nan)
            counts as the first when the lower end is read and as the second for the upper end, so
            that an interval with many undefined replicates is as wide as the limits.

    Returns:
        Lower and upper ends, each (...).
    """
    from scipy.special import ndtri, stdtrit

    share = np.broadcast_to((1 - level) / 2, replicates.shape[1:])
    low = _quantile(np.where(np.isnan(replicates), limits[0], replicates), share)
    high = -_quantile(-np.where(np.isnan(replicates), limits[1], replicates), share)
    stretch = stdtrit(_capped(freedom), (1 - level) / 2) / ndtri((1 - level) / 2)
    centre = np.where(np.isfinite(observed), observed, 0.0)
    stretch = np.where(np.isfinite(observed), stretch, 1.0)
    ends = (centre + (end - centre) * stretch for end in (low, high))
    low, high = (np.clip(end, *limits) for end in ends)
    return low, high


def _quantile(values: Array, share: Array) -> Array:
    """The (n + 1) share-th of n values (Davison & Hinkley 1997), linear between neighbours.

    It never mixes a finite and an infinite neighbour: it takes the lower.
    """
    values = np.sort(values, axis=0)
    place = np.clip(share * (len(values) + 1) - 1, 0, len(values) - 1)
    under = np.floor(place).astype(np.intp)
    low = np.take_along_axis(values, under[None], 0)[0]
    high = np.take_along_axis(values, np.minimum(under + 1, len(values) - 1)[None], 0)[0]
    with np.errstate(invalid="ignore"):
        mixed = low + (place - under) * (high - low)
    return np.where(np.isfinite(low) & np.isfinite(high), mixed, low)

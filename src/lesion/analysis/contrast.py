"""The difference of two models, or of two groups of models, in some quantity of their curves.

Replicates of models are paired through the weights that they share (same examples, same draws;
`sampled.weights_of`), so what is common to both cancels. With several models on a side the models
are resampled too: their mean is moved by normal weights whose variance is the unbiased s^2 / n,
which two or three models cannot show as counts. The seeds of a model are nested in it and their
variance is already in that of the models, so they are then not resampled beside it (Rao & Wu 1988).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.bootstrap import Tails
from lesion.analysis.sampled import Sampled
from lesion.analysis.summary import Analysis, Estimate
from lesion.keys import generator

Array = np.ndarray
Quantity = Callable[[Array, Array], Array]  # doses, skills (..., doses) -> (...)

ALPHA = 0.05
PAIRED = ("draws", "examples")


class Part(NamedTuple):
    """One source of the variance of a difference; the two sides of a level may be two parts."""

    level: str
    variance: Array | float
    members: int


class Contrast(NamedTuple):
    """A difference with its 95% interval, its two-sided p, and where its variance comes from."""

    delta: Array | float
    lo: Array | float
    hi: Array | float
    p: Array | float
    reach: Tails
    parts: tuple[Part, ...]

    @property
    def estimate(self) -> Estimate:
        """The difference of one number, with its interval."""
        return Estimate(float(self.delta), float(self.lo), float(self.hi))


class Side(NamedTuple):
    """A quantity (...) of one model, or the mean of it over a group."""

    value: Array
    joint: Array  # (replicates, ...)
    linear: Array  # (replicates, ...) to first order
    levels: dict[str, Array]  # level -> (replicates, ...)
    members: dict[str, int]

    def nothing(self) -> "Side":
        """A side that is 0 for certain: the contrast with it is an interval of this side alone."""
        levels = {level: 0 * values for level, values in self.levels.items()}
        members = self.members | {"models": 1}
        return Side(0 * self.value, 0 * self.joint, 0 * self.linear, levels, members)


def side_of(models: Sequence[Sampled], quantity: Quantity, seed: int, name: str) -> Side:
    """The mean over some models, each with the same weight, of what their curves give.

    Args:
        models: all over the same doses (`Sampled.over`).
        quantity: linear in skill, such as `curves.retained_area`.
        name: of the group, which addresses the resampling of its models.
    """

    def mean(values: Sequence[Array]) -> Array:
        return np.mean([quantity(models[0].doses, skills) for skills in values], axis=0)

    each = np.stack([quantity(m.doses, m.value) for m in models])  # (models, ...)
    joint, linear = mean([m.joint for m in models]), mean([m.linear for m in models])
    levels = {k: mean([m.levels[k] for m in models]) for k in bootstrap.LEVELS}
    members = {k: min(m.members[k] for m in models) for k in bootstrap.LEVELS}
    value, moved = each.mean(0), resampled_models(each, len(joint), seed, name)
    if len(models) > 1:
        extra = moved - (levels["seeds"] - value)
        joint, linear = joint + extra, linear + extra
    levels["models"] = value + moved
    return Side(value, joint, linear, levels, members | {"models": len(models)})


def resampled_models(each: Array, replicates: int, seed: int, name: str) -> Array:
    """What resampling models adds to their mean: (models, ...) -> (replicates, ...)."""
    models = len(each)
    if models == 1:
        return np.zeros((replicates, *each.shape[1:]))
    weights = generator(seed, "bootstrap", "models", name, models).standard_normal(
        (replicates, models)
    )
    with np.errstate(invalid="ignore"):
        away = (each - each.mean(0)) / np.sqrt(models * (models - 1))
        return np.tensordot(weights, away, 1)


def contrast(first: Side, second: Side) -> Contrast:
    """second - first."""
    delta, linear = second.value - first.value, second.linear - first.linear
    parts = _parts(first, second)
    spread = {str(i): np.asarray(part.variance) for i, part in enumerate(parts)}
    members = {str(i): part.members for i, part in enumerate(parts)}
    reach = bootstrap.tails(linear, spread, members)
    lo, hi = bootstrap.interval(delta, second.joint - first.joint, 1 - ALPHA, reach)
    return Contrast(delta, lo, hi, p_value(delta, lo, hi, reach.freedom), reach, parts)


def d50_contrast(
    sides: Sequence[Sequence[Analysis]], doses: Array, names: tuple[str, str], reach: Tails,
    seed: int,
) -> Estimate:  # fmt: skip
    """D50(second) - D50(first), its interval lengthened as that of the areas is.

    A D50 that is not reached is inf, so the difference may be infinite; nan: neither is reached.
    """
    found = []
    for side, name in zip(sides, names, strict=True):
        pairs = [_halves(model, doses) for model in side]
        each = np.array([value for value, _ in pairs])
        joint = np.mean([replicates for _, replicates in pairs], axis=0)
        found.append((each.mean(), joint + resampled_models(each, len(joint), seed, name)))
    (first, before), (second, after) = found
    with np.errstate(invalid="ignore"):
        delta, replicates = float(second - first), after - before
    if np.isnan(delta):
        return Estimate(delta, delta, delta)
    lo, hi = bootstrap.interval(delta, replicates, 1 - ALPHA, reach)
    return Estimate(delta, float(lo), float(hi))


def _halves(model: Analysis, doses: Array) -> tuple[float, Array]:
    """D50 over some doses, observed and in every replicate."""
    if len(doses) == len(model.doses):
        return model.d50.value, model.halves
    skill = model.sampled.over(doses)
    return float(curves.d50(doses, skill.value)), curves.d50(doses, skill.joint)


def _parts(first: Side, second: Side) -> tuple[Part, ...]:
    """The variance of the difference, source by source.

    Draws and examples are paired: one variance, of the difference. Seeds and models of the two
    sides are independent: each side brings a variance with its own degrees of freedom. Of the
    variance between models, what their seeds give is counted as theirs.
    """
    parts = []
    for level in PAIRED:
        members = min(side.members[level] for side in (first, second))
        away = _variance(second.levels[level] - first.levels[level])
        parts.append(Part(level, away, members))
    for side in (first, second):
        seeds, models = (_variance(side.levels[level]) for level in ("seeds", "models"))
        if side.members["models"] > 1:
            seeds = np.minimum(seeds, models)
            models = models - seeds
        parts.append(Part("seeds", seeds, side.members["seeds"]))
        parts.append(Part("models", models, side.members["models"]))
    return tuple(parts)


def _variance(values: Array) -> Array:
    return bootstrap.variances({"": values})[""]


def spread_of(parts: Sequence[Part]) -> dict[str, float]:
    """Variance of one number by level."""
    found = dict.fromkeys((*PAIRED, "seeds", "models"), 0.0)
    for part in parts:
        found[part.level] += float(part.variance)
    return found


def p_value(
    delta: Array | float, lo: Array | float, hi: Array | float, freedom: Array | float = np.inf
) -> Array:
    """Two-sided p of no difference, by Student's t; below 0.05 just where [lo, hi] leaves 0 out.

    The standard error is that of the interval's side towards 0.
    """
    from scipy.special import stdtr, stdtrit

    delta, freedom = np.asarray(delta, np.float64), np.minimum(freedom, 1e9)
    side = np.where(delta > 0, delta - lo, hi - delta)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = stdtrit(freedom, ALPHA / 2) * np.where(delta == 0, 0.0, np.abs(delta) / side)
    return np.where(np.isnan(t), 1.0, 2 * stdtr(freedom, t))

"""The difference of two models, or of two groups of models, in some quantity of their curves.

Replicates of models are paired through the weights that they share (same examples, same draws;
`sampled.weights_of`), so what is common to both cancels. With several models on a side, the
variance of their mean is the unbiased s^2 / n over models. The seeds of a model are nested in it
and their variance is already in that of the models, so it is not added to it (Rao & Wu 1988).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap
from lesion.analysis.sampled import Sampled
from lesion.analysis.summary import Estimate

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
    freedom: Array | float  # degrees of freedom of Student's t
    parts: tuple[Part, ...]

    @property
    def estimate(self) -> Estimate:
        """The difference of one number, with its interval."""
        return Estimate(float(self.delta), float(self.lo), float(self.hi))


class Side(NamedTuple):
    """A quantity (...) of one model, or the mean of it over a group."""

    value: Array
    levels: dict[str, Array]  # level -> (replicates, ...), to first order
    between: Array  # (...) variance of the mean of several models; 0 for one
    members: dict[str, int]

    def nothing(self) -> "Side":
        """A side that is 0 for certain: the contrast with it is an interval of this side alone."""
        levels = {level: 0 * values for level, values in self.levels.items()}
        return Side(0 * self.value, levels, 0 * self.between, self.members | {"models": 1})


def side_of(models: Sequence[Sampled], quantity: Quantity) -> Side:
    """The mean over some models, each with the same weight, of what their curves give.

    Args:
        models: all over the same doses (`Sampled.over`).
        quantity: linear in the curve, such as `curves.retained_area`.
    """
    doses, several = models[0].doses, len(models) > 1
    each = np.stack([quantity(m.doses, m.value) for m in models])  # (models, ...)
    levels = {
        level: np.mean([quantity(doses, m.levels[level]) for m in models], axis=0)
        for level in bootstrap.LEVELS
    }
    with np.errstate(invalid="ignore"):
        between = each.var(0, ddof=1) / len(models) if several else np.zeros(each.shape[1:])
    members = {level: min(m.members[level] for m in models) for level in bootstrap.LEVELS}
    return Side(each.mean(0), levels, between, members | {"models": len(models)})


def contrast(first: Side, second: Side) -> Contrast:
    """second - first."""
    with np.errstate(invalid="ignore"):
        delta = second.value - first.value
    parts = _parts(first, second)
    spread = {str(i): np.asarray(part.variance) for i, part in enumerate(parts)}
    members = {str(i): part.members for i, part in enumerate(parts)}
    lo, hi = bootstrap.t_interval(delta, spread, members, 1 - ALPHA)
    freedom = bootstrap.degrees(spread, members)
    return Contrast(delta, lo, hi, p_value(delta, lo, hi, freedom), freedom, parts)


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
        seeds, models = _variance(side.levels["seeds"]), side.between
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

    The standard error is that of the interval's side towards 0, where it is not symmetric.
    """
    from scipy.special import stdtr, stdtrit

    delta, freedom = np.asarray(delta, np.float64), np.minimum(freedom, 1e9)
    side = np.where(delta > 0, delta - lo, hi - delta)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = stdtrit(freedom, ALPHA / 2) * np.where(delta == 0, 0.0, np.abs(delta) / side)
    return np.where(np.isnan(t), 1.0, 2 * stdtr(freedom, t))


def holm(p: Sequence[float] | Array) -> Array:
    """Holm's step-down adjusted p-values (Holm 1979); nan stays nan and is not counted."""
    p = np.asarray(p, np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted

"""The difference of two models, or of two groups of models, in some quantity of their curves.

Replicates of models are paired through the weights that they share (same examples, same draws;
`sampled.weights_of`), so their common variation cancels. With several models on a side, the
variance of their mean is the unbiased s^2 / n over models. The seeds of a model are nested in it:
the variance between models contains theirs, which is therefore not added (Rao & Wu 1988).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap
from lesion.analysis.sampled import ResampledCurve
from lesion.analysis.summary import Estimate

Array = np.ndarray
Quantity = Callable[[Array, Array], Array]  # places of doses, skills (..., doses) -> (...)

ALPHA = 0.05
PAIRED = ("draws", "examples")


class VarianceComponent(NamedTuple):
    """One source of the variance of a difference; a level may have one for each side."""

    level: str
    variance: Array | float
    members: int


class Contrast(NamedTuple):
    """A difference with its 95% interval, its two-sided p, and the sources of its variance."""

    delta: Array | float
    lo: Array | float
    hi: Array | float
    p: Array | float
    dof: Array | float  # degrees of freedom of Student's t
    components: tuple[VarianceComponent, ...]

    @property
    def estimate(self) -> Estimate:
        """The difference of one number, with its interval."""
        return Estimate(float(self.delta), float(self.lo), float(self.hi))


class Side(NamedTuple):
    """A quantity (...) of one model, or the mean of it over a group."""

    value: Array
    levels: dict[str, Array]  # level -> (replicates, ...), linearised
    between: Array  # (...) variance of the mean of several models; 0 for one
    members: dict[str, int]

    def zero(self) -> "Side":
        """A side that is 0 without variance; the contrast with it is this side's interval."""
        levels = {level: 0 * values for level, values in self.levels.items()}
        return Side(0 * self.value, levels, 0 * self.between, self.members | {"models": 1})


def side_of(models: Sequence[ResampledCurve], quantity: Quantity) -> Side:
    """The unweighted mean of a quantity over some models.

    Args:
        models: all over the same doses (`ResampledCurve.at_doses`).
        quantity: linear in the curve, such as `curves.retained_area`.
    """
    places, several = models[0].places, len(models) > 1
    each = np.stack([quantity(m.places, m.value) for m in models])  # (models, ...)
    levels = {
        level: np.mean([quantity(places, m.levels[level]) for m in models], axis=0)
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
    components = _components(first, second)
    spread = {str(i): np.asarray(c.variance) for i, c in enumerate(components)}
    members = {str(i): c.members for i, c in enumerate(components)}
    lo, hi = bootstrap.t_interval(delta, spread, members, 1 - ALPHA)
    dof = bootstrap.degrees_of_freedom(spread, members)
    return Contrast(delta, lo, hi, p_value(delta, lo, hi, dof), dof, components)


def _components(first: Side, second: Side) -> tuple[VarianceComponent, ...]:
    """The variance of the difference, source by source.

    Draws and examples are paired: there is one variance, that of the difference. Seeds and models
    of the two sides are independent: each side has a variance with its own degrees of freedom. The
    share of the seeds in the variance between models is counted as a component of the seeds.
    """
    components = []
    for level in PAIRED:
        members = min(side.members[level] for side in (first, second))
        variance = _variance(second.levels[level] - first.levels[level])
        components.append(VarianceComponent(level, variance, members))
    for side in (first, second):
        seeds, models = _variance(side.levels["seeds"]), side.between
        if side.members["models"] > 1:
            seeds = np.minimum(seeds, models)
            models = models - seeds
        components.append(VarianceComponent("seeds", seeds, side.members["seeds"]))
        components.append(VarianceComponent("models", models, side.members["models"]))
    return tuple(components)


def _variance(values: Array) -> Array:
    return bootstrap.variances({"": values})[""]


def spread_of(components: Sequence[VarianceComponent]) -> dict[str, float]:
    """Variance of one number by level."""
    spread = dict.fromkeys((*PAIRED, "seeds", "models"), 0.0)
    for component in components:
        spread[component.level] += float(component.variance)
    return spread


def p_value(
    delta: Array | float, lo: Array | float, hi: Array | float, dof: Array | float = np.inf
) -> Array:
    """Two-sided p of no difference, by Student's t; below 0.05 exactly if [lo, hi] excludes 0.

    If the interval is not symmetric, the standard error is that of its side towards 0.
    """
    from scipy.special import stdtr, stdtrit

    delta, dof = np.asarray(delta, np.float64), np.minimum(dof, 1e9)
    side = np.where(delta > 0, delta - lo, hi - delta)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = stdtrit(dof, ALPHA / 2) * np.where(delta == 0, 0.0, np.abs(delta) / side)
    return np.where(np.isnan(t), 1.0, 2 * stdtr(dof, t))


def holm(p: Sequence[float] | Array) -> Array:
    """Holm's step-down adjusted p-values (Holm 1979); nan stays nan and does not count."""
    p = np.asarray(p, np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted

"""Intervals at every dose, and bands that hold at all doses at once.

A pointwise interval covers the true value at its dose in 95% of the studies. The whole true curve
is inside all of them far more seldom. A sup-t band is wider, by a factor that is found from the
dependence between doses (Montiel Olea & Plagborg-Moller 2019): the 95th percentile of the largest
deviation, in a normal process that has the covariance of the replicates, over Student's
denominator. Bonferroni's correction takes doses for independent, and is wider.

A variance estimated at a dose is unreliable where few answers vary: near the ends of a curve all
draws may agree by chance, and the variance is then 0. The width at a dose is therefore that of a
variance of which half (`SHARED`) is the mean over doses. This changes where the band is wide, not
how often it covers the normal process. docs/statistics.md has the rates with and without.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from lesion.analysis.variance import LEVELS, components, degrees_of_freedom, t_interval
from lesion.keys import generator

Array = np.ndarray
Band = tuple[Array, Array]  # lower and upper ends, each (doses,)

SHARED = 0.5  # of the variance that decides on the width at a dose: the mean over doses
SAMPLES, STRATA = 4000, 200  # of the process; of Student's denominator


def both(
    value: Array,
    levels: Mapping[str, Array],
    members: Mapping[str, int],
    level: float = 0.95,
    shared: float = SHARED,
) -> tuple[Band, Band]:
    """The t interval at every dose, and the band that contains the whole true curve.

    Args:
        value: (doses,) the curve as observed.
        levels: source -> (replicates, doses) with its levels resampled.
        members: level -> how many there are.
        level: nominal coverage of each.
        shared: share of the width's variance that is the mean over doses. 0: the band is narrow
            where the estimated variance is small.
    """
    spread = components(levels)
    ends = t_interval(value, spread, members, level)
    dof = degrees_of_freedom(spread, members)
    return ends, widened(ends, dof, covariance(levels), level, shared)


def covariance(levels: Mapping[str, Array]) -> Array:
    """Covariance between doses, (doses, doses): the sum of those of single levels."""
    total: Array | float = 0.0
    for level in LEVELS:
        values = np.nan_to_num(np.asarray(levels[level], np.float64), posinf=0.0, neginf=0.0)
        away = values - values.mean(0)
        total = total + away.T @ away / max(len(away) - 1, 1)
    return np.asarray(total)


def of_difference(
    first: Sequence[tuple[Array, Mapping[str, Array]]],
    second: Sequence[tuple[Array, Mapping[str, Array]]],
    ends: Band,
    dof: Array,
    level: float = 0.95,
) -> Band:
    """The simultaneous band of a difference of two models, or of the means of two groups.

    Args:
        first, second: of each model of a side its curve, (doses,), and its levels, all over the
            same doses.
        ends: the pointwise interval of second - first.
        dof: (doses,) its degrees of freedom.
        level: nominal coverage.
    """
    means = [
        {k: np.mean([levels[k] for _, levels in side], axis=0) for k in LEVELS}
        for side in (first, second)
    ]
    paired = {k: means[1][k] - means[0][k] for k in ("draws", "examples")}
    total = covariance(paired | {"seeds": np.zeros((2, len(ends[0])))})
    for side, mean in zip((first, second), means, strict=True):
        if len(side) > 1:  # the variance between models contains that of their seeds
            total = total + np.cov([value for value, _ in side], rowvar=False) / len(side)
        else:
            zero = np.zeros((2, len(ends[0])))
            total = total + covariance({"seeds": mean["seeds"], "draws": zero, "examples": zero})
    return widened(ends, dof, total, level)


def widened(
    ends: Band, dof: Array, between: Array, level: float = 0.95, shared: float = SHARED
) -> Band:
    """A pointwise band, as wide as it must be to hold at all doses at once.

    Nowhere is it narrower than the pointwise one. A first dose without variance stays as it is: the
    skill of the intact model is 1 by definition. So do doses without a value.

    Args:
        ends: the pointwise band at this level.
        dof: (doses,) its degrees of freedom.
        between: (doses, doses) covariance between doses; only the correlations are used.
        level: nominal coverage of both bands.
        shared: see `both`.
    """
    from scipy.special import stdtrit

    lo, hi = (np.asarray(end, np.float64) for end in ends)
    half, variance = (hi - lo) / 2, np.diag(between)
    finite = np.isfinite(half)
    varied = finite & (half > 0) & (variance > 0)
    if not varied.any():
        return lo, hi
    dof = np.minimum(np.asarray(dof, np.float64), 1e9)
    error = np.where(finite, half, 0.0) / -stdtrit(dof, (1 - level) / 2)
    mean = (error[varied] ** 2).mean()
    width = np.sqrt((1 - shared) * error**2 + shared * mean)
    scale = error[varied] / width[varied] / np.sqrt(variance[varied])
    relative = between[np.ix_(varied, varied)] * scale * scale[:, None]
    few = float(dof[varied & (error**2 >= mean * (1 - 1e-9))].min())
    need = np.maximum(_critical(relative, few, level) * width, half)
    need[0] = half[0] if half[0] == 0 else need[0]
    centre = (lo + hi) / 2
    return np.where(finite, centre - need, lo), np.where(finite, centre + need, hi)


def _critical(between: Array, dof: float, level: float) -> float:
    """Quantile of the largest |deviation| of a process over Student's denominator."""
    values, vectors = np.linalg.eigh(between)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    largest = np.abs(_normals(len(between)) @ root.T).max(1)
    return float(np.quantile(largest / _denominators(dof), level))


@lru_cache(maxsize=8)
def _normals(doses: int) -> Array:
    return generator(0, "bands", doses).standard_normal((SAMPLES, doses))


def _denominators(dof: float) -> Array:
    """Quantiles of sqrt(chi^2 / dof), each as often as the others: (SAMPLES,)."""
    from scipy.special import gammaincinv

    shares = (np.arange(STRATA) + 0.5) / STRATA
    return np.tile(np.sqrt(gammaincinv(dof / 2, shares) * 2 / dof), SAMPLES // STRATA)

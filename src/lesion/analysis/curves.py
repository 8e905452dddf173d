"""Summary numbers of a dose-response curve: retained area, D50, slopes, knee.

Every function works along the last axis (doses) and over any leading axes (replicates, draws).
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

Array = np.ndarray


def skill(score: Array, chance: Array, intact: Array, higher: bool = True) -> Array:
    """(score - chance) / (intact - chance): 1 is intact, 0 is chance, below 0 worse than chance.

    Args:
        score: (..., doses).
        chance, intact: (...), the best constant answer and the undamaged model.
        higher: whether a higher score is better.

    Returns:
        (..., doses); nan if the intact model is not better than chance: it has no skill to lose.
        An infinite loss is -inf.
    """
    gain = np.asarray(intact, np.float64) - chance
    learned = (gain > 0) if higher else (gain < 0)
    gain = np.where(learned & np.isfinite(gain), gain, np.nan)
    return (np.asarray(score, np.float64) - np.asarray(chance)[..., None]) / gain[..., None]


def linear_skill(score: Array, chance: Array, intact: Array, observed: Array, gain: float) -> Array:
    """Skill linearised around the observed curve (delta method): (..., doses).

    The skill of a replicate is a ratio. If the intact model is near chance, a few tiny denominators
    dominate its variance. Linearised skill is linear in the weights, so variances of levels add up.

    Args:
        score, chance, intact: as in `skill`.
        observed: (doses,) the observed skill.
        gain: the observed intact - chance.
    """
    above_chance = np.asarray(score, np.float64) - np.asarray(chance)[..., None]
    intact_gain = (np.asarray(intact, np.float64) - chance)[..., None]
    with np.errstate(invalid="ignore"):
        return observed + (above_chance - observed * intact_gain) / (gain or np.nan)


def retained_area(doses: Array, skills: Array) -> Array:
    """Mean skill over the measured range of doses (trapezoid): (..., doses) -> (...).

    1: no loss at any dose. nan: skill is undefined, or only one dose was measured.
    """
    doses = np.asarray(doses, np.float64)
    if len(doses) < 2:
        return np.full(np.shape(skills)[:-1], np.nan)
    width = np.diff(doses) / (doses[-1] - doses[0])
    return ((skills[..., 1:] + skills[..., :-1]) / 2 * width).sum(-1)


def initial_slope(doses: Array, skills: Array) -> Array:
    """Skill lost per unit of dose at the beginning: (..., doses) -> (...).

    The slope of the least-squares line through the intact point, sum d (1 - skill) / sum d^2, over
    the doses d in the first quarter of the measured range, and at least over the first two above 0.
    It is linear in the curve. nan: skill is undefined, or only one dose was measured.
    """
    distance = np.asarray(doses, np.float64) - doses[0]
    early = distance <= distance[-1] / 4 + 1e-9
    early[:3] = True  # the intact point and two more
    distance = distance[early]
    if len(distance) < 2:
        return np.full(np.shape(skills)[:-1], np.nan)
    return ((1 - skills[..., early]) * distance).sum(-1) / (distance**2).sum()


def falling(values: Array) -> Array:
    """The nearest non-increasing curves: antitonic least squares along the last axis.

    By `scipy.optimize.isotonic_regression` (pool adjacent violators; Barlow et al. 1972). It keeps
    order: if one curve is nowhere above another, neither is it after both are smoothed. A value of
    -inf counts as -1e6; a nan in a curve makes the whole curve nan.
    """
    from scipy.optimize import isotonic_regression

    values = np.clip(np.asarray(values, np.float64), -1e6, 1e6)  # nan stays nan
    rows = values.reshape(-1, values.shape[-1])
    fit = np.full(rows.shape, np.nan)
    for i in np.flatnonzero(~np.isnan(rows).any(1)):
        fit[i] = isotonic_regression(rows[i], increasing=False).x
    return fit.reshape(values.shape)


def reached(doses: Array, smooth: Array, level: float) -> Array:
    """The dose at which a smoothed curve first falls to `level`: (..., doses) -> (...).

    Linear between doses. inf: not reached at any measured dose; nan: the curve is undefined.
    """
    doses = np.asarray(doses, np.float64)
    below = smooth <= level
    after = below.argmax(-1)
    before = np.maximum(after - 1, 0)
    high = np.take_along_axis(smooth, before[..., None], -1)[..., 0]
    low = np.take_along_axis(smooth, after[..., None], -1)[..., 0]
    drop = np.where(high > low, high - low, 1.0)  # no drop: already below at the first dose
    step = np.where(high > low, (high - level) / drop, 0.0)
    dose = doses[before] + step * (doses[after] - doses[before])
    dose = np.where(below.any(-1), dose, np.inf)
    return np.where(np.isnan(smooth).any(-1), np.nan, dose)


def d50(doses: Array, skills: Array, level: float = 0.5) -> Array:
    """The dose at which monotone-smoothed skill first falls to `level`; see `reached`."""
    return reached(doses, falling(skills), level)


def steepness(doses: Array, smooth: Array) -> Array:
    """Skill lost per unit of dose between three quarters and one quarter: (...).

    0.5 / (D25 - D75) of a smoothed curve, where Dp is the dose at which p% are left. nan: a quarter
    is not reached, or skill is at a quarter already at the first dose.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        width = reached(doses, smooth, 0.25) - reached(doses, smooth, 0.75)
        return np.where(np.isfinite(width) & (width > 0), 0.5 / width, np.nan)


def steepness_bounds(doses: Array, smooth: Array) -> Array:
    """The bounds of steepness: (..., doses) -> (..., 2), equal if it is defined.

    If more than a quarter is left at the last dose, a quarter is reached beyond it, if ever. Then
    steepness is at least 0, and less than if a quarter were reached at the last dose.
    """
    known, start = steepness(doses, smooth), reached(doses, smooth, 0.75)
    with np.errstate(invalid="ignore", divide="ignore"):
        most = np.where(np.isfinite(start), 0.5 / (doses[-1] - start), np.inf)
    undefined = np.isnan(known)
    return np.stack([np.where(undefined, 0.0, known), np.where(undefined, most, known)], -1)


def steepness_gradient(doses: Array, skills: Array) -> Array:
    """The derivative of steepness with respect to skill at each dose, of one curve: (doses,).

    It goes through the two segments in which three quarters and one quarter are reached. Doses that
    smoothing pooled share their derivative. nan: steepness is undefined.
    """
    smooth = falling(skills)
    value, gradient = steepness(doses, smooth), np.zeros(len(smooth))
    if np.isnan(value):
        return np.full(len(smooth), np.nan)
    for level, sign in ((0.75, 1.0), (0.25, -1.0)):
        after = int((smooth <= level).argmax())
        if after == 0:  # no segment: the level is reached at the first dose
            continue
        high, low = smooth[after - 1], smooth[after]
        pace = sign * (doses[after] - doses[after - 1]) / (high - low) ** 2
        gradient[after - 1] += pace * (level - low)
        gradient[after] += pace * (high - level)
    blocks = np.cumsum(np.diff(smooth, prepend=smooth[0]) != 0)
    shared = np.bincount(blocks, gradient) / np.bincount(blocks)
    return 2 * value**2 * shared[blocks]


def knee(doses: Array, smooth: Array) -> Array:
    """The measured dose at which a smoothed curve is highest above its chord: (...).

    The chord joins the first and last values (Kneedle: Satopaa et al. 2011). If the curve is
    nowhere above it, the knee is the first dose: all loss is immediate. nan: the curve is
    undefined.
    """
    doses = np.asarray(doses, np.float64)
    share = (doses - doses[0]) / ((doses[-1] - doses[0]) or 1.0)
    chord = smooth[..., :1] + (smooth[..., -1:] - smooth[..., :1]) * share
    above = np.round(smooth - chord, 12)  # so that a straight line has its knee at the start
    index = np.where(np.isnan(above), 0.0, above).argmax(-1)
    return np.where(np.isnan(above).any(-1), np.nan, doses[index])


class Crossover(NamedTuple):
    """The dose at which a difference of curves changes sign, with its interval."""

    dose: float
    lo: float
    hi: float
    before: int  # sign of the difference below it


def crossovers(
    doses: Array, value: Array, band: tuple[Array, Array], sure: tuple[Array, Array]
) -> list[Crossover]:
    """The crossings of two curves, each with an interval.

    A crossing lies between two doses at which the difference has significantly opposite signs. Its
    interval consists of the doses at which the band of the difference contains 0, so that a test at
    the band's level would not reject equality (as for a median survival: Brookmeyer & Crowley
    1982).

    Args:
        doses: (doses,) ascending.
        value: (doses,) the difference.
        band: its pointwise interval, from which the interval of the crossing is made.
        sure: its simultaneous band (`bands`), which decides on crossings.
    """
    sign = np.where(sure[0] > 0, 1, np.where(sure[1] < 0, -1, 0))
    crossings = []
    for i, j in pairwise(np.flatnonzero(sign)):
        if sign[i] != sign[j]:
            x, down = doses[i : j + 1], int(sign[i])
            ends = (down * curve[i : j + 1] for curve in (band[0], value, band[1]))
            first, middle, last = sorted(float(reached(x, falling(end), 0.0)) for end in ends)
            crossings.append(Crossover(middle, first, last, down))
    return crossings


def common_doses(*grids: Array) -> Array:
    """The doses measured in every grid, ascending; they are compared to nine decimals."""
    shared = np.round(np.asarray(grids[0], np.float64), 9)
    for grid in grids[1:]:
        shared = np.intersect1d(shared, np.round(np.asarray(grid, np.float64), 9))
    return shared


def at_doses(doses: Array, values: Array, wanted: Array) -> Array:
    """The columns of values (..., doses) that belong to `wanted`, a subset of `doses`."""
    index = np.searchsorted(np.round(np.asarray(doses, np.float64), 9), wanted)
    return values[..., index]

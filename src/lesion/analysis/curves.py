"""What a dose-response curve comes to in one number: retained area, D50, slopes, knee.

Every function works along the last axis (doses) and over any leading axes (replicates, draws).
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

Array = np.ndarray


def skill(score: Array, chance: Array, intact: Array, higher: bool = True) -> Array:
    """(score - chance) / (intact - chance): 1 is unharmed, 0 is gone, below 0 worse than chance.

    Args:
        score: (..., doses).
        chance, intact: (...), the best constant answer and the undamaged model.
        higher: whether a higher score is better.

    Returns:
        (..., doses); nan where the intact model is not better than chance, since then there was
        nothing to lose. An infinite loss is -inf.
    """
    gain = np.asarray(intact, np.float64) - chance
    learned = (gain > 0) if higher else (gain < 0)
    gain = np.where(learned & np.isfinite(gain), gain, np.nan)
    return (np.asarray(score, np.float64) - np.asarray(chance)[..., None]) / gain[..., None]


def linear_skill(score: Array, chance: Array, intact: Array, observed: Array, gain: float) -> Array:
    """Skill to first order around the observed curve (delta method): (..., doses).

    A replicate's skill is a ratio, and where the intact model is near chance its variance says
    more about a few tiny denominators than about the levels. This one is linear in the weights, so
    variances of levels add up.

    Args:
        score, chance, intact: as in `skill`.
        observed: (doses,) the observed skill.
        gain: the observed intact - chance.
    """
    risen = np.asarray(score, np.float64) - np.asarray(chance)[..., None]
    grown = (np.asarray(intact, np.float64) - chance)[..., None]
    with np.errstate(invalid="ignore"):
        return observed + (risen - observed * grown) / (gain or np.nan)


def retained_area(doses: Array, skills: Array) -> Array:
    """Mean skill over the measured range of doses (trapezoid): (..., doses) -> (...).

    1: nothing was lost anywhere. nan where skill is undefined, or only one dose was measured.
    """
    doses = np.asarray(doses, np.float64)
    if len(doses) < 2:
        return np.full(np.shape(skills)[:-1], np.nan)
    width = np.diff(doses) / (doses[-1] - doses[0])
    return ((skills[..., 1:] + skills[..., :-1]) / 2 * width).sum(-1)


def initial_slope(doses: Array, skills: Array) -> Array:
    """Skill lost for each unit of dose at the beginning: (..., doses) -> (...).

    The least-squares line through the intact point, sum d (1 - skill) / sum d^2, over the doses d
    in the first quarter of the measured range, and at least over the first two above 0. It is
    linear in the curve. nan: skill is undefined, or only one dose was measured.
    """
    away = np.asarray(doses, np.float64) - doses[0]
    early = away <= away[-1] / 4 + 1e-9
    early[:3] = True  # the intact point and two more
    away = away[early]
    if len(away) < 2:
        return np.full(np.shape(skills)[:-1], np.nan)
    return ((1 - skills[..., early]) * away).sum(-1) / (away**2).sum()


def falling(values: Array) -> Array:
    """The nearest curves that never rise: antitonic least squares along the last axis.

    By `scipy.optimize.isotonic_regression` (pool adjacent violators; Barlow et al. 1972). It keeps
    order: a curve nowhere above another is nowhere above it when both are smoothed. A value of
    -inf counts as -1e6; nan anywhere in a curve makes all of it nan.
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
    found = doses[before] + step * (doses[after] - doses[before])
    found = np.where(below.any(-1), found, np.inf)
    return np.where(np.isnan(smooth).any(-1), np.nan, found)


def d50(doses: Array, skills: Array, level: float = 0.5) -> Array:
    """The dose at which monotone-smoothed skill first falls to `level`; see `reached`."""
    return reached(doses, falling(skills), level)


def steepness(doses: Array, smooth: Array) -> Array:
    """Skill lost for each unit of dose between three quarters and one quarter: (...).

    0.5 / (D25 - D75) of a smoothed curve, where Dp is the dose at which p% are left. nan: a quarter
    is not reached, or left already at the first dose.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        width = reached(doses, smooth, 0.25) - reached(doses, smooth, 0.75)
        return np.where(np.isfinite(width) & (width > 0), 0.5 / width, np.nan)


def steepness_bounds(doses: Array, smooth: Array) -> Array:
    """Between which values steepness must lie: (..., doses) -> (..., 2), equal where it is known.

    A quarter that is left at the last dose is reached beyond it, if ever: 0 at least, and less than
    if it were reached there.
    """
    known, start = steepness(doses, smooth), reached(doses, smooth, 0.75)
    with np.errstate(invalid="ignore", divide="ignore"):
        most = np.where(np.isfinite(start), 0.5 / (doses[-1] - start), np.inf)
    missed = np.isnan(known)
    return np.stack([np.where(missed, 0.0, known), np.where(missed, most, known)], -1)


def steepness_gradient(doses: Array, skills: Array) -> Array:
    """What steepness gains for each unit of skill at each dose: (doses,) of one curve -> (doses,).

    The derivative through the two segments in which three quarters and one quarter are reached;
    doses that smoothing made equal share theirs. nan where steepness is undefined.
    """
    smooth = falling(skills)
    value, gradient = steepness(doses, smooth), np.zeros(len(smooth))
    if np.isnan(value):
        return np.full(len(smooth), np.nan)
    for level, sign in ((0.75, 1.0), (0.25, -1.0)):
        after = int((smooth <= level).argmax())
        if after == 0:  # there is no segment: the dose is the first one
            continue
        high, low = smooth[after - 1], smooth[after]
        pace = sign * (doses[after] - doses[after - 1]) / (high - low) ** 2
        gradient[after - 1] += pace * (level - low)
        gradient[after] += pace * (high - level)
    blocks = np.cumsum(np.diff(smooth, prepend=smooth[0]) != 0)
    shared = np.bincount(blocks, gradient) / np.bincount(blocks)
    return 2 * value**2 * shared[blocks]


def knee(doses: Array, smooth: Array) -> Array:
    """The measured dose where a smoothed curve stands highest above its chord: (...).

    The chord joins its first and last values (Kneedle: Satopaa et al. 2011). The first dose where
    the curve is nowhere above it: what is lost is lost at once. nan: the curve is undefined.
    """
    doses = np.asarray(doses, np.float64)
    share = (doses - doses[0]) / ((doses[-1] - doses[0]) or 1.0)
    chord = smooth[..., :1] + (smooth[..., -1:] - smooth[..., :1]) * share
    above = np.round(smooth - chord, 12)  # a straight line has no knee but the first dose
    place = np.where(np.isnan(above), 0.0, above).argmax(-1)
    return np.where(np.isnan(above).any(-1), np.nan, doses[place])


class Crossover(NamedTuple):
    """Where a difference of curves changes its sign, and the doses where it may do so."""

    dose: float
    lo: float
    hi: float
    before: int  # sign of the difference below it


def crossovers(
    doses: Array, value: Array, band: tuple[Array, Array], sure: tuple[Array, Array]
) -> list[Crossover]:
    """Where two curves cross, each with an interval.

    A crossing lies between two doses at which the difference is surely of opposite signs. Its
    interval ends where the band of the difference leaves 0: the doses at which a test at the
    band's level would not tell the curves apart (as for a median survival: Brookmeyer & Crowley
    1982).

    Args:
        doses: (doses,) ascending.
        value: (doses,) the difference.
        band: its pointwise interval, which makes the interval of the crossing.
        sure: a wider one, corrected for the number of doses, which says that there is a crossing.
    """
    sign = np.where(sure[0] > 0, 1, np.where(sure[1] < 0, -1, 0))
    places = np.flatnonzero(sign)
    found = []
    for i, j in pairwise(places):
        if sign[i] != sign[j]:
            x, down = doses[i : j + 1], int(sign[i])
            ends = (down * curve[i : j + 1] for curve in (band[0], value, band[1]))
            first, middle, last = sorted(float(reached(x, falling(end), 0.0)) for end in ends)
            found.append(Crossover(middle, first, last, down))
    return found


def common_doses(*grids: Array) -> Array:
    """The doses measured in every grid, ascending; equal to nine decimals is equal."""
    shared = np.round(np.asarray(grids[0], np.float64), 9)
    for grid in grids[1:]:
        shared = np.intersect1d(shared, np.round(np.asarray(grid, np.float64), 9))
    return shared


def at_doses(doses: Array, values: Array, wanted: Array) -> Array:
    """The columns of values (..., doses) that belong to `wanted`, a subset of `doses`."""
    index = np.searchsorted(np.round(np.asarray(doses, np.float64), 9), wanted)
    return values[..., index]

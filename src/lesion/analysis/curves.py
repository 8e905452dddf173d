"""Summary numbers of a dose-response curve: retained area, D50, slopes, knee.

Every function works along the last axis (doses) and over any leading axes (replicates, draws).
`places` is where the doses lie on their axis (`scale.places_of`): the doses themselves, or on the
log scale their decades, with the intact model at -inf.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lesion.analysis.scale import LINEAR, doses_at, intact_first, places_of, without_place

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


def retained_area(places: Array, skills: Array) -> Array:
    """Mean skill over the measured range of doses (trapezoid): (..., doses) -> (...).

    The range is from the intact model to the last dose; on the log scale from the first dose above
    0, since dose 0 lies nowhere. 1: no loss at any dose. nan: skill is undefined, or the range is a
    single dose.
    """
    start = without_place(places)
    places, skills = np.asarray(places, np.float64)[start:], skills[..., start:]
    if len(places) < 2:
        return np.full(np.shape(skills)[:-1], np.nan)
    width = np.diff(places) / (places[-1] - places[0])
    return ((skills[..., 1:] + skills[..., :-1]) / 2 * width).sum(-1)


def initial_slope(places: Array, skills: Array) -> Array:
    """Skill lost per unit of dose at the beginning: (..., doses) -> (...).

    The slope of the least-squares line through the intact point, sum d (1 - skill) / sum d^2, over
    the doses d in the first quarter of the measured range, and at least over the first two above 0.
    It is linear in the curve. nan: skill is undefined, or only one dose was measured, or the scale
    is logarithmic: the decades have no beginning.
    """
    if len(places) < 2 or without_place(places):
        return np.full(np.shape(skills)[:-1], np.nan)
    distance = np.asarray(places, np.float64) - places[0]
    early = distance <= distance[-1] / 4 + 1e-9
    early[:3] = True  # the intact point and two more
    distance = distance[early]
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


def reached(places: Array, smooth: Array, level: float) -> Array:
    """The place at which a smoothed curve first falls to `level`: (..., doses) -> (...).

    Linear between places. inf: not reached at any measured dose; -inf: below the first place of the
    log scale; nan: the curve is undefined.
    """
    places = np.asarray(places, np.float64)
    below = smooth <= level
    after = below.argmax(-1)
    before = np.maximum(after - 1, 0)
    high = np.take_along_axis(smooth, before[..., None], -1)[..., 0]
    low = np.take_along_axis(smooth, after[..., None], -1)[..., 0]
    drop = np.where(high > low, high - low, 1.0)  # no drop: already below at the first dose
    step = np.where(high > low, (high - level) / drop, 0.0)
    with np.errstate(invalid="ignore"):
        place = places[before] + step * (places[after] - places[before])
    place = np.where(np.isneginf(places[before]), -np.inf, place)
    place = np.where(below.any(-1), place, np.inf)
    return np.where(np.isnan(smooth).any(-1), np.nan, place)


def half_lost(places: Array, smooth: Array, level: float = 0.5) -> Array:
    """The place at which a smoothed curve first falls to `level`, if it lies between doses.

    As `reached`, but -inf if skill is at or below the level already at the first dose above 0:
    between the intact model and this dose nothing was measured.
    """
    first = smooth[..., intact_first(places) :][..., :1]
    early = (first <= level).any(-1)
    return np.where(early, -np.inf, reached(places, smooth, level))


def d50(places: Array, skills: Array, level: float = 0.5) -> Array:
    """The place at which monotone-smoothed skill first falls to `level`; see `half_lost`."""
    return half_lost(places, falling(skills), level)


def steepness(places: Array, smooth: Array) -> Array:
    """Skill lost per unit of dose (log scale: per decade) between three quarters and one: (...).

    0.5 / (D25 - D75) of a smoothed curve, where Dp is the dose at which p% are left. nan: a quarter
    is not reached, or skill is at a quarter already at the first dose, or (log scale) at three
    quarters.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        width = reached(places, smooth, 0.25) - reached(places, smooth, 0.75)
        return np.where(np.isfinite(width) & (width > 0), 0.5 / width, np.nan)


def steepness_bounds(places: Array, smooth: Array) -> Array:
    """The bounds of steepness: (..., doses) -> (..., 2), equal if it is defined.

    If more than a quarter is left at the last dose, a quarter is reached beyond it, if ever. Then
    steepness is at least 0, and less than if a quarter were reached at the last dose. On the log
    scale three quarters may be reached below the first dose: steepness is less than if they were
    reached there.
    """
    known, start = steepness(places, smooth), reached(places, smooth, 0.75)
    first, last = places[without_place(places) :][0], places[-1]
    quarter = np.clip(reached(places, smooth, 0.25), first, last)
    width = np.where(np.isneginf(start), quarter, last) - np.maximum(start, first)
    with np.errstate(invalid="ignore", divide="ignore"):
        most = np.where(np.isfinite(width), 0.5 / width, np.inf)
    undefined = np.isnan(known)
    return np.stack([np.where(undefined, 0.0, known), np.where(undefined, most, known)], -1)


def steepness_gradient(places: Array, skills: Array) -> Array:
    """The derivative of steepness with respect to skill at each dose, of one curve: (doses,).

    It goes through the two segments in which three quarters and one quarter are reached. Doses that
    smoothing pooled share their derivative. nan: steepness is undefined.
    """
    smooth = falling(skills)
    value, gradient = steepness(places, smooth), np.zeros(len(smooth))
    if np.isnan(value):
        return np.full(len(smooth), np.nan)
    for level, sign in ((0.75, 1.0), (0.25, -1.0)):
        after = int((smooth <= level).argmax())
        if after == 0:  # no segment: the level is reached at the first dose
            continue
        high, low = smooth[after - 1], smooth[after]
        pace = sign * (places[after] - places[after - 1]) / (high - low) ** 2
        gradient[after - 1] += pace * (level - low)
        gradient[after] += pace * (high - level)
    blocks = np.cumsum(np.diff(smooth, prepend=smooth[0]) != 0)
    shared = np.bincount(blocks, gradient) / np.bincount(blocks)
    return 2 * value**2 * shared[blocks]


def knee(places: Array, smooth: Array) -> Array:
    """The place of the measured dose at which a smoothed curve is highest above its chord: (...).

    The chord joins the first and last values (Kneedle: Satopaa et al. 2011), on the log scale from
    the first dose above 0. If the curve is nowhere above it, the knee is the first dose: all loss
    is immediate. nan: the curve is undefined.
    """
    start = without_place(places)
    places, smooth = np.asarray(places, np.float64)[start:], smooth[..., start:]
    if not len(places):
        return np.full(np.shape(smooth)[:-1], np.nan)
    share = (places - places[0]) / ((places[-1] - places[0]) or 1.0)
    chord = smooth[..., :1] + (smooth[..., -1:] - smooth[..., :1]) * share
    above = np.round(smooth - chord, 12)  # so that a straight line has its knee at the start
    index = np.where(np.isnan(above), 0.0, above).argmax(-1)
    return np.where(np.isnan(above).any(-1), np.nan, places[index])


class Crossover(NamedTuple):
    """The dose at which a difference of curves changes sign, with its interval."""

    dose: float
    lo: float
    hi: float
    before: int  # sign of the difference below it


def crossovers(
    doses: Array,
    value: Array,
    band: tuple[Array, Array],
    sure: tuple[Array, Array],
    scale: str = LINEAR,
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
        scale: of the doses, on which crossings lie between them.
    """
    places = places_of(doses, scale)
    sign = np.where(sure[0] > 0, 1, np.where(sure[1] < 0, -1, 0))
    sign = np.where(np.isneginf(places), 0, sign)
    crossings = []
    for i, j in pairwise(np.flatnonzero(sign)):
        if sign[i] != sign[j]:
            x, down = places[i : j + 1], int(sign[i])
            ends = (down * curve[i : j + 1] for curve in (band[0], value, band[1]))
            crossed = sorted(float(reached(x, falling(end), 0.0)) for end in ends)
            first, middle, last = doses_at(np.array(crossed), scale).tolist()
            crossings.append(Crossover(middle, first, last, down))
    return crossings


def common_doses(*grids: Array) -> Array:
    """The doses measured in every grid, ascending; they are compared to nine digits."""
    shared = _rounded(grids[0])
    for grid in grids[1:]:
        shared = np.intersect1d(shared, _rounded(grid))
    return shared


def at_doses(doses: Array, values: Array, wanted: Array) -> Array:
    """The columns of values (..., doses) that belong to `wanted`, a subset of `doses`."""
    index = np.searchsorted(_rounded(doses), wanted)
    return values[..., index]


def _rounded(doses: Array) -> Array:
    """Doses to nine significant digits: error rates may be smaller than nine decimals."""
    return np.array([float(f"{dose:.9g}") for dose in np.asarray(doses, np.float64)])

"""What a dose-response curve says in one number: skill, retained area, D50.

Every function works along the last axis (doses) and over any leading axes (replicates, draws).
"""

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


def falling(values: Array) -> Array:
    """The nearest curves that never rise: antitonic least squares along the last axis.

    By the min-max formula (Barlow et al. 1972; Robertson, Wright & Dykstra 1988, theorem 1.4.4),
    fit[i] = min over j <= i of max over k >= i of mean(values[j..k]), which vectorises over curves
    where pooling adjacent violators does not. nan anywhere in a curve makes all of it nan.
    """
    values = np.asarray(values, np.float64)
    doses = values.shape[-1]
    fit = np.full(values.shape, np.inf)
    for j in range(doses):
        means = np.cumsum(values[..., j:], axis=-1) / np.arange(1, doses - j + 1)
        highest = np.maximum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        np.minimum(fit[..., j:], highest, out=fit[..., j:])
    return fit


def d50(doses: Array, skills: Array, level: float = 0.5) -> Array:
    """The dose at which smoothed skill first falls to `level`: (..., doses) -> (...).

    Skill is smoothed by `falling`, then interpolated linearly between doses. inf: not reached at
    any measured dose. nan: skill is undefined. A skill of -inf counts as lost altogether.
    """
    doses = np.asarray(doses, np.float64)
    smooth = falling(np.maximum(skills, -1e6))  # nan stays nan
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

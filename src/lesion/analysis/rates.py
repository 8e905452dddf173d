"""How fast skill goes, compared: D50, the initial slope and the steepness of two sides.

They stand beside the verdict on retained area, which is the primary comparison. The initial slope
is linear in the curve, and steepness is taken to first order (`sampled.steepened`), so that both
have the t interval and the p of `contrast.contrast`. D50 is read off every joint replicate and has
percentiles, lengthened by Student's t of the areas (`bootstrap.interval`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.contrast import ALPHA, Contrast, contrast, holm, p_value, side_of
from lesion.analysis.sampled import Sampled, steepened, widened
from lesion.analysis.summary import Analysis, Estimate
from lesion.keys import generator

Array = np.ndarray
Sides = Sequence[Sequence[Analysis]]
Names = tuple[str, str]

RATES = {  # skill lost for each unit of dose
    "initial_slope": "at the beginning",
    "steepness": "between three quarters and one quarter",
}


class Rate(NamedTuple):
    """Which of two sides loses less skill for each unit of dose, at one stage of the curve."""

    quantity: str  # of RATES
    value: float  # rate of b - rate of a; nan: undefined
    lo: float  # 95% interval
    hi: float
    p: float  # of no difference, two-sided; nan: undefined
    p_holm: float  # corrected over the study's comparisons of this quantity
    outcome: str  # who loses at a lower rate: "a", "b" or "cannot tell"
    answer: str  # the outcome in words, with the reason where the difference is undefined


def rates(sides: Sides, doses: Array, names: Names, seed: int) -> tuple[Rate, ...]:
    """Both rates of one comparison, not corrected for others.

    Args:
        sides: the healthy models of a and of b.
        doses: over which all of them were measured.
        names: of the sides.
        seed: the study's, for resampling models.
    """
    skills = [[model.sampled.over(doses) for model in side] for side in sides]
    early = contrast(*(side_of(side, curves.initial_slope) for side in skills))
    steep = [[_steep(model, doses) for model in side] for side in sides]
    never = [
        model.model
        for side, found in zip(sides, steep, strict=True)
        for model, one in zip(side, found, strict=True)
        if np.isnan(one.value[0])
    ]
    reason = f"{' and '.join(never)} kept more than a quarter of skill at every dose"
    late = steepness_contrast(steep[0], steep[1], names, seed)
    made = _rate("initial_slope", early), _rate("steepness", late, reason if never else "")
    return tuple(told(one, one.p, names) for one in made)


def steepness_contrast(
    first: Sequence[Sampled], second: Sequence[Sampled], names: Names = ("a", "b"), seed: int = 0
) -> Contrast:
    """Steepness of the second side less that of the first, of models from `sampled.steepened`.

    Where many replicates have no steepness, the interval is widened (`sampled.widened`), and p with
    it.
    """
    found = contrast(*(side_of(side, lambda _, steep: steep[..., 0]) for side in (first, second)))
    bounds = []
    for side, name in zip((first, second), names, strict=True):
        joint, each = (np.array([getattr(one, k) for one in side]) for k in ("joint", "value"))
        more = _resampled_models(each[:, 0], joint.shape[1], seed, name)
        bounds.append(joint.mean(0) + more[:, None])  # (replicates, 2)
    (low, high), (least, most) = bounds[0].T, bounds[1].T
    away = np.stack([least - high, most - low], -1)
    lo, hi = widened(found.estimate, away, found.freedom)
    if (lo, hi) == found.estimate[1:]:
        return found
    return found._replace(lo=lo, hi=hi, p=p_value(found.delta, lo, hi, found.freedom))


def _rate(quantity: str, found: Contrast, reason: str = "") -> Rate:
    answer = f"cannot tell: {reason}" if reason else "cannot tell"
    if np.isnan(found.delta):
        nan = float("nan")
        return Rate(quantity, nan, nan, nan, nan, nan, "cannot tell", answer)
    p = float(found.p)
    return Rate(quantity, *found.estimate, p, p, "cannot tell", answer)


def _steep(model: Analysis, doses: Array) -> Sampled:
    whole = len(doses) == len(model.doses)
    return model.steep if whole else steepened(model.sampled.over(doses))


def told(rate: Rate, p_holm: float, names: Names) -> Rate:
    """The outcome at a corrected p-value; what is undefined keeps its reason."""
    rate = rate._replace(p_holm=p_holm)
    if np.isnan(rate.value):
        return rate
    if p_holm > ALPHA or rate.lo <= 0 <= rate.hi:
        return rate._replace(outcome="cannot tell", answer="cannot tell")
    slower = rate.value < 0  # b's rate is the lower one
    answer = f"{names[slower]} loses skill at a lower rate {RATES[rate.quantity]}"
    return rate._replace(outcome="ab"[slower], answer=answer)


def corrected(found: Sequence[tuple[Rate, ...]], names: Sequence[Names]) -> list[tuple[Rate, ...]]:
    """The rates of every comparison, held to Holm's correction within each quantity."""
    result: list[list[Rate]] = [[] for _ in found]
    for quantity in RATES:
        places = [(n, r) for n, each in enumerate(found) for r in each if r.quantity == quantity]
        adjusted = holm([rate.p for _, rate in places])
        for (n, rate), p in zip(places, adjusted, strict=True):
            result[n].append(told(rate, float(p), names[n]))
    return [tuple(each) for each in result]


def d50_contrast(
    sides: Sides, doses: Array, names: Names, freedom: Array | float, seed: int
) -> Estimate:
    """D50(b) - D50(a), its percentile interval with the areas' degrees of freedom.

    A D50 that is not reached is inf, so the difference may be infinite; nan: neither is reached.
    """
    found = []
    for side, name in zip(sides, names, strict=True):
        pairs = [_halves(model, doses) for model in side]
        each = np.array([value for value, _ in pairs])
        joint = np.mean([replicates for _, replicates in pairs], axis=0)
        found.append((each.mean(), joint + _resampled_models(each, len(joint), seed, name)))
    (first, before), (second, after) = found
    with np.errstate(invalid="ignore"):
        delta, replicates = float(second - first), after - before
    if np.isnan(delta):
        return Estimate(delta, delta, delta)
    lo, hi = bootstrap.interval(delta, replicates, 1 - ALPHA, freedom)
    return Estimate(delta, float(lo), float(hi))


def _resampled_models(each: Array, replicates: int, seed: int, name: str) -> Array:
    """What resampling models adds to their mean, by normal weights: (models,) -> (replicates,).

    Their variance is s^2 / n, which two or three models cannot show as counts.
    """
    models = len(each)
    if models == 1:
        return np.zeros(replicates)
    weights = generator(seed, "bootstrap", "models", name, models).standard_normal(
        (replicates, models)
    )
    with np.errstate(invalid="ignore"):
        return weights @ (each - each.mean()) / np.sqrt(models * (models - 1))


def _halves(model: Analysis, doses: Array) -> tuple[float, Array]:
    """D50 over some doses, observed and in every replicate."""
    if len(doses) == len(model.doses):
        return model.d50.value, model.halves
    skill = model.sampled.over(doses)
    return float(curves.d50(doses, skill.value)), curves.d50(doses, skill.joint)

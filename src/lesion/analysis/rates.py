"""How fast skill is lost: D50, the initial slope and the steepness of two sides compared.

These are secondary to the verdict on retained area. The initial slope is linear in the curve, and
steepness is linearised (`sampled.steepened`), so that both have the t interval and the p of
`contrast.contrast`. D50 is computed in every joint replicate and has a percentile interval,
lengthened by Student's t of the areas (`bootstrap.interval`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.contrast import ALPHA, Contrast, contrast, holm, p_value, side_of
from lesion.analysis.sampled import ResampledCurve, steepened, widened
from lesion.analysis.summary import Analysis, Estimate
from lesion.keys import generator

Array = np.ndarray
Sides = Sequence[Sequence[Analysis]]
Names = tuple[str, str]

RATES = {  # skill lost per unit of dose
    "initial_slope": "at the beginning",
    "steepness": "between three quarters and one quarter",
}


class Rate(NamedTuple):
    """Which of two sides loses less skill per unit of dose, at one stage of the curve."""

    quantity: str  # of RATES
    value: float  # rate of b - rate of a; nan: undefined
    lo: float  # 95% interval
    hi: float
    p: float  # of no difference, two-sided; nan: undefined
    p_holm: float  # corrected over the study's comparisons of this quantity
    outcome: str  # the side with the lower rate: "a", "b" or "cannot tell"
    answer: str  # the outcome in words, with the reason if the difference is undefined


def rates(sides: Sides, doses: Array, names: Names, seed: int) -> tuple[Rate, ...]:
    """Both rates of one comparison, not corrected for multiplicity.

    Args:
        sides: the healthy models of a and of b.
        doses: at which all of them were measured.
        names: of the sides.
        seed: the study's, for resampling models.
    """
    skills = [[model.resampled.at_doses(doses) for model in side] for side in sides]
    early = contrast(*(side_of(side, curves.initial_slope) for side in skills))
    steep = [[_steep(model, doses) for model in side] for side in sides]
    never = [
        model.model
        for side, curves_of_side in zip(sides, steep, strict=True)
        for model, curve in zip(side, curves_of_side, strict=True)
        if np.isnan(curve.value[0])
    ]
    reason = f"{' and '.join(never)} kept more than a quarter of skill at every dose"
    late = steepness_contrast(steep[0], steep[1], names, seed)
    both = _rate("initial_slope", early), _rate("steepness", late, reason if never else "")
    return tuple(with_outcome(rate, rate.p, names) for rate in both)


def steepness_contrast(
    first: Sequence[ResampledCurve],
    second: Sequence[ResampledCurve],
    names: Names = ("a", "b"),
    seed: int = 0,
) -> Contrast:
    """Steepness of the second side minus that of the first, of models from `sampled.steepened`.

    If steepness is undefined in many replicates, the interval is widened (`sampled.widened`), and p
    is that of the wider interval.
    """
    steep = contrast(*(side_of(side, lambda _, values: values[..., 0]) for side in (first, second)))
    bounds = []
    for side, name in zip((first, second), names, strict=True):
        joint, values = np.array([s.joint for s in side]), np.array([s.value for s in side])
        more = _resampled_models(values[:, 0], joint.shape[1], seed, name)
        bounds.append(joint.mean(0) + more[:, None])  # (replicates, 2)
    (low, high), (least, most) = bounds[0].T, bounds[1].T
    difference = np.stack([least - high, most - low], -1)
    lo, hi = widened(steep.estimate, difference, steep.dof)
    if (lo, hi) == steep.estimate[1:]:
        return steep
    return steep._replace(lo=lo, hi=hi, p=p_value(steep.delta, lo, hi, steep.dof))


def _rate(quantity: str, difference: Contrast, reason: str = "") -> Rate:
    answer = f"cannot tell: {reason}" if reason else "cannot tell"
    if np.isnan(difference.delta):
        nan = float("nan")
        return Rate(quantity, nan, nan, nan, nan, nan, "cannot tell", answer)
    p = float(difference.p)
    return Rate(quantity, *difference.estimate, p, p, "cannot tell", answer)


def _steep(model: Analysis, doses: Array) -> ResampledCurve:
    whole = len(doses) == len(model.doses)
    return model.steep if whole else steepened(model.resampled.at_doses(doses))


def with_outcome(rate: Rate, p_holm: float, names: Names) -> Rate:
    """The rate with its outcome at a corrected p-value; an undefined one keeps its reason."""
    rate = rate._replace(p_holm=p_holm)
    if np.isnan(rate.value):
        return rate
    if p_holm > ALPHA or rate.lo <= 0 <= rate.hi:
        return rate._replace(outcome="cannot tell", answer="cannot tell")
    slower = rate.value < 0  # b's rate is the lower one
    answer = f"{names[slower]} loses skill at a lower rate {RATES[rate.quantity]}"
    return rate._replace(outcome="ab"[slower], answer=answer)


def corrected(
    comparisons: Sequence[tuple[Rate, ...]], names: Sequence[Names]
) -> list[tuple[Rate, ...]]:
    """The rates of every comparison after Holm's correction within each quantity."""
    result: list[list[Rate]] = [[] for _ in comparisons]
    for quantity in RATES:
        family = [(n, r) for n, c in enumerate(comparisons) for r in c if r.quantity == quantity]
        adjusted = holm([rate.p for _, rate in family])
        for (n, rate), p in zip(family, adjusted, strict=True):
            result[n].append(with_outcome(rate, float(p), names[n]))
    return [tuple(row) for row in result]


def d50_contrast(
    sides: Sides, doses: Array, names: Names, dof: Array | float, seed: int
) -> Estimate:
    """D50(b) - D50(a), its percentile interval with the areas' degrees of freedom.

    A D50 that is not reached is inf, so the difference may be infinite; nan: neither is reached.
    """
    means = []
    for side, name in zip(sides, names, strict=True):
        pairs = [_d50(model, doses) for model in side]
        each = np.array([value for value, _ in pairs])
        joint = np.mean([replicates for _, replicates in pairs], axis=0)
        means.append((each.mean(), joint + _resampled_models(each, len(joint), seed, name)))
    (first, before), (second, after) = means
    with np.errstate(invalid="ignore"):
        delta, replicates = float(second - first), after - before
    if np.isnan(delta):
        return Estimate(delta, delta, delta)
    lo, hi = bootstrap.interval(delta, replicates, 1 - ALPHA, dof)
    return Estimate(delta, float(lo), float(hi))


def _resampled_models(each: Array, replicates: int, seed: int, name: str) -> Array:
    """The effect of resampling models on their mean, by normal weights: (models,) -> (replicates,).

    Its variance is s^2 / n; counts of two or three models could not have it.
    """
    models = len(each)
    if models == 1:
        return np.zeros(replicates)
    weights = generator(seed, "bootstrap", "models", name, models).standard_normal(
        (replicates, models)
    )
    with np.errstate(invalid="ignore"):
        return weights @ (each - each.mean()) / np.sqrt(models * (models - 1))


def _d50(model: Analysis, doses: Array) -> tuple[float, Array]:
    """D50 over some doses, observed and in every replicate."""
    if len(doses) == len(model.doses):
        return model.d50.value, model.d50_replicates
    skill = model.resampled.at_doses(doses)
    return float(curves.d50(doses, skill.value)), curves.d50(doses, skill.joint)

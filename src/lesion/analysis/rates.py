"""How fast skill is lost: the initial slope and the steepness of two sides compared.

These are secondary to the verdict on retained area. The initial slope is linear in the curve, and
steepness is linearised (`sampled.steepened`), so that both have the t interval and the p of
`contrast.contrast`. On a log scale of doses steepness is per decade, and there is no initial slope.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import curves
from lesion.analysis.contrast import ALPHA, Contrast, contrast, holm, p_value, side_of
from lesion.analysis.sampled import ResampledCurve, steepened, widened
from lesion.analysis.scale import LOG
from lesion.analysis.summary import Analysis
from lesion.keys import generator

Array = np.ndarray
Sides = Sequence[Sequence[Analysis]]
Names = tuple[str, str]

RATES = {  # skill lost per unit of dose; on the log scale per decade
    "initial_slope": "at the beginning",
    "steepness": "between three quarters and one quarter",
}

NO_BEGINNING = "a log scale of doses has no beginning, so there is no initial slope"


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
    late = steepness_contrast(steep[0], steep[1], names, seed)
    both = (
        _rate("initial_slope", early, NO_BEGINNING if skills[0][0].scale == LOG else ""),
        _rate("steepness", late, _without_steepness(sides, skills, steep)),
    )
    return tuple(with_outcome(rate, rate.p, names) for rate in both)


def _without_steepness(
    sides: Sides,
    skills: Sequence[Sequence[ResampledCurve]],
    steep: Sequence[Sequence[ResampledCurve]],
) -> str:
    """Which models have no steepness, and why; "": all have one."""
    never: list[str] = []
    at_once: list[str] = []
    for side, skills_of_side, steep_of_side in zip(sides, skills, steep, strict=True):
        for model, skill, curve in zip(side, skills_of_side, steep_of_side, strict=True):
            if np.isnan(curve.value[0]):
                quarter = curves.reached(skill.places, curves.falling(skill.value), 0.25)
                (never if quarter == np.inf else at_once).append(model.model)
    reasons = [
        f"{' and '.join(models)} {what}"
        for models, what in (
            (never, "kept more than a quarter of skill at every dose"),
            (at_once, "lost a quarter of skill or more below the first dose"),
        )
        if models
    ]
    return "; ".join(reasons)


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
        more = resampled_models(values[:, 0], joint.shape[1], seed, name)
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


def resampled_models(each: Array, replicates: int, seed: int, name: str) -> Array:
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

"""Which of two sides loses half of its skill at a lower dose: the difference and ratio of D50.

Secondary to the verdict on retained area, like `rates`. D50 is computed in every joint replicate,
and differences and ratios have percentile intervals, lengthened by Student's t of the areas
(`bootstrap.interval`).

A D50 below the first dose above 0, or above the last one, is censored: it can be any dose there. A
replicate with such a D50 counts as the least that the comparison can be for the lower end of its
interval, and as the most for the upper end.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.contrast import ALPHA, holm, p_value
from lesion.analysis.rates import Names, Sides, resampled_models
from lesion.analysis.scale import doses_at, measured_range, possible
from lesion.analysis.summary import Analysis, Estimate

Array = np.ndarray


class HalfLost(NamedTuple):
    """D50 of two sides; of a group, the mean over its models (in the ratio, the geometric mean).

    Attributes:
        difference: D50(b) - D50(a). Where only a bound is known, its value is inf or -inf; nan with
            finite ends: one is below the first dose, so that the difference is between bounds.
        ratio: D50(b) / D50(a). Where only a bound is known, its value is inf or 0.
        bounds: the least and the most that the observed ratio can be; equal where it is known.
        p: of a ratio of 1, two-sided: below 0.05 exactly if the interval of the ratio excludes 1.
            nan: the ratio can be anything.
        p_holm: corrected over the study's comparisons of D50.
        outcome: the side with the higher D50: "a", "b" or "cannot tell".
        answer: the outcome in words, with the reason if the ratio can be anything.
    """

    difference: Estimate
    ratio: Estimate
    bounds: tuple[float, float]
    p: float
    p_holm: float
    outcome: str
    answer: str


def d50_contrast(
    sides: Sides, doses: Array, names: Names, dof: Array | float, seed: int
) -> HalfLost:
    """D50 of two sides, not corrected for multiplicity.

    Args:
        sides: the healthy models of a and of b.
        doses: at which all of them were measured.
        names: of the sides.
        dof: degrees of freedom of Student's t: those of the difference of the areas.
        seed: the study's, for resampling models.
    """
    observed, interval = _apart(sides, doses, names, dof, seed, np.asarray)
    difference = _estimate(observed, interval)
    observed, interval = _apart(sides, doses, names, dof, seed, _log)
    in_logs, nan = _estimate(observed, interval), float("nan")
    ratio = Estimate(*np.exp(in_logs).tolist())
    bounds = float(np.exp(observed[0])), float(np.exp(observed[1]))
    if np.isnan(in_logs.value):
        reason = _reason(sides, doses, names)
        return HalfLost(difference, ratio, bounds, nan, nan, "cannot tell", reason)
    p = float(p_value(_nearest_to_none(*observed), *interval, dof))
    known = HalfLost(difference, ratio, bounds, p, p, "cannot tell", "cannot tell")
    return with_outcome(known, p, names)


def with_outcome(half: HalfLost, p_holm: float, names: Names) -> HalfLost:
    """The comparison with its outcome at a corrected p-value; one without p keeps its reason."""
    half = half._replace(p_holm=p_holm)
    if np.isnan(half.p):
        return half
    if p_holm > ALPHA or half.ratio.lo <= 1 <= half.ratio.hi:
        return half._replace(outcome="cannot tell", answer="cannot tell")
    later = half.ratio.lo > 1  # b's D50 is the higher one
    times = half.bounds[0] if later else 1 / half.bounds[1]
    more = "" if half.bounds[0] == half.bounds[1] else "more than "
    answer = f"{names[later]} loses half of its skill at {more}{times:.2g} times the dose"
    return half._replace(outcome="ab"[later], answer=answer)


def corrected(halves: Sequence[HalfLost | None], names: Sequence[Names]) -> list[HalfLost | None]:
    """The comparisons after Holm's correction; None is a comparison without D50."""
    adjusted = holm([np.nan if half is None else half.p for half in halves])
    return [
        half if half is None else with_outcome(half, float(p), pair)
        for half, p, pair in zip(halves, adjusted, names, strict=True)
    ]


def _apart(
    sides: Sides,
    doses: Array,
    names: Names,
    dof: Array | float,
    seed: int,
    scaled: Callable[[Array], Array],
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The least and the most that b - a can be, and its interval, which contains both."""
    (a, before), (b, after) = (
        _possible(side, doses, name, seed, scaled) for side, name in zip(sides, names, strict=True)
    )
    least, most = float(b[0] - a[1]), float(b[1] - a[0])
    lo, _ = bootstrap.interval(least, after[:, 0] - before[:, 1], 1 - ALPHA, dof)
    _, hi = bootstrap.interval(most, after[:, 1] - before[:, 0], 1 - ALPHA, dof)
    return (least, most), (min(float(lo), least), max(float(hi), most))


def _possible(
    side: Sequence[Analysis],
    doses: Array,
    name: str,
    seed: int,
    scaled: Callable[[Array], Array],
) -> tuple[Array, Array]:
    """The least and the most that a side's D50 can be: observed (2,), resampled (replicates, 2)."""
    pairs = [_d50(model, doses) for model in side]
    each = scaled(possible(np.array([value for value, _ in pairs]), doses))  # (models, 2)
    joint = scaled(possible(np.array([values for _, values in pairs]), doses)).mean(0)
    shift = [resampled_models(ends, len(joint), seed, name) for ends in each.T]
    with np.errstate(invalid="ignore"):
        joint = joint + np.stack(shift, -1)
    observed = each.mean(0)
    return observed, np.where(np.isfinite(observed), joint, observed)


def _d50(model: Analysis, doses: Array) -> tuple[float, Array]:
    """D50 over some doses, observed and in every replicate."""
    if len(doses) == len(model.doses):
        return model.d50.value, model.d50_replicates
    skill = model.resampled.at_doses(doses)
    value, joint = (
        doses_at(curves.d50(skill.places, values), skill.scale)
        for values in (skill.value, skill.joint)
    )
    return float(value), joint


def _log(ends: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(ends)


def _estimate(observed: tuple[float, float], interval: tuple[float, float]) -> Estimate:
    """A value with its interval; nan throughout where it can be anything."""
    (least, most), nan = observed, float("nan")
    if np.isinf(least) and np.isinf(most):
        return Estimate(nan, nan, nan)
    if np.isinf(most) or least == most:
        return Estimate(most, *interval)
    return Estimate(least if np.isinf(least) else nan, *interval)


def _nearest_to_none(least: float, most: float) -> float:
    """The difference nearest to 0 that is possible."""
    return 0.0 if least < 0 < most else min(least, most, key=abs)


def _reason(sides: Sides, doses: Array, names: Names) -> str:
    """Why the ratio can be anything: on which side of the doses each D50 lies."""
    first, last = measured_range(doses)
    where = []
    for side in sides:
        values = {_d50(model, doses)[0] for model in side}
        words = [f"below dose {first:g}"] if -np.inf in values else []
        where.append(" and ".join(words + [f"above dose {last:g}"] * (np.inf in values)))
    each = [f"{name} is {words}" for name, words in zip(names, where, strict=True) if words]
    return f"cannot tell: D50 of {', of '.join(each)}"

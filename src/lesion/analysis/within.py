"""Two lesions, or two tasks, of the same models: the difference within each model.

Replicate r of both curves of a model belongs to the same resampled study: what the curves share
(the examples of a task, the draws of a lesion, fine-tuning seeds) has the same weights on both
sides, and what they do not share has weights that are drawn independently, because the address of
the weights names it (`sampled.weights_of`). Replicates are therefore subtracted one by one. A
difference is a curve like any other: the mean over the models of a group has the variance between
the differences within models, in which a model that is better throughout cancels.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lesion.analysis import curves, rates
from lesion.analysis.contrast import Contrast, Quantity, contrast, side_of
from lesion.analysis.rates import Rate
from lesion.analysis.sampled import ResampledCurve, steepened
from lesion.analysis.summary import Analysis
from lesion.analysis.variance import JOIN

Array = np.ndarray


UNDEFINED = {  # why a rate has no difference
    "initial_slope": rates.NO_BEGINNING,
    "steepness": "a model kept more than a quarter of skill, or lost it below the first dose",
}


def difference(first: ResampledCurve, second: ResampledCurve) -> ResampledCurve:
    """second - first, of one model at the same doses."""
    sources = dict.fromkeys((*first.levels, *second.levels))
    with np.errstate(invalid="ignore"):
        levels = {s: _of(second, s) - _of(first, s) for s in sources}
        value, joint = second.value - first.value, second.joint - first.joint
    members = _fewest(first.members, second.members)
    return first._replace(value=value, joint=joint, levels=levels, members=members)


def _of(curve: ResampledCurve, source: str) -> Array:
    """The replicates of a source; a level of a single member adds nothing to an interaction."""
    if source in curve.levels:
        return curve.levels[source]
    away = [curve.levels[level] - curve.value for level in source.split(JOIN)]
    return curve.value + np.sum(away, axis=0)


def _fewest(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Members of each level: the smaller number, of the sides that have several."""
    return {
        level: min((n for n in (first[level], second[level]) if n > 1), default=1)
        for level in first
    }


def nothing(curve: ResampledCurve) -> ResampledCurve:
    """A curve that is 0 at every dose, without variance."""
    levels = {level: np.zeros_like(values) for level, values in curve.levels.items()}
    value, joint = np.zeros_like(curve.value), np.zeros_like(curve.joint)
    return curve._replace(value=value, joint=joint, levels=levels)


def contrast_within(differences: Sequence[ResampledCurve], quantity: Quantity) -> Contrast:
    """The mean over models of a quantity of their differences."""
    side = side_of(differences, quantity)
    return contrast(side.zero(), side)


def rates_within(
    sides: Sequence[Sequence[Analysis]], doses: Array, names: tuple[str, str], unit: str, seed: int
) -> tuple[Rate, ...]:
    """The rates at which skill is lost, of two lesions or tasks of the same models.

    Steepness is compared as if the sides had different models, which is conservative.

    Args:
        sides: the same models twice.
        unit: the model or group: models are resampled together on both sides.
    """
    skills = [[model.resampled.at_doses(doses) for model in side] for side in sides]
    steep = [
        [model.steep if len(doses) == len(model.doses) else steepened(skill) for model, skill in
         zip(side, of_side, strict=True)]
        for side, of_side in zip(sides, skills, strict=True)
    ]  # fmt: skip
    pairs = zip(*skills, strict=True)
    early = contrast_within([difference(a, b) for a, b in pairs], _slope_of_difference)
    late = rates.steepness_contrast(steep[0], steep[1], (unit, unit), seed)
    compared = (("initial_slope", early), ("steepness", late))
    return tuple(_rate(quantity, change, names) for quantity, change in compared)


def _slope_of_difference(doses: Array, differences: Array) -> Array:
    """The slope is one of losses: that of a difference is the difference of the slopes."""
    return curves.initial_slope(doses, 1 + differences)


def _rate(quantity: str, change: Contrast, names: tuple[str, str]) -> Rate:
    if np.isnan(change.delta):
        nan, answer = float("nan"), f"cannot tell: {UNDEFINED[quantity]}"
        return Rate(quantity, nan, nan, nan, nan, nan, "cannot tell", answer)
    p = float(change.p)
    plain = Rate(quantity, *change.estimate, p, p, "cannot tell", "cannot tell")
    return rates.with_outcome(plain, p, names)

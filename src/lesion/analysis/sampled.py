"""Skill of one model over doses, as observed and in every bootstrap replicate.

The address of resampling weights (`lesion.keys`) names what they resample: the examples of a task,
the draws of a lesion, the seeds of a model. Models are therefore paired through what they share,
adding a model changes no interval of another, and the same seed gives the same intervals anywhere.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves, variance
from lesion.analysis.bootstrap import Replicates, ResamplingWeights
from lesion.analysis.responses import Responses
from lesion.analysis.scale import places_of
from lesion.keys import generator
from lesion.models.recipes import RECOVERY_SUFFIX

Array = np.ndarray


class ResampledCurve(NamedTuple):
    """Skill of the main metric as observed and resampled: the basis of every comparison."""

    doses: Array  # (doses,)
    value: Array  # (doses,) as observed
    joint: Array  # (replicates, doses) all levels resampled
    levels: dict[str, Array]  # source -> (replicates, doses) linearised, its levels resampled
    members: dict[str, int]  # level -> how many there are (of examples: clusters)
    scale: str = "linear"  # of the doses

    @property
    def places(self) -> Array:
        """Where the doses lie on their axis: what quantities are computed over."""
        return places_of(self.doses, self.scale)

    def at_doses(self, doses: Array) -> "ResampledCurve":
        """The same curve at some of its doses."""

        def at(values: Array) -> Array:
            return curves.at_doses(self.doses, values, doses)

        levels = {level: at(values) for level, values in self.levels.items()}
        value, joint = at(self.value), at(self.joint)
        return ResampledCurve(np.asarray(doses), value, joint, levels, self.members, self.scale)


def sample(responses: Responses, seed: int = 0, replicates: int = 2000) -> ResampledCurve:
    """Skill of the main metric, resampled; `seed` is the study's."""
    metric = responses.metrics[0]
    weights = weights_of(responses, seed, replicates)
    main = bootstrap.replicate(responses, weights, [metric])[metric]
    return resampled(responses.doses, main, responses.dose_scale)


def weights_of(responses: Responses, seed: int, replicates: int = 2000) -> ResamplingWeights:
    """Resampling weights; models that share examples, draws or seeds share their weights.

    Examples of one cluster have the same weight. With strata, the weights of each stratum add up to
    its share of the examples, which the design fixes.
    """
    r, examples = responses, len(responses.labels)
    damage = r.lesion.removesuffix(RECOVERY_SUFFIX)  # recovery starts from the same damage
    clusters = examples if r.clusters is None else int(r.clusters.max()) + 1
    counts = _counts(clusters, replicates, seed, "examples", r.task, clusters)
    return ResamplingWeights(
        seeds=_counts(len(r.seeds), replicates, seed, "seeds", r.task, r.model, *r.seeds),
        # The draws of a lesion do the same damage on every task.
        draws=_counts(len(r.draws), replicates, seed, "draws", damage, *r.draws),
        examples=_of_examples(counts, r.clusters, r.strata),
        clusters=clusters,
    )


def _of_examples(counts: Array, clusters: Array | None, strata: Array | None) -> Array:
    """Counts of clusters (replicates, clusters) as weights of examples (replicates, examples)."""
    weights = counts if clusters is None else counts[:, clusters]
    if strata is None:
        return weights
    weights = weights.astype(np.float32)
    for stratum in np.unique(strata):
        inside = strata == stratum
        total = weights[:, inside].sum(1, keepdims=True)
        # A stratum without a single resampled cluster keeps its own examples.
        weights[:, inside] = np.where(
            total > 0, weights[:, inside] * (inside.sum() / np.maximum(total, 1e-9)), 1.0
        )
    return weights


@lru_cache(maxsize=16)  # weights that models share are drawn once
def _counts(members: int, replicates: int, seed: int, *address: str | int) -> Array:
    counts = bootstrap.resample(generator(seed, "bootstrap", *address), members, replicates)
    counts.flags.writeable = False
    return counts


def resampled(doses: Array, main: Replicates, scale: str = "linear") -> ResampledCurve:
    """Skill as observed, in every replicate, and by source.

    Skill is a ratio of means: the mean score of all seeds and draws against the mean intact score.
    The mean of ratios would depend on one seed whose intact gain is near 0.
    """
    chance = np.asarray(main.chance)
    observed = curves.skill(main.value, chance, main.value[0], main.higher)
    gain = float(main.value[0] - main.chance)
    single_level = {
        level: curves.linear_skill(score, chances, score[:, 0], observed, gain)
        for level, (score, chances) in _levels(main).items()
    }
    joint = curves.skill(main.joint, main.chances, main.joint[:, 0], main.higher)
    return ResampledCurve(
        np.asarray(doses, np.float64), observed, joint, single_level, main.members, scale
    )


def gain_kept(doses: Array, main: Replicates, scale: str = "linear") -> ResampledCurve:
    """The gain over chance in points of the metric, positive if better: skill, undivided."""
    sign = 1 if main.higher else -1

    def above(score: Array, chances: Array) -> Array:
        return sign * (score - chances[..., None])

    single_level = {level: above(*pair) for level, pair in _levels(main).items()}
    value, joint = above(main.value, np.asarray(main.chance)), above(main.joint, main.chances)
    doses = np.asarray(doses, np.float64)
    return ResampledCurve(doses, value, joint, single_level, main.members, scale)


def intact_gain(kept: ResampledCurve) -> ResampledCurve:
    """The intact score's gain over chance, as a curve of one dose."""
    return kept.at_doses(kept.doses[:1])


def steepened(skill: ResampledCurve, smooth: Array | None = None) -> ResampledCurve:
    """Steepness as a curve of one dose, linearised by source around the observed curve.

    Steepness depends on few doses. It varies more between resamples of a curve, which is itself a
    sample, than between samples: percentiles of the joint replicates are a third too wide. They
    are used only if steepness is often undefined: `joint` holds its bounds, (replicates, 2).

    Args:
        smooth: `curves.falling` of the joint replicates, if it is computed already.
    """
    places, smooth = skill.places, curves.falling(skill.joint) if smooth is None else smooth
    value = curves.steepness(places, curves.falling(skill.value))
    gradient = curves.steepness_gradient(places, skill.value)
    with np.errstate(invalid="ignore"):
        single_level = {
            level: value + (skills - skill.value) @ gradient[:, None]
            for level, skills in skill.levels.items()
        }
    joint = curves.steepness_bounds(places, smooth)
    return ResampledCurve(np.zeros(1), value[None], joint, single_level, skill.members)


def widened(
    estimate: tuple[float, float, float], bounds: Array, dof: Array | float, level: float = 0.95
) -> tuple[float, float]:
    """An interval, widened if many replicates are undefined.

    If the share of undefined replicates exceeds the tail probability of one end, the interval also
    contains the percentile interval in which each undefined replicate takes its lowest value at the
    lower end and its highest value at the upper end.

    Args:
        estimate: a value with its linearised interval.
        bounds: (replicates, 2) bounds of the value, equal where it is known.
        dof: of Student's t.
    """
    value, lo, hi = estimate
    unknown = ~np.isclose(bounds[:, 0], bounds[:, 1], 1e-9, 1e-9)
    if unknown.mean() <= (1 - level) / 2 or np.isnan(value):
        return lo, hi
    low, high = (bootstrap.interval(value, ends, level, dof) for ends in bounds.T)
    return min(lo, float(low[0])), max(hi, float(high[1]))


def _levels(main: Replicates) -> dict[str, tuple[Array, Array]]:
    """source -> scores (replicates, doses) and chance (replicates,) with its levels resampled."""
    fixed = np.full(len(main.joint), main.chance)
    return {
        source: (score, main.chances if "examples" in source else fixed)
        for source, score in main.levels.items()
    }


class Linear(NamedTuple):
    """A quantity that is linear in the curve, its interval, and the sources of its variance."""

    value: float
    lo: float
    hi: float
    dof: float  # degrees of freedom of Student's t
    shares: dict[str, float]  # level, or "interactions" -> share of the variance


def linear_of(
    skill: ResampledCurve, quantity: Callable[[Array, Array], Array], level: float = 0.95
) -> Linear:
    """A quantity of one model, such as `curves.retained_area`."""
    value = float(quantity(skill.places, skill.value))
    single_level = {k: quantity(skill.places, skills) for k, skills in skill.levels.items()}
    spread = variance.components(single_level)
    lo, hi = variance.t_interval(value, spread, skill.members, level)
    dof = float(variance.degrees_of_freedom(spread, skill.members))
    return Linear(value, float(lo), float(hi), dof, variance.shares(spread))


def area_of(skill: ResampledCurve, level: float = 0.95) -> Linear:
    """Retained area of one model."""
    return linear_of(skill, curves.retained_area, level)

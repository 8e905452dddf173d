"""Skill of one model over doses, as observed and in every bootstrap replicate.

Resampling weights are addressed by what they resample (`lesion.keys`): the examples of a task, the
draws of a lesion, the seeds of a model. So models are paired through what they share, nothing
changes for one model when another is added, and the same seed gives the same intervals anywhere.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.bootstrap import Replicates, Weights
from lesion.analysis.responses import Responses
from lesion.keys import generator
from lesion.models.recipes import RECOVERY_SUFFIX

Array = np.ndarray


class Sampled(NamedTuple):
    """A curve, resampled: skill of the main metric, of which every comparison is made."""

    doses: Array  # (doses,)
    value: Array  # (doses,) as observed
    joint: Array  # (replicates, doses) everything resampled
    levels: dict[str, Array]  # level -> (replicates, doses) to first order, that level alone
    members: dict[str, int]  # level -> how many there are

    def over(self, doses: Array) -> "Sampled":
        """The same at some of its doses."""

        def at(values: Array) -> Array:
            return curves.at_doses(self.doses, values, doses)

        levels = {level: at(values) for level, values in self.levels.items()}
        return Sampled(np.asarray(doses), at(self.value), at(self.joint), levels, self.members)


def sample(responses: Responses, seed: int = 0, replicates: int = 2000) -> Sampled:
    """Skill of the main metric, resampled; `seed` is the study's."""
    metric = responses.metrics[0]
    drawn = weights_of(responses, seed, replicates)
    main = bootstrap.replicate(responses, drawn, [metric])[metric]
    return sampled(responses.doses, main)


def weights_of(responses: Responses, seed: int, replicates: int = 2000) -> Weights:
    """Resampling weights, the same for whatever shares examples, draws or seeds."""
    r, examples = responses, len(responses.labels)
    damage = r.lesion.removesuffix(RECOVERY_SUFFIX)  # training again starts from the same damage
    return Weights(
        seeds=_drawn(len(r.seeds), replicates, seed, "seeds", r.task, r.model, *r.seeds),
        # The draws of a lesion do the same damage on every task.
        draws=_drawn(len(r.draws), replicates, seed, "draws", damage, *r.draws),
        examples=_drawn(examples, replicates, seed, "examples", r.task, examples),
    )


@lru_cache(maxsize=16)  # what models share is drawn once
def _drawn(members: int, replicates: int, seed: int, *address: str | int) -> Array:
    counts = bootstrap.resample(generator(seed, "bootstrap", *address), members, replicates)
    counts.flags.writeable = False
    return counts


def sampled(doses: Array, main: Replicates) -> Sampled:
    """Skill as observed, in every replicate, and by level.

    Skill is a ratio of means: the mean score of all seeds and draws against the mean intact score,
    not the mean of ratios, which one nearly dead seed could send anywhere.
    """
    chance = np.asarray(main.chance)
    observed = curves.skill(main.value, chance, main.value[0], main.higher)
    gain = float(main.value[0] - main.chance)
    alone = {
        level: curves.linear_skill(score, chances, score[:, 0], observed, gain)
        for level, (score, chances) in _levels(main).items()
    }
    joint = curves.skill(main.joint, main.chances, main.joint[:, 0], main.higher)
    return Sampled(np.asarray(doses, np.float64), observed, joint, alone, main.members)


def gained(main: Replicates) -> Sampled:
    """How far the intact score is above chance, positive where better, as a curve of one dose."""
    sign = 1 if main.higher else -1

    def above(score: Array, chances: Array) -> Array:
        return sign * (score[..., :1] - chances[..., None])

    alone = {level: above(*pair) for level, pair in _levels(main).items()}
    value, joint = above(main.value, np.asarray(main.chance)), above(main.joint, main.chances)
    return Sampled(np.zeros(1), value, joint, alone, main.members)


def steepened(skill: Sampled, smooth: Array | None = None) -> Sampled:
    """Steepness as a curve of one dose: by level to first order around the observed curve.

    Steepness depends on few doses, and in resamples of a curve that is itself a sample it varies
    more than between samples: percentiles of the joint replicates are a third too wide. They are
    kept for where it is often undefined: `joint` holds its bounds, (replicates, 2).

    Args:
        smooth: `curves.falling` of the joint replicates, where it is there already.
    """
    doses, smooth = skill.doses, curves.falling(skill.joint) if smooth is None else smooth
    value = curves.steepness(doses, curves.falling(skill.value))
    gradient = curves.steepness_gradient(doses, skill.value)
    with np.errstate(invalid="ignore"):
        alone = {k: value + (s - skill.value) @ gradient[:, None] for k, s in skill.levels.items()}
    joint = curves.steepness_bounds(doses, smooth)
    return Sampled(np.zeros(1), value[None], joint, alone, skill.members)


def widened(
    found: tuple[float, float, float], bounds: Array, freedom: Array | float, level: float = 0.95
) -> tuple[float, float]:
    """An interval, as wide as the undefined replicates ask for where they are not few.

    Where more replicates are undefined than the interval leaves out at one end, it also holds that
    of the percentiles, for which each of them is as low, or as high, as it may be.

    Args:
        found: a value with its interval, to first order.
        bounds: (replicates, 2) between which the value is, equal where it is known.
        freedom: of Student's t.
    """
    value, lo, hi = found
    unknown = ~np.isclose(bounds[:, 0], bounds[:, 1], 1e-9, 1e-9)
    if unknown.mean() <= (1 - level) / 2 or np.isnan(value):
        return lo, hi
    low, high = (bootstrap.interval(value, ends, level, freedom) for ends in bounds.T)
    return min(lo, float(low[0])), max(hi, float(high[1]))


def _levels(main: Replicates) -> dict[str, tuple[Array, Array]]:
    """level -> scores (replicates, doses) and chance (replicates,) with that level resampled."""
    fixed = np.full(len(main.joint), main.chance)
    return {
        level: (score, main.chances if level == "examples" else fixed)
        for level, score in main.levels.items()
    }


class Linear(NamedTuple):
    """A number that is linear in the curve, its interval, and what the interval rests on."""

    value: float
    lo: float
    hi: float
    freedom: float  # degrees of freedom of Student's t
    shares: dict[str, float]  # level -> part of the variance


def linear_of(
    skill: Sampled, quantity: Callable[[Array, Array], Array], level: float = 0.95
) -> Linear:
    """What a quantity such as `curves.retained_area` is of one model."""
    value = float(quantity(skill.doses, skill.value))
    alone = {k: quantity(skill.doses, s) for k, s in skill.levels.items()}
    spread = bootstrap.variances(alone)
    lo, hi = bootstrap.t_interval(value, spread, skill.members, level)
    freedom = float(bootstrap.degrees(spread, skill.members))
    return Linear(value, float(lo), float(hi), freedom, bootstrap.shares(spread))


def area_of(skill: Sampled, level: float = 0.95) -> Linear:
    """Retained area of one model."""
    return linear_of(skill, curves.retained_area, level)

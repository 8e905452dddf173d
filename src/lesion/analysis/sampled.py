"""Skill of one model over doses, as observed and in every bootstrap replicate.

Resampling weights are addressed by what they resample (`lesion.keys`): the examples of a task, the
draws of a lesion, the seeds of a model. So models are paired through what they share, nothing
changes for one model when another is added, and the same seed gives the same intervals anywhere.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.bootstrap import Replicates, Tails, Weights
from lesion.analysis.responses import Responses
from lesion.keys import generator

Array = np.ndarray


class Sampled(NamedTuple):
    """Skill of the main metric; what every interval and comparison is made of."""

    doses: Array  # (doses,)
    value: Array  # (doses,) as observed
    joint: Array  # (replicates, doses) everything resampled
    linear: Array  # (replicates, doses) the same to first order: its variances add up
    levels: dict[str, Array]  # level -> (replicates, doses) linear, only that level resampled
    members: dict[str, int]  # level -> how many there are

    def over(self, doses: Array) -> "Sampled":
        """The same at some of its doses."""

        def at(values: Array) -> Array:
            return curves.at_doses(self.doses, values, doses)

        levels = {level: at(values) for level, values in self.levels.items()}
        return Sampled(
            np.asarray(doses), at(self.value), at(self.joint), at(self.linear), levels, self.members
        )


def sample(responses: Responses, seed: int = 0, replicates: int = 2000) -> Sampled:
    """Skill of the main metric, resampled; `seed` is the study's."""
    metric = responses.metrics[0]
    drawn = weights_of(responses, seed, replicates)
    main = bootstrap.replicate(responses, drawn, [metric])[metric]
    return sampled(responses.doses, main)


def weights_of(responses: Responses, seed: int, replicates: int = 2000) -> Weights:
    """Resampling weights, the same for whatever shares examples, draws or seeds."""
    r, examples = responses, len(responses.labels)
    return Weights(
        seeds=_drawn(len(r.seeds), replicates, seed, "seeds", r.task, r.model, *r.seeds),
        # The draws of a lesion do the same damage on every task.
        draws=_drawn(len(r.draws), replicates, seed, "draws", r.lesion, *r.draws),
        examples=_drawn(examples, replicates, seed, "examples", r.task, examples),
    )


@lru_cache(maxsize=16)  # what models share is drawn once
def _drawn(members: int, replicates: int, seed: int, *address: str | int) -> Array:
    counts = bootstrap.resample(generator(seed, "bootstrap", *address), members, replicates)
    counts.flags.writeable = False
    return counts


def sampled(doses: Array, main: Replicates) -> Sampled:
    """Skill as observed, in every replicate, the same to first order, and by level.

    Skill is a ratio of means: the mean score of all seeds and draws against the mean intact score,
    not the mean of ratios, which one nearly dead seed could send anywhere.
    """
    chance = np.asarray(main.chance)
    observed = curves.skill(main.value, chance, main.value[0], main.higher)
    gain = float(main.value[0] - main.chance)

    def linear(score: Array, chance: Array) -> Array:
        return curves.linear_skill(score, chance, score[:, 0], observed, gain)

    fixed = np.full(len(main.joint), main.chance)
    alone = {
        level: linear(score, main.chances if level == "examples" else fixed)
        for level, score in main.levels.items()
    }
    joint = curves.skill(main.joint, main.chances, main.joint[:, 0], main.higher)
    doses = np.asarray(doses, np.float64)
    return Sampled(doses, observed, joint, linear(main.joint, main.chances), alone, main.members)


class Area(NamedTuple):
    """Retained area: observed, in every replicate, and what its interval and shares rest on."""

    value: float
    joint: Array  # (replicates,)
    reach: Tails
    shares: dict[str, float]


def area_of(skill: Sampled) -> Area:
    """Retained area of one model."""
    value, joint, linear = (
        curves.retained_area(skill.doses, values)
        for values in (skill.value, skill.joint, skill.linear)
    )
    alone = {k: curves.retained_area(skill.doses, s) for k, s in skill.levels.items()}
    spread = bootstrap.variances(alone)
    reach = bootstrap.tails(linear, spread, skill.members)
    return Area(float(value), joint, reach, bootstrap.shares(spread))

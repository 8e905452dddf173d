"""From responses to what is reported: curves with bands, retained area, D50, shares, diagnoses.

Resampling weights are addressed by what they resample (`lesion.keys`): the examples of a task, the
draws of a lesion, the seeds of a model. So models are paired through what they share, nothing
changes for one model when another is added, and the same seed gives the same intervals anywhere.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves, health
from lesion.analysis.bootstrap import Replicates, Tails, Weights
from lesion.analysis.health import Diagnosis
from lesion.analysis.responses import Responses
from lesion.keys import generator

Array = np.ndarray


class Estimate(NamedTuple):
    """A number and its interval. D50 may be inf: not reached. nan: undefined (never learned)."""

    value: float
    lo: float
    hi: float


class Curve(NamedTuple):
    """One metric over doses, with a pointwise interval at each dose."""

    metric: str
    higher: bool  # higher is better
    chance: float
    value: Array  # (doses,)
    lo: Array
    hi: Array


class Analysis(NamedTuple):
    """Everything that is said of one model on one task under one lesion."""

    model: str
    group: str | None
    task: str
    lesion: str
    metric: str  # the main one: skill, area and D50 are of it
    doses: Array
    seeds: tuple[int, ...]
    draws: tuple[int, ...]
    examples: int
    curves: dict[str, Curve]  # metric -> curve, main one first
    skill: Curve
    intact: Estimate
    area: Estimate
    d50: Estimate
    shares: dict[str, float]  # level -> part of the variance of the area
    diagnoses: tuple[Diagnosis, ...]
    skills: Array  # (replicates, doses) joint bootstrap of skill
    linear: Array  # (replicates, doses) the same to first order: its variances add up
    levels: dict[str, Array]  # level -> (replicates, doses) linear, only that level resampled
    members: dict[str, int]  # level -> how many there are

    @property
    def excluded(self) -> tuple[str, ...]:
        """Names of the diagnoses that leave this model out of verdicts."""
        return tuple(d.name for d in self.diagnoses if d.severity == "exclude")


def analyse(
    responses: Sequence[Responses], seed: int = 0, replicates: int = 2000, level: float = 0.95
) -> list[Analysis]:
    """One analysis per element, in order; `seed` is the study's."""
    return [_one(r, weights_of(r, seed, replicates), level) for r in responses]


def weights_of(responses: Responses, seed: int, replicates: int = 2000) -> Weights:
    """Resampling weights, the same for whatever shares examples, draws or seeds."""
    r, examples = responses, len(responses.labels)

    def drawn(members: int, *address: str | int) -> Array:
        return bootstrap.resample(generator(seed, "bootstrap", *address), members, replicates)

    return Weights(
        seeds=drawn(len(r.seeds), "seeds", r.task, r.model, *r.seeds),
        draws=drawn(len(r.draws), "draws", r.lesion, *r.draws),  # the same damage on every task
        examples=drawn(examples, "examples", r.task, examples),
    )


def _one(responses: Responses, drawn: Weights, level: float) -> Analysis:
    r = responses
    found = bootstrap.replicate(r, drawn)
    main = found[r.metrics[0]]
    observed, joint, linear, alone = skills(main)
    spread = bootstrap.variances({k: curves.retained_area(r.doses, s) for k, s in alone.items()})
    scored = {name: _curve(replicates, level) for name, replicates in found.items()}
    area, halves = curves.retained_area(r.doses, joint), curves.d50(r.doses, joint)
    reach = bootstrap.tails(curves.retained_area(r.doses, linear), spread, main.members)
    limits = (float(r.doses[0]), np.inf)
    plain = scored[main.metric]
    return Analysis(
        model=r.model,
        group=r.group,
        task=r.task,
        lesion=r.lesion,
        metric=main.metric,
        doses=np.asarray(r.doses, np.float64),
        seeds=tuple(r.seeds),
        draws=tuple(r.draws),
        examples=len(r.labels),
        curves=scored,
        skill=Curve("skill", True, 0.0, observed, *_band(joint, linear, alone, main, level)),
        intact=Estimate(float(plain.value[0]), float(plain.lo[0]), float(plain.hi[0])),
        area=_estimate(curves.retained_area(r.doses, observed), area, level, reach),
        d50=_estimate(curves.d50(r.doses, observed), halves, level, reach, limits),
        shares=bootstrap.shares(spread),
        diagnoses=health.diagnose(r, main),
        skills=joint,
        linear=linear,
        levels=alone,
        members=main.members,
    )


def skills(main: Replicates) -> tuple[Array, Array, Array, dict[str, Array]]:
    """Skill as observed (doses,), in every replicate, the same to first order, and by level.

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
    return observed, joint, linear(main.joint, main.chances), alone


def _curve(found: Replicates, level: float) -> Curve:
    band = _band(found.joint, found.joint, found.levels, found, level)
    return Curve(found.metric, found.higher, found.chance, found.value, *band)


def _band(
    joint: Array, linear: Array, alone: dict[str, Array], found: Replicates, level: float
) -> tuple[Array, Array]:
    reach = bootstrap.tails(linear, bootstrap.variances(alone), found.members)
    return bootstrap.interval(joint, level, reach)


def _estimate(
    value: Array,
    replicates: Array,
    level: float,
    reach: Tails,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    lo, hi = bootstrap.interval(replicates, level, reach, limits)
    return Estimate(float(value), float(lo), float(hi))


# Rows for tables: plain dictionaries, so that JSON and the terminal need no pandas.


def curve_rows(analysis: Analysis) -> list[dict]:
    """One row a dose: every metric and skill with its interval, chance, and how many trials."""
    a = analysis
    rows = []
    for t, dose in enumerate(a.doses):
        row: dict = _who(a) | {"dose": float(dose), "metric": a.metric}
        for name, curve in [*a.curves.items(), ("skill", a.skill)]:
            row[name] = float(curve.value[t])
            row[f"{name}_lo"], row[f"{name}_hi"] = float(curve.lo[t]), float(curve.hi[t])
            row[f"{name}_chance"] = curve.chance
        rows.append(row | _counts(a))
    return rows


def summary_row(analysis: Analysis) -> dict:
    """The one row of a model, task and lesion."""
    a = analysis
    row: dict = _who(a) | {"metric": a.metric}
    for name, estimate in (("intact", a.intact), ("retained_area", a.area), ("d50", a.d50)):
        row[name], row[f"{name}_lo"], row[f"{name}_hi"] = estimate
        if name == "intact":
            row["chance"] = a.curves[a.metric].chance
    row |= {f"share_{level}": a.shares[level] for level in bootstrap.LEVELS}
    row |= {"diagnoses": "; ".join(str(d) for d in a.diagnoses), "excluded": bool(a.excluded)}
    return row | _counts(a) | {"examples": a.examples}


def _who(a: Analysis) -> dict:
    return {"model": a.model, "group": a.group, "task": a.task, "lesion": a.lesion}


def _counts(a: Analysis) -> dict:
    seeds, draws = len(a.seeds), len(a.draws)
    return {"seeds": seeds, "draws": draws, "trials": seeds * draws}


def jsonable(value: object) -> object:
    """The same value with what JSON lacks replaced: nan -> None, inf -> "inf", -inf -> "-inf"."""
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return jsonable(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    return value

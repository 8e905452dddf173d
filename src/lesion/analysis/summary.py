"""Responses analysed: curves with bands, area, D50, knee, variance shares, diagnoses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves, health, variance
from lesion.analysis.bootstrap import Replicates, ResamplingWeights
from lesion.analysis.diagnosis import Finding
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import (
    ResampledCurve,
    area_of,
    intact_gain,
    linear_of,
    resampled,
    steepened,
    weights_of,
    widened,
)
from lesion.tasks.kinds import kind_of

Array = np.ndarray
D50S = ("d50", "d50_lo", "d50_hi")  # columns in which infinity means that D50 was not reached


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
    """All results of one model on one task under one lesion."""

    model: str
    group: str | None
    task: str
    lesion: str
    metric: str  # the main one; skill, area and D50 are computed from it
    doses: Array
    seeds: tuple[int, ...]
    draws: tuple[int, ...]
    examples: int
    curves: dict[str, Curve]  # metric -> curve, main one first
    skill: Curve
    intact: Estimate
    area: Estimate
    d50: Estimate
    knee: Estimate
    initial_slope: Estimate
    steepness: Estimate
    shares: dict[str, float]  # level, or "interactions" -> share of the variance of the area
    diagnoses: tuple[Finding, ...]
    resampled: ResampledCurve  # the replicates of skill
    gain: ResampledCurve  # those of the intact score's gain over chance
    steep: ResampledCurve  # those of steepness
    d50_replicates: Array  # (replicates,) joint bootstrap of D50
    correct_share: Array | None  # (doses, examples) of trials that are right; None: no answers

    @property
    def excluded(self) -> tuple[str, ...]:
        """Names of the diagnoses that leave this model out of verdicts."""
        return tuple(d.name for d in self.diagnoses if d.excludes)


def analyse(
    responses: Sequence[Responses], seed: int = 0, replicates: int = 2000, level: float = 0.95
) -> list[Analysis]:
    """One analysis per element, in order; `seed` is the study's."""
    return [_analysis(r, weights_of(r, seed, replicates), level) for r in responses]


def _analysis(responses: Responses, weights: ResamplingWeights, level: float) -> Analysis:
    r = responses
    by_metric = bootstrap.replicate(r, weights)
    main = by_metric[r.metrics[0]]
    skill = resampled(r.doses, main)
    area, smooth = area_of(skill, level), curves.falling(skill.joint)
    early, steep = linear_of(skill, curves.initial_slope, level), steepened(skill, smooth)
    scored = {name: _curve(replicates, level) for name, replicates in by_metric.items()}
    band = _band(skill.value, skill.levels, skill.members, level)
    plain = scored[main.metric]
    return Analysis(
        model=r.model,
        group=r.group,
        task=r.task,
        lesion=r.lesion,
        metric=main.metric,
        doses=skill.doses,
        seeds=tuple(r.seeds),
        draws=tuple(r.draws),
        examples=len(r.labels),
        curves=scored,
        skill=Curve("skill", True, 0.0, skill.value, *band),
        intact=Estimate(float(plain.value[0]), float(plain.lo[0]), float(plain.hi[0])),
        area=Estimate(area.value, area.lo, area.hi),
        d50=d50_estimate(skill.doses, skill.value, *band),
        knee=_knee(skill, smooth, level, area.dof),
        initial_slope=Estimate(early.value, early.lo, early.hi),
        steepness=_steepness(steep, level),
        shares=area.shares,
        diagnoses=health.diagnose(r, main),
        resampled=skill,
        gain=intact_gain(main),
        steep=steep,
        d50_replicates=curves.reached(skill.doses, smooth, 0.5),
        correct_share=_correct_share(r),
    )


def _correct_share(r: Responses) -> Array | None:
    correct = kind_of(r.kind).correct
    if correct is None:
        return None
    outputs = np.moveaxis(r.outputs, (4, 3), (0, 1))  # (columns, examples, seeds, draws, doses)
    flat = outputs.reshape(*outputs.shape[:2], -1)
    is_correct = correct(flat, r.labels)
    return np.asarray(is_correct).reshape(outputs.shape[1:]).mean((1, 2)).T


def d50_estimate(doses: Array, value: Array, lo: Array, hi: Array) -> Estimate:
    """D50, and the doses at which the band of skill contains a half.

    This is the interval of a median survival time (Brookmeyer & Crowley 1982). It covers as often
    as the band does, and "not reached" needs no special case. Smoothing keeps the order of the
    three curves, and therefore that of the three doses.
    """
    value, lo, hi = (curves.d50(doses, curve) for curve in (value, lo, hi))
    return Estimate(float(value), float(lo), float(hi))


def _steepness(steep: ResampledCurve, level: float) -> Estimate:
    linear = linear_of(steep, lambda _, values: values[..., 0], level)
    lo, hi = widened(linear[:3], steep.joint, linear.dof, level)
    return Estimate(linear.value, max(lo, 0.0), hi)


def _knee(skill: ResampledCurve, smooth: Array, level: float, dof: float) -> Estimate:
    """`smooth`: the joint replicates, smoothed."""
    value = float(curves.knee(skill.doses, curves.falling(skill.value)))
    limits = float(skill.doses[0]), float(skill.doses[-1])
    ends = bootstrap.interval(value, curves.knee(skill.doses, smooth), level, dof, limits)
    return Estimate(value, *map(float, ends))


def _curve(scored: Replicates, level: float) -> Curve:
    band = _band(scored.value, scored.levels, scored.members, level)
    lo, hi = (np.clip(end, *scored.limits) for end in band)
    return Curve(scored.metric, scored.higher, scored.chance, scored.value, lo, hi)


def _band(
    value: Array, levels: dict[str, Array], members: dict[str, int], level: float
) -> tuple[Array, Array]:
    return variance.t_interval(value, variance.components(levels), members, level)


# Rows of tables are plain dictionaries, so that JSON and the terminal need no pandas.


def curve_rows(analysis: Analysis) -> list[dict]:
    """One row per dose: every metric and skill with its interval, chance, and the trials."""
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
    """The row of a model, task and lesion."""
    a = analysis
    row: dict = _who(a) | {"metric": a.metric}
    for name, estimate in (
        ("intact", a.intact),
        ("retained_area", a.area),
        ("d50", a.d50),
        ("knee", a.knee),
        ("initial_slope", a.initial_slope),
        ("steepness", a.steepness),
    ):
        row[name], row[f"{name}_lo"], row[f"{name}_hi"] = estimate
        if name == "intact":
            row["chance"] = a.curves[a.metric].chance
    row |= {f"share_{level}": a.shares[level] for level in variance.SHARES}
    row |= {"diagnoses": "; ".join(str(d) for d in a.diagnoses), "excluded": bool(a.excluded)}
    return row | _counts(a) | {"examples": a.examples}


def _who(a: Analysis) -> dict:
    return {"model": a.model, "group": a.group, "task": a.task, "lesion": a.lesion}


def _counts(a: Analysis) -> dict:
    seeds, draws = len(a.seeds), len(a.draws)
    return {"seeds": seeds, "draws": draws, "trials": seeds * draws}


def jsonable(value: object) -> object:
    """The value for JSON, which has no numbers that are not finite: "nan", "inf", "-inf".

    Python's `float` and pandas read these words back. In D50 and the ends of its interval, infinity
    is "not reached". Named tuples become mappings.
    """
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(k): _not_reached(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return jsonable(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def _not_reached(key: str, value: object) -> object:
    return "not reached" if key in D50S and value == np.inf else jsonable(value)

"""Responses analysed: curves with bands, area, D50, knee, variance shares, diagnoses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bands, bootstrap, crashes, curves, health, variance
from lesion.analysis.bootstrap import Replicates, ResamplingWeights
from lesion.analysis.diagnosis import Finding
from lesion.analysis.responses import Responses, count_clusters
from lesion.analysis.sampled import (
    ResampledCurve,
    area_of,
    gain_kept,
    intact_gain,
    linear_of,
    resampled,
    steepened,
    weights_of,
    widened,
)
from lesion.analysis.scale import (
    LINEAR,
    doses_at,
    in_words,
    measured_range,
    places_of,
    without_place,
)
from lesion.analysis.survival import MEDIANS, Survival, rows_of, survivals
from lesion.damage.reach import Reach
from lesion.tasks.kinds import kind_of

Array = np.ndarray
D50S = ("d50", "d50_lo", "d50_hi")  # columns in which infinity is a dose that is censored
MEDIAN_KEYS = (*MEDIANS, "median_a", "median_b")  # those of survival


class Estimate(NamedTuple):
    """A number and its interval. nan: undefined (never learned).

    D50 may be censored: -inf is below the first dose above 0, inf is above the last one.
    """

    value: float
    lo: float
    hi: float


class Curve(NamedTuple):
    """One metric over doses, with a pointwise interval at each dose and a simultaneous band."""

    metric: str
    higher: bool  # higher is better
    chance: float
    value: Array  # (doses,)
    lo: Array
    hi: Array
    lo_all: Array  # the simultaneous band: it contains the whole true curve
    hi_all: Array


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
    clusters: int  # of examples that are resampled together; as many where each is its own
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
    kept_area: Estimate  # mean over doses of the gain over chance, in points of the metric
    crashed: Array  # (doses,) share of the trials that are crashed, see `crashes`
    survival: dict[str, Survival]  # event -> curve over draws, see `survival`
    resampled: ResampledCurve  # the replicates of skill
    kept: ResampledCurve  # those of the gain over chance
    gain: ResampledCurve  # those of the intact score's gain over chance
    steep: ResampledCurve  # those of steepness
    d50_replicates: Array  # (replicates,) joint bootstrap of D50
    correct_share: Array | None  # (doses, examples) of trials that are right; None: no answers
    cluster_of: Array | None  # (examples,); None: each example is its own cluster
    damage_done: Array | None = None  # (doses,) mean ‖ΔW‖/‖W‖ of what the lesion selects
    reach: Reach | None = None  # parameters that the lesion's units hold

    @property
    def excluded(self) -> tuple[str, ...]:
        """Names of the diagnoses that leave this model out of verdicts."""
        return tuple(d.name for d in self.diagnoses if d.excludes)


def analyse(
    responses: Sequence[Responses], seed: int = 0, replicates: int = 2000, level: float = 0.95
) -> list[Analysis]:
    """One analysis per element, in order; `seed` is the study's.

    Diagnoses that are tests are corrected for the number of elements with several doses.
    """
    tested = max(sum(len(r.doses) > 1 for r in responses), 1)
    return [_analysis(r, weights_of(r, seed, replicates), level, tested) for r in responses]


def _analysis(
    responses: Responses, weights: ResamplingWeights, level: float, tested: int
) -> Analysis:
    r = responses
    by_metric = bootstrap.replicate(r, weights)
    main = by_metric[r.metrics[0]]
    skill = resampled(r.doses, main, r.dose_scale)
    area, smooth = area_of(skill, level), curves.falling(skill.joint)
    kept = gain_kept(r.doses, main, r.dose_scale)
    points = area_of(kept, level)
    early, steep = linear_of(skill, curves.initial_slope, level), steepened(skill, smooth)
    scored = {name: _curve(replicates, level) for name, replicates in by_metric.items()}
    band, whole = bands.both(skill.value, skill.levels, skill.members, level)
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
        clusters=count_clusters(r),
        curves=scored,
        skill=Curve("skill", True, 0.0, skill.value, *band, *whole),
        intact=Estimate(float(plain.value[0]), float(plain.lo[0]), float(plain.hi[0])),
        area=Estimate(area.value, area.lo, area.hi),
        d50=d50_estimate(skill.doses, skill.value, *band, skill.scale),
        knee=_knee(skill, smooth, level, area.dof),
        initial_slope=Estimate(early.value, early.lo, early.hi),
        steepness=_steepness(steep, level),
        shares=area.shares,
        diagnoses=health.diagnose(r, main, tested),
        crashed=crashes.crashed(r.outputs).mean((0, 1)),
        survival=survivals(r, main),
        kept_area=Estimate(points.value, points.lo, points.hi),
        resampled=skill,
        kept=kept,
        gain=intact_gain(kept),
        steep=steep,
        d50_replicates=doses_at(curves.half_lost(skill.places, smooth), skill.scale),
        correct_share=_correct_share(r),
        cluster_of=r.clusters,
        damage_done=r.damage_done,
        reach=r.reach,
    )


def _correct_share(r: Responses) -> Array | None:
    correct = kind_of(r.kind).correct
    if correct is None:
        return None
    outputs = np.moveaxis(r.outputs, (4, 3), (0, 1))  # (columns, examples, seeds, draws, doses)
    flat = outputs.reshape(*outputs.shape[:2], -1)
    is_correct = correct(flat, r.labels)
    return np.asarray(is_correct).reshape(outputs.shape[1:]).mean((1, 2)).T


def d50_estimate(doses: Array, value: Array, lo: Array, hi: Array, scale: str = LINEAR) -> Estimate:
    """D50, and the doses at which the band of skill contains a half.

    This is the interval of a median survival time (Brookmeyer & Crowley 1982). It covers as often
    as the band does, and what is censored needs no special case. Smoothing keeps the order of the
    three curves, and therefore that of the three doses.
    """
    places = places_of(doses, scale)
    ends = doses_at(np.array([curves.d50(places, curve) for curve in (value, lo, hi)]), scale)
    return Estimate(*ends.tolist())


def _steepness(steep: ResampledCurve, level: float) -> Estimate:
    linear = linear_of(steep, lambda _, values: values[..., 0], level)
    lo, hi = widened(linear[:3], steep.joint, linear.dof, level)
    return Estimate(linear.value, max(lo, 0.0), hi)


def _knee(skill: ResampledCurve, smooth: Array, level: float, dof: float) -> Estimate:
    """`smooth`: the joint replicates, smoothed."""
    places = skill.places
    value = float(curves.knee(places, curves.falling(skill.value)))
    within = places[without_place(places) :]
    limits = (float(within[0]), float(within[-1])) if len(within) else (np.nan, np.nan)
    lo, hi = bootstrap.interval(value, curves.knee(places, smooth), level, dof, limits)
    return Estimate(*doses_at(np.array([value, lo, hi]), skill.scale).tolist())


def _curve(scored: Replicates, level: float) -> Curve:
    band, whole = bands.both(scored.value, scored.levels, scored.members, level)
    clipped = (np.clip(end, *scored.limits) for end in (*band, *whole))
    return Curve(scored.metric, scored.higher, scored.chance, scored.value, *clipped)


# Rows of tables are plain dictionaries, so that JSON and the terminal need no pandas.


def curve_rows(analysis: Analysis) -> list[dict]:
    """One row per dose: every metric and skill with its intervals, chance, and the trials."""
    a = analysis
    rows = []
    for t, dose in enumerate(a.doses):
        damage = np.nan if a.damage_done is None else float(a.damage_done[t])
        row: dict = _who(a) | {"dose": float(dose), "damage_done": damage, "metric": a.metric}
        for name, curve in [*a.curves.items(), ("skill", a.skill)]:
            row[name] = float(curve.value[t])
            row[f"{name}_lo"], row[f"{name}_hi"] = float(curve.lo[t]), float(curve.hi[t])
            row[f"{name}_lo_all"] = float(curve.lo_all[t])
            row[f"{name}_hi_all"] = float(curve.hi_all[t])
            row[f"{name}_chance"] = curve.chance
        scale = {"crashed": float(a.crashed[t]), "dose_scale": a.resampled.scale}
        rows.append(row | scale | _counts(a))
    return rows


def summary_row(analysis: Analysis) -> dict:
    """The row of a model, task and lesion."""
    a = analysis
    row: dict = _who(a) | {"metric": a.metric}
    for name, estimate in (
        ("intact", a.intact),
        ("retained_area", a.area),
        ("gain_kept", a.kept_area),
        ("d50", a.d50),
        ("knee", a.knee),
        ("initial_slope", a.initial_slope),
        ("steepness", a.steepness),
    ):
        row[name], row[f"{name}_lo"], row[f"{name}_hi"] = estimate
        if name == "intact":
            row["chance"] = a.curves[a.metric].chance
    row |= {f"share_{level}": a.shares[level] for level in variance.SHARES}
    row |= zip(("first_dose", "last_dose"), measured_range(a.doses), strict=True)
    row["dose_scale"] = a.resampled.scale
    row |= {"diagnoses": "; ".join(str(d) for d in a.diagnoses), "excluded": bool(a.excluded)}
    return row | _counts(a) | {"examples": a.examples, "clusters": a.clusters} | _reach(a)


def survival_rows(analysis: Analysis) -> list[dict]:
    """One row per event and dose: the share of the trial series that are left."""
    a = analysis
    curves_of = a.survival.values()
    return [_who(a) | row | _counts(a) for curve in curves_of for row in rows_of(curve)]


def _who(a: Analysis) -> dict:
    return {"model": a.model, "group": a.group, "task": a.task, "lesion": a.lesion}


def _reach(a: Analysis) -> dict:
    selected, parameters = a.reach or (np.nan, np.nan)
    share = selected / parameters
    return {"selected_parameters": selected, "model_parameters": parameters, "reach": share}


def _counts(a: Analysis) -> dict:
    seeds, draws = len(a.seeds), len(a.draws)
    return {"seeds": seeds, "draws": draws, "trials": seeds * draws}


def jsonable(value: object) -> object:
    """The value for JSON, which has no numbers that are not finite: "nan", "inf", "-inf".

    Python's `float` and pandas read these words back. A D50 and the ends of its interval are
    "below 0.05" or "above 1" where they are censored. Named tuples become mappings.
    """
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in _worded(value).items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return jsonable(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def _worded(row: dict) -> dict:
    """A row with its doses that are censored, of D50 and of survival, in words."""
    first, last = row.get("first_dose"), row.get("last_dose")
    row = {key: in_words(v, first, last) if key in D50S else v for key, v in row.items()}
    return {
        key: "not reached" if key in MEDIAN_KEYS and v == np.inf else v for key, v in row.items()
    }

"""Which of two models, groups, lesions or tasks retains more: a verdict, or what would settle it.

The quantity is delta = RA(b) - RA(a), the difference of retained areas over the doses that all
models measured (`contrast.py`; of lesions and tasks, within models: `within.py`). A verdict also
has the differences of D50 and of the rates at which skill is lost (`rates.py`), that of skill at a
chosen dose, the doses where the curves cross, and other views (`views.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from lesion.analysis import bands, curves, halves, paired, rates, variance, views, within
from lesion.analysis.contrast import ALPHA, Contrast, Quantity, Side, contrast, side_of, spread_of
from lesion.analysis.curves import Crossover
from lesion.analysis.family import corrected, equivalence_p, with_remedy
from lesion.analysis.matching import Match, matches
from lesion.analysis.scale import nearest
from lesion.analysis.summary import Analysis, Estimate
from lesion.analysis.verdict import Verdict, blank, with_outcome
from lesion.study.questions import WITHIN, Question

Array = np.ndarray
Healthy = Sequence[Sequence[Analysis]]
Difference = Callable[[Quantity], Contrast]

DEFAULT_MARGIN = 0.02  # of the functions here; a study's is from `margins`


class Setting(NamedTuple):
    """What the comparisons of a family have in common."""

    margin: float = DEFAULT_MARGIN
    reason: str = "given"  # of the margin
    seed: int = 0  # the study's, for resampling models
    dose: float | None = None  # compare at this dose as well, or the nearest that both measured
    comparisons: int = 1  # of the family
    equal_intact: bool = False  # of groups: also the models with the nearest intact scores
    dose_labels: Mapping[str, str] = MappingProxyType({})  # lesion -> what its dose measures


def verdicts(
    analyses: Sequence[Analysis],
    between: str | Question = "group",
    margin: float = DEFAULT_MARGIN,
    seed: int = 0,
    dose: float | None = None,
    reason: str = "given",
    dose_labels: Mapping[str, str] = MappingProxyType({}),
) -> list[Verdict]:
    """The comparisons of one question, which are one family, Holm-corrected.

    Args:
        analyses: from `summary.analyse`; those with an excluding diagnosis are left out by name.
        between: "group" (of models that have one), "model", "lesion", "task", or a question.
        margin: differences of retained area below this are negligible.
        seed: the study's, for resampling models.
        dose: compare at this dose as well, or at the nearest that both measured.
        reason: of the margin.
        dose_labels: lesion -> what its dose measures. Lesions are not compared where a strength is
            one of two different measures.
    """
    question = Question(between=between) if isinstance(between, str) else between
    asked = list(matches(analyses, question))
    setting = Setting(margin, reason, seed, dose, len(asked), question.at_equal_intact, dose_labels)
    return corrected([judged(match, setting) for match in asked])


def compare(
    a: Sequence[Analysis],
    b: Sequence[Analysis],
    names: tuple[str, str] | None = None,
    margin: float = DEFAULT_MARGIN,
    seed: int = 0,
    dose: float | None = None,
) -> Verdict:
    """One comparison of models or groups, not corrected for multiplicity; see `corrected`."""
    names = names or (a[0].model, b[0].model)
    between = "model" if names == (a[0].model, b[0].model) else "group"
    match = Match(between, names, "", a[0].task, a[0].lesion, (list(a), list(b)))
    return judged(match, Setting(margin, seed=seed, dose=dose))


def judged(match: Match, setting: Setting) -> Verdict:
    """The verdict on one comparison, not corrected for multiplicity."""
    left_out = tuple(dict.fromkeys(
        f"{m.model}: {', '.join(m.excluded)}" for side in match.sides for m in side if m.excluded
    ))  # fmt: skip
    healthy = _healthy(match)
    empty = blank(
        match.names, match.task, match.lesion, match.sides[0][0].metric, setting.margin,
        between=match.between, within=match.within, left_out=left_out,
        margin_reason=setting.reason,
    )  # fmt: skip
    for name, side in zip(match.names, healthy, strict=True):
        if not side:
            who = match.within or name
            return empty._replace(
                settle=f"{who} has no healthy model left ({'; '.join(left_out)})."
            )
    doses = curves.common_doses(*(m.doses for m in (*healthy[0], *healthy[1])))
    first, second = match.names
    measures = [setting.dose_labels.get(name, "") for name in match.names]
    if match.between == "lesion" and len(set(measures)) > 1 and any(map(_is_strength, measures)):
        reason = f"A dose of {first} is a {measures[0]}, of {second} a {measures[1]}."
        return empty._replace(settle=f"{reason} Equal numbers are no equal doses.")
    if len({m.resampled.scale for side in healthy for m in side}) > 1:
        reason = f"The doses of {first} and {second} have different scales: areas differ in kind."
        return empty._replace(settle=f"{reason} Give both the same dose_scale.")
    if len(doses) < 2:
        reason = f"{first} and {second} share fewer than two doses: run both over the same."
        return empty._replace(settle=reason)
    compared = _compared(match, setting, healthy, doses, empty)
    return with_remedy(with_outcome(compared))


def _is_strength(measure: str) -> bool:
    return measure.startswith("strength")


def _healthy(match: Match) -> list[list[Analysis]]:
    """The models that are compared; within models, those that are healthy on both sides."""
    if match.between not in WITHIN:
        return [[m for m in side if not m.excluded] for side in match.sides]
    both = [pair for pair in zip(*match.sides, strict=True) if not any(m.excluded for m in pair)]
    return [[pair[n] for pair in both] for n in (0, 1)]


def _compared(
    match: Match, setting: Setting, healthy: Healthy, doses: Array, empty: Verdict
) -> Verdict:
    difference = _difference(match, healthy, doses)
    area, skills = difference(curves.retained_area), difference(lambda _, values: values)
    half, dof = float(area.hi - area.lo) / 2, float(area.dof)
    scale = healthy[0][0].resampled.scale
    p_equivalent = equivalence_p(float(area.delta), half, dof, setting.margin)
    v = empty._replace(
        delta=float(area.delta),
        lo=float(area.lo),
        hi=float(area.hi),
        p=float(area.p),
        p_holm=float(area.p),
        dof=dof,
        p_equivalent=p_equivalent,
        p_equivalent_holm=p_equivalent,
        scope=_scope(match, healthy),
        shares=variance.shares(spread_of(area.components)),
        parts=tuple(c._replace(variance=float(c.variance)) for c in area.components),
        clustered=any(m.clusters < m.examples for side in healthy for m in side),
        crossovers=_crossings(match, healthy, doses, skills, setting.comparisons),
        doses=tuple(doses.tolist()),
    )
    secondary = _rates_within if match.between in WITHIN else _between
    v = v._replace(**secondary(match, setting, healthy, doses, area, v))
    if setting.dose is not None:
        index = nearest(doses, setting.dose, scale)
        v = v._replace(**_at(index, doses, healthy, skills, setting.seed))
    return v


def _difference(match: Match, healthy: Healthy, doses: Array) -> Difference:
    """The difference of two sides in any quantity: of their means, or within models."""
    first, second = ([m.resampled.at_doses(doses) for m in side] for side in healthy)
    if match.between in WITHIN:
        differences = [within.difference(a, b) for a, b in zip(first, second, strict=True)]
        return lambda quantity: within.contrast_within(differences, quantity)
    return lambda quantity: contrast(side_of(first, quantity), side_of(second, quantity))


def _between(
    match: Match, setting: Setting, healthy: Healthy, doses: Array, area: Contrast, v: Verdict
) -> dict:
    """What is compared beside the areas of different models."""
    gains = [side_of([m.gain for m in side], lambda _, gain: gain[..., 0]) for side in healthy]
    half = halves.d50_contrast(healthy, doses, match.names, area.dof, setting.seed)
    grouped = match.between == "group"
    several = max(map(len, healthy)) > 1
    return {
        **_intact_difference(v, gains),
        "d50": half.difference,
        "d50_ratio": half,
        "rates": rates.rates(healthy, doses, match.names, setting.seed),
        "absolute": views.absolute(healthy, doses),
        "with_dead": views.with_dead(match.sides, healthy, doses) if grouped else None,
        "losses": views.losses(match.names, match.sides) if grouped else "",
        "equal_intact": (
            views.equal_intact(healthy, doses) if setting.equal_intact and several else None
        ),
    }


def _rates_within(
    match: Match, setting: Setting, healthy: Healthy, doses: Array, area: Contrast, v: Verdict
) -> dict:
    """What is compared beside the areas of the same models: models are resampled together."""
    unit = match.within
    half = halves.d50_contrast(healthy, doses, (unit, unit), area.dof, setting.seed)
    return {
        "d50": half.difference,
        "d50_ratio": halves.with_outcome(half, half.p, match.names),
        "rates": within.rates_within(healthy, doses, match.names, unit, setting.seed),
    }


def _intact_difference(v: Verdict, gains: Sequence[Side]) -> dict:
    """The difference of the intact gains, and a warning if its interval excludes 0."""
    gain = contrast(*gains).estimate
    if gain.lo <= 0 <= gain.hi:
        return {"gains": gain, "warning": ""}
    a, b = (float(side.value) for side in gains)
    warning = (
        f"Intact on {v.task}, {v.a} is {a:.3f} and {v.b} {b:.3f} above chance ({v.metric}; "
        f"difference {gain.value:+.3f} [{gain.lo:+.3f}, {gain.hi:+.3f}]). Retained area is "
        "relative to this gain: a weaker model that loses nothing has 1."
    )
    return {"gains": gain, "warning": warning}


def _at(index: int, doses: Array, healthy: Healthy, skills: Contrast, seed: int) -> dict:
    """The comparison at one dose: of skill, and of right answers if each side is one model."""
    dose = float(doses[index])
    skill = Estimate(*(float(np.asarray(end)[index]) for end in skills[:3]))
    p = float(np.asarray(skills.p)[index])
    answers = None
    rows = [
        curves.at_doses(m.doses, m.correct_share.T, doses)[:, index]
        for side in healthy
        for m in side
        if m.correct_share is not None
    ]
    alike = (
        len(rows) == 2 and len(rows[0]) == len(rows[1]) and healthy[0][0].task == healthy[1][0].task
    )
    if [len(side) for side in healthy] == [1, 1] and alike:
        answers = paired.at_dose(dose, rows[0], rows[1], seed, healthy[0][0].cluster_of)
    return {
        "dose": dose, "at_dose": skill, "answers": answers, "p_at_dose": p, "p_at_dose_holm": p,
    }  # fmt: skip


def _crossings(
    match: Match, healthy: Healthy, doses: Array, skills: Contrast, comparisons: int
) -> tuple[Crossover, ...]:
    """Where skill(b) - skill(a) changes sign: its simultaneous band excludes 0 on both sides.

    The band is at 95%, corrected for the number of comparisons of the family.
    """
    from scipy.special import stdtrit

    delta, lo, hi, dof = (np.asarray(v) for v in (skills.delta, skills.lo, skills.hi, skills.dof))
    sides = [[m.resampled.at_doses(doses) for m in side] for side in healthy]
    if match.between in WITHIN:
        apart = [within.difference(a, b) for a, b in zip(*sides, strict=True)]
        sides = [[within.nothing(apart[0])], apart]
    first, second = ([(curve.value, curve.levels) for curve in side] for side in sides)
    alpha, freedom = ALPHA / max(comparisons, 1), np.minimum(dof, 1e9)
    half = (hi - lo) / 2 * stdtrit(freedom, alpha / 2) / stdtrit(freedom, ALPHA / 2)
    sure = bands.of_difference(first, second, (delta - half, delta + half), dof, 1 - alpha)
    scale = healthy[0][0].resampled.scale
    return tuple(curves.crossovers(doses, delta, (lo, hi), sure, scale))


def _scope(match: Match, sides: Healthy) -> str:
    if match.between in WITHIN:
        count, total = len(sides[0]), len(match.sides[0])
        if count > 1:
            return (
                f"About models like these ({count} of {total} of {match.within}): the difference "
                "within each model, averaged; models are resampled."
            )
        return f"About this checkpoint, {sides[0][0].model}, {_trained(sides)}."
    if all(len(side) > 1 for side in sides):
        counts = " and ".join(f"{len(s)} of {n}" for n, s in zip(match.names, sides, strict=True))
        return f"About models like these ({counts}); models are resampled within groups."
    members = " and ".join(", ".join(m.model for m in side) for side in sides)
    only = " One side has several models, the other one." if max(map(len, sides)) > 1 else ""
    return (
        f"About these checkpoints, {members}, {_trained(sides)}; not about kinds of models.{only}"
    )


def _trained(sides: Healthy) -> str:
    tuned = min(len(m.seeds) for side in sides for m in side)
    return f"over {tuned} fine-tuning seeds" if tuned > 1 else "as trained once"

"""Which of two models, or groups of models, retains more: a verdict, or what would settle it.

The quantity is delta = RA(b) - RA(a), the difference of retained areas over the doses that all
models measured (`contrast.py`). A verdict also has the differences of D50 and of the rates at which
skill is lost (`rates.py`), that of skill at a chosen dose, and the doses where the curves cross.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lesion.analysis import curves, paired, rates, variance
from lesion.analysis.contrast import (
    ALPHA,
    Contrast,
    Quantity,
    Side,
    VarianceComponent,
    contrast,
    holm,
    side_of,
    spread_of,
)
from lesion.analysis.curves import Crossover
from lesion.analysis.paired import PairedTest
from lesion.analysis.rates import Rate
from lesion.analysis.settle import settling
from lesion.analysis.summary import Analysis, Estimate
from lesion.errors import LesionError

Array = np.ndarray


class Verdict(NamedTuple):
    """One comparison on one task under one lesion."""

    a: str  # model or group
    b: str
    task: str
    lesion: str
    metric: str
    delta: float  # RA(b) - RA(a)
    lo: float  # 95% interval
    hi: float
    margin: float
    p: float  # of no difference, two-sided
    p_holm: float  # corrected over the comparisons of the study
    comparisons: int  # of the study, tested
    outcome: str  # "b", "a", "equivalent" or "cannot tell"
    answer: str  # the verdict in words
    settle: str  # what would settle it; "" if it is settled
    needed: dict[str, int]  # level -> the number of members that would settle it alone
    brief: str  # what would settle it, in short
    scope: str  # the population that it generalises to
    gains: Estimate | None  # of the intact score over chance: b - a, positive if b's is better
    warning: str  # that the intact gains differ; "" if they do not
    shares: dict[str, float]  # level -> share of the variance of delta
    parts: tuple[VarianceComponent, ...]  # the variance of delta, source by source
    d50: Estimate | None  # D50(b) - D50(a); nan: neither was reached
    rates: tuple[Rate, ...]  # skill lost per unit of dose, b - a
    dose: float | None  # the chosen dose
    at_dose: Estimate | None  # skill(b) - skill(a) at this dose
    answers: PairedTest | None  # right answers at this dose; of two single models
    crossovers: tuple[Crossover, ...]  # where skill(b) - skill(a) changes sign
    doses: tuple[float, ...]  # at which both were measured
    left_out: tuple[str, ...]  # models that are left out, with the reasons


def verdicts(
    analyses: Sequence[Analysis],
    between: str = "group",
    margin: float = 0.02,
    seed: int = 0,
    dose: float | None = None,
) -> list[Verdict]:
    """Every pair of groups (or of models), on every task under every lesion, Holm-corrected.

    Args:
        analyses: from `summary.analyse`; those with an excluding diagnosis are left out by name.
        between: "group" (of models that have one) or "model".
        margin: differences of retained area below this are negligible.
        seed: the study's, for resampling models.
        dose: compare at this dose as well, or at the nearest that both measured.
    """
    return corrected([
        compare(a, b, names, margin, seed, dose) for names, a, b in matches(analyses, between)
    ])  # fmt: skip


def matches(
    analyses: Sequence[Analysis], between: str
) -> Iterator[tuple[tuple[str, str], list[Analysis], list[Analysis]]]:
    """The sides of every comparison, with their names, in the order of `verdicts`.

    Raises:
        LesionError: if `between` is neither "group" nor "model".
    """
    if between not in ("group", "model"):
        raise LesionError(f"compare.between must be group or model. Got {between!r}.")
    for task, lesion in dict.fromkeys((a.task, a.lesion) for a in analyses):
        sides: dict[str, list[Analysis]] = {}
        for analysis in analyses:
            name = analysis.group if between == "group" else analysis.model
            if (analysis.task, analysis.lesion) == (task, lesion) and name is not None:
                sides.setdefault(name, []).append(analysis)
        for a, b in combinations(sides, 2):
            yield (a, b), sides[a], sides[b]


def compare(
    a: Sequence[Analysis],
    b: Sequence[Analysis],
    names: tuple[str, str] | None = None,
    margin: float = 0.02,
    seed: int = 0,
    dose: float | None = None,
) -> Verdict:
    """One comparison, not corrected for multiplicity; see `corrected`."""
    names = names or (a[0].model, b[0].model)
    left_out = tuple(f"{m.model}: {', '.join(m.excluded)}" for m in (*a, *b) if m.excluded)
    healthy = [[m for m in side if not m.excluded] for side in (a, b)]
    blank = _empty(names, a[0], margin, left_out)
    for name, side in zip(names, healthy, strict=True):
        if not side:
            reason = f"{name} has no healthy model left ({'; '.join(left_out)})."
            return blank._replace(settle=reason)
    doses = curves.common_doses(*(m.doses for m in (*healthy[0], *healthy[1])))
    if len(doses) < 2:
        reason = f"{names[0]} and {names[1]} share fewer than two doses: run both over the same."
        return blank._replace(settle=reason)

    def difference(quantity: Quantity) -> Contrast:
        first, second = (
            side_of([m.resampled.at_doses(doses) for m in side], quantity) for side in healthy
        )
        return contrast(first, second)

    gains = [side_of([m.gain for m in side], lambda _, gain: gain[..., 0]) for side in healthy]
    area, skills = difference(curves.retained_area), difference(lambda _, values: values)
    raw = blank._replace(
        delta=float(area.delta),
        lo=float(area.lo),
        hi=float(area.hi),
        p=float(area.p),
        p_holm=float(area.p),
        scope=_scope(names, healthy),
        **_intact_difference(blank, gains),
        shares=variance.shares(spread_of(area.components)),
        parts=tuple(c._replace(variance=float(c.variance)) for c in area.components),
        d50=rates.d50_contrast(healthy, doses, names, area.dof, seed),
        rates=rates.rates(healthy, doses, names, seed),
        crossovers=_crossings(doses, skills),
        doses=tuple(doses.tolist()),
    )
    if dose is not None:
        raw = raw._replace(**_at(int(np.abs(doses - dose).argmin()), doses, healthy, skills, seed))
    return _with_remedy(_with_outcome(raw))


def _empty(
    names: tuple[str, str], example: Analysis, margin: float, left_out: tuple[str, ...]
) -> Verdict:
    """A verdict without results: cannot tell."""
    nan = float("nan")
    return Verdict(
        a=names[0],
        b=names[1],
        task=example.task,
        lesion=example.lesion,
        metric=example.metric,
        delta=nan,
        lo=nan,
        hi=nan,
        margin=margin,
        p=nan,
        p_holm=nan,
        comparisons=1,
        outcome="cannot tell",
        answer="cannot tell",
        settle="",
        needed={},
        brief="",
        scope="",
        gains=None,
        warning="",
        shares={},
        parts=(),
        d50=None,
        rates=(),
        dose=None,
        at_dose=None,
        answers=None,
        crossovers=(),
        doses=(),
        left_out=left_out,
    )


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


def _at(
    index: int, doses: Array, healthy: Sequence[Sequence[Analysis]], skills: Contrast, seed: int
) -> dict:
    """The comparison at one dose: of skill, and of right answers if each side is one model."""
    dose = float(doses[index])
    skill = Estimate(*(float(np.asarray(end)[index]) for end in skills[:3]))
    answers = None
    rows = [
        curves.at_doses(m.doses, m.correct_share.T, doses)[:, index]
        for side in healthy
        for m in side
        if m.correct_share is not None
    ]
    if [len(side) for side in healthy] == [1, 1] and len(rows) == 2:
        answers = paired.at_dose(dose, rows[0], rows[1], seed)
    return {"dose": dose, "at_dose": skill, "answers": answers}


def _crossings(doses: Array, skills: Contrast) -> tuple[Crossover, ...]:
    """Where skill(b) - skill(a) changes sign, after Bonferroni's correction over doses."""
    delta, lo, hi = (np.asarray(end) for end in skills[:3])
    significant = np.asarray(skills.p) < ALPHA / len(doses)
    strict = np.where(significant, lo, -np.inf), np.where(significant, hi, np.inf)
    return tuple(curves.crossovers(doses, delta, (lo, hi), strict))


def corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same verdicts after Holm's correction of the differences.

    Retained areas are one family, and so is each rate at which skill is lost. A difference that is
    significant alone but not after correction becomes "cannot tell", with a sentence on it.
    Equivalence is not corrected: it claims no difference.
    """
    adjusted_rates = rates.corrected([v.rates for v in verdicts], [(v.a, v.b) for v in verdicts])
    verdicts = [v._replace(rates=r) for v, r in zip(verdicts, adjusted_rates, strict=True)]
    adjusted = holm([v.p for v in verdicts])
    tested = int((~np.isnan(adjusted)).sum())
    result = []
    for verdict, p in zip(verdicts, adjusted, strict=True):
        new = _with_outcome(verdict._replace(p_holm=float(p), comparisons=tested))
        if new.outcome == "cannot tell" and verdict.outcome in ("a", "b"):
            new = _with_remedy(new)
            sentence = f"Alone it would be a difference (p = {verdict.p:.3f}); among "
            sentence += f"{tested} comparisons it is not (p = {p:.3f})."
            new = new._replace(settle=f"{sentence} {new.settle}".strip())
        result.append(new)
    return result


def _with_outcome(v: Verdict) -> Verdict:
    """The verdict with its outcome: a difference, else equivalence, else cannot tell."""
    differs = v.p_holm <= ALPHA
    if v.lo > 0 and differs:
        return v._replace(outcome="b", answer=f"{v.b} retains more")
    if v.hi < 0 and differs:
        return v._replace(outcome="a", answer=f"{v.a} retains more")
    if -v.margin < v.lo and v.hi < v.margin:
        return v._replace(outcome="equivalent", answer=f"equivalent within {v.margin:g}")
    return v._replace(outcome="cannot tell", answer="cannot tell")


def _with_remedy(v: Verdict) -> Verdict:
    """The verdict with what would settle it, if it cannot tell."""
    if v.outcome != "cannot tell" or not v.parts:
        return v
    remedy = settling(v.delta, v.margin, v.parts, v.comparisons)
    return v._replace(settle=remedy.words, needed=remedy.needed, brief=remedy.brief)


def _scope(names: tuple[str, str], sides: Sequence[Sequence[Analysis]]) -> str:
    if all(len(side) > 1 for side in sides):
        counts = " and ".join(f"{len(s)} of {n}" for n, s in zip(names, sides, strict=True))
        return f"About models like these ({counts}); models are resampled within groups."
    members = " and ".join(", ".join(m.model for m in side) for side in sides)
    tuned = min(len(m.seeds) for side in sides for m in side)
    how = f"over {tuned} fine-tuning seeds" if tuned > 1 else "as trained once"
    only = " One side has several models, the other one." if max(map(len, sides)) > 1 else ""
    return f"About these checkpoints, {members}, {how}; not about kinds of models.{only}"

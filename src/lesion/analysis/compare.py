"""Which of two models, or groups of models, retains more: a verdict, or what would settle it.

The quantity is delta = RA(b) - RA(a), the difference of retained areas over the doses that all of
them measured (`contrast.py`); the same comparison of D50 and of the rates at which skill is lost
(`rates.py`), of skill at a chosen dose, and the doses where the curves cross, stand beside it.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves, paired, rates
from lesion.analysis.contrast import (
    ALPHA,
    Contrast,
    Part,
    Quantity,
    Side,
    contrast,
    holm,
    side_of,
    spread_of,
)
from lesion.analysis.curves import Crossover
from lesion.analysis.paired import Paired
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
    comparisons: int  # how many those are
    outcome: str  # "b", "a", "equivalent" or "cannot tell"
    answer: str  # the verdict in words
    settle: str  # what would settle it; "" where it is settled
    needed: dict[str, int]  # level -> how many of it would settle it, alone
    brief: str  # what would settle it, in short
    scope: str  # what it is about
    gains: Estimate | None  # intact score above chance: b less a, positive where b's is better
    warning: str  # that they differ, which retained area is relative to; "" where they do not
    shares: dict[str, float]  # level -> part of the variance of delta
    parts: tuple[Part, ...]  # the variance of delta, source by source
    d50: Estimate | None  # D50(b) - D50(a); nan: neither was reached
    rates: tuple[Rate, ...]  # skill lost for each unit of dose, b's less a's
    dose: float | None  # a chosen dose
    at_dose: Estimate | None  # skill(b) - skill(a) there
    answers: Paired | None  # right answers there, example by example; of two models
    crossovers: tuple[Crossover, ...]  # where skill(b) - skill(a) changes its sign
    doses: tuple[float, ...]  # over which both were measured
    left_out: tuple[str, ...]  # models left out, with why


def verdicts(
    analyses: Sequence[Analysis],
    between: str = "group",
    margin: float = 0.02,
    seed: int = 0,
    dose: float | None = None,
) -> list[Verdict]:
    """Every pair of groups (or of models), on every task under every lesion, Holm-corrected.

    Args:
        analyses: from `summary.analyse`; unhealthy ones are left out by name.
        between: "group" (of models that have one) or "model".
        margin: differences of retained area smaller than this do not matter.
        seed: the study's, for resampling models.
        dose: compare at this dose as well; the nearest that both measured is taken.
    """
    found = [compare(a, b, names, margin, seed, dose) for names, a, b in matches(analyses, between)]
    return corrected(found)


def matches(
    analyses: Sequence[Analysis], between: str
) -> Iterator[tuple[tuple[str, str], list[Analysis], list[Analysis]]]:
    """The sides of every comparison, with their names: in the order of `verdicts`.

    Raises:
        LesionError: if `between` is neither "group" nor "model".
    """
    if between not in ("group", "model"):
        raise LesionError(f"compare.between must be group or model. Got {between!r}.")
    for task, lesion in dict.fromkeys((a.task, a.lesion) for a in analyses):
        sides: dict[str, list[Analysis]] = {}
        for one in analyses:
            name = one.group if between == "group" else one.model
            if (one.task, one.lesion) == (task, lesion) and name is not None:
                sides.setdefault(name, []).append(one)
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
    """One comparison, not corrected for others; see `corrected`."""
    names = names or (a[0].model, b[0].model)
    left_out = tuple(f"{m.model}: {', '.join(m.excluded)}" for m in (*a, *b) if m.excluded)
    healthy = [[m for m in side if not m.excluded] for side in (a, b)]
    blank = _untold(names, a[0], margin, left_out)
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
            side_of([m.sampled.over(doses) for m in side], quantity) for side in healthy
        )
        return contrast(first, second)

    gains = [side_of([m.gain for m in side], lambda _, gain: gain[..., 0]) for side in healthy]
    area, every = difference(curves.retained_area), difference(lambda _, skills: skills)
    raw = blank._replace(
        delta=float(area.delta),
        lo=float(area.lo),
        hi=float(area.hi),
        p=float(area.p),
        p_holm=float(area.p),
        scope=_scope(names, healthy),
        **_uneven(blank, gains),
        shares=bootstrap.shares(spread_of(area.parts)),
        parts=tuple(p._replace(variance=float(p.variance)) for p in area.parts),
        d50=rates.d50_contrast(healthy, doses, names, area.freedom, seed),
        rates=rates.rates(healthy, doses, names, seed),
        crossovers=_crossings(doses, every),
        doses=tuple(doses.tolist()),
    )
    if dose is not None:
        raw = raw._replace(**_at(int(np.abs(doses - dose).argmin()), doses, healthy, every, seed))
    return _settled(_answered(raw))


def _untold(
    names: tuple[str, str], example: Analysis, margin: float, left_out: tuple[str, ...]
) -> Verdict:
    """A verdict that nothing could be told, to be filled in."""
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


def _uneven(v: Verdict, gains: Sequence[Side]) -> dict:
    """The difference of the intact gains, and a warning where its interval leaves 0 out."""
    found = contrast(*gains).estimate
    if found.lo <= 0 <= found.hi:
        return {"gains": found, "warning": ""}
    a, b = (float(side.value) for side in gains)
    warning = (
        f"Intact on {v.task}, {v.a} is {a:.3f} and {v.b} {b:.3f} above chance ({v.metric}; "
        f"difference {found.value:+.3f} [{found.lo:+.3f}, {found.hi:+.3f}]). Retained area is "
        "relative to that: a weaker model that keeps all of little keeps 1."
    )
    return {"gains": found, "warning": warning}


def _at(
    place: int, doses: Array, healthy: Sequence[Sequence[Analysis]], every: Contrast, seed: int
) -> dict:
    """The comparison at one dose: of skill, and of right answers where a side is one model."""
    dose = float(doses[place])
    skill = Estimate(*(float(np.asarray(end)[place]) for end in every[:3]))
    answers = None
    rows = [
        curves.at_doses(m.doses, m.right.T, doses)[:, place]
        for side in healthy
        for m in side
        if m.right is not None
    ]
    if [len(side) for side in healthy] == [1, 1] and len(rows) == 2:
        answers = paired.at_dose(dose, rows[0], rows[1], seed)
    return {"dose": dose, "at_dose": skill, "answers": answers}


def _crossings(doses: Array, every: Contrast) -> tuple[Crossover, ...]:
    """Where skill(b) - skill(a) changes its sign; Bonferroni over doses says that it does."""
    delta, lo, hi = (np.asarray(end) for end in every[:3])
    sure = np.asarray(every.p) < ALPHA / len(doses)
    strict = np.where(sure, lo, -np.inf), np.where(sure, hi, np.inf)
    return tuple(curves.crossovers(doses, delta, (lo, hi), strict))


def corrected(found: Sequence[Verdict]) -> list[Verdict]:
    """The same verdicts, differences held to Holm's correction over all of them.

    Retained areas are one family, and so is each rate at which skill is lost.
    A difference that is significant alone but not among the others becomes "cannot tell" and says
    so. Equivalence needs no correction to stay honest about differences: it claims none.
    """
    beside = rates.corrected([v.rates for v in found], [(v.a, v.b) for v in found])
    found = [v._replace(rates=each) for v, each in zip(found, beside, strict=True)]
    adjusted = holm([v.p for v in found])
    tested = int((~np.isnan(adjusted)).sum())
    result = []
    for verdict, p in zip(found, adjusted, strict=True):
        new = _answered(verdict._replace(p_holm=float(p), comparisons=tested))
        if new.outcome == "cannot tell" and verdict.outcome in ("a", "b"):
            new = _settled(new)
            alone = f"Alone it would be a difference (p = {verdict.p:.3f}); among "
            alone += f"{tested} comparisons it is not (p = {p:.3f})."
            new = new._replace(settle=f"{alone} {new.settle}".strip())
        result.append(new)
    return result


def _answered(v: Verdict) -> Verdict:
    """The outcome of design rule: a difference, else equivalence, else cannot tell."""
    differs = v.p_holm <= ALPHA
    if v.lo > 0 and differs:
        return v._replace(outcome="b", answer=f"{v.b} retains more")
    if v.hi < 0 and differs:
        return v._replace(outcome="a", answer=f"{v.a} retains more")
    if -v.margin < v.lo and v.hi < v.margin:
        return v._replace(outcome="equivalent", answer=f"equivalent within {v.margin:g}")
    return v._replace(outcome="cannot tell", answer="cannot tell")


def _settled(v: Verdict) -> Verdict:
    if v.outcome != "cannot tell" or not v.parts:
        return v
    found = settling(v.delta, v.margin, v.parts, v.comparisons)
    return v._replace(settle=found.words, needed=found.needed, brief=found.brief)


def _scope(names: tuple[str, str], sides: Sequence[Sequence[Analysis]]) -> str:
    if all(len(side) > 1 for side in sides):
        counts = " and ".join(f"{len(s)} of {n}" for n, s in zip(names, sides, strict=True))
        return f"About models like these ({counts}); models are resampled within groups."
    members = " and ".join(", ".join(m.model for m in side) for side in sides)
    tuned = min(len(m.seeds) for side in sides for m in side)
    how = f"over {tuned} fine-tuning seeds" if tuned > 1 else "as trained once"
    only = " One side has several models, the other one." if max(map(len, sides)) > 1 else ""
    return f"About these checkpoints, {members}, {how}; not about kinds of models.{only}"

"""What a comparison says: a verdict, and the same difference from another side."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lesion.analysis.contrast import ALPHA, Contrast, VarianceComponent
from lesion.analysis.curves import Crossover
from lesion.analysis.halves import HalfLost
from lesion.analysis.paired import PairedTest
from lesion.analysis.rates import Rate
from lesion.analysis.summary import Estimate

NAN = float("nan")
RETAINS = {  # what a difference means, by what was compared
    "model": "{} retains more",
    "group": "{} retains more",
    "lesion": "more is retained under {}",
    "task": "more is retained on {}",
}


class Beside(NamedTuple):
    """The same comparison from another side: a difference without a margin."""

    quantity: str  # what is compared, in words
    delta: float
    lo: float  # 95% interval
    hi: float
    p: float  # of no difference, two-sided
    p_holm: float  # corrected over those of the family
    outcome: str  # "b", "a" or "cannot tell"
    answer: str  # the outcome in words


class Verdict(NamedTuple):
    """One comparison on one task under one lesion."""

    a: str  # model, group, lesion or task
    b: str
    task: str  # "" between tasks
    lesion: str  # "" between lesions
    metric: str
    delta: float  # RA(b) - RA(a)
    lo: float  # 95% interval
    hi: float
    margin: float
    p: float  # of no difference, two-sided
    p_holm: float  # corrected over the comparisons of the family
    comparisons: int  # of the family, tested
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
    d50: Estimate | None  # D50(b) - D50(a); see `HalfLost.difference`
    d50_ratio: HalfLost | None  # D50(b) / D50(a)
    rates: tuple[Rate, ...]  # skill lost per unit of dose, b - a
    dose: float | None  # the chosen dose
    at_dose: Estimate | None  # skill(b) - skill(a) at this dose
    answers: PairedTest | None  # right answers at this dose; of two single models
    crossovers: tuple[Crossover, ...]  # where skill(b) - skill(a) changes sign
    doses: tuple[float, ...]  # at which both were measured
    left_out: tuple[str, ...]  # models that are left out, with the reasons
    between: str = "model"  # what is compared: models, groups, lesions or tasks
    within: str = ""  # the model or group whose lesions or tasks are compared
    column: str = ""  # of the examples, whose slices are compared; "": all examples
    word: str = ""  # the slice: a word of this column
    family: str = ""  # the comparisons among which p is corrected, in words
    margin_reason: str = "given"
    dof: float = NAN  # degrees of freedom of Student's t
    lo_holm: float = NAN  # interval at the corrected level: agrees with the verdict
    hi_holm: float = NAN
    p_equivalent: float = NAN  # of a difference of the margin or more: the larger one-sided p
    p_equivalent_holm: float = NAN  # corrected over the family; equivalent at 0.025
    clustered: bool = False  # whether examples are resampled by clusters
    p_at_dose: float = NAN  # of no difference of skill at the chosen dose
    p_at_dose_holm: float = NAN
    losses: str = ""  # that the groups lost unequal numbers of models; "" if they did not
    with_dead: Beside | None = None  # with the models that never learned, at gain 0
    absolute: Beside | None = None  # of the area of the gain kept, in points of the metric
    equal_intact: Beside | None = None  # of the models whose intact scores are nearest

    @property
    def beside(self) -> "tuple[Beside, ...]":
        """The same comparison from other sides."""
        sides = (self.absolute, self.with_dead, self.equal_intact)
        return tuple(side for side in sides if side is not None)


def blank(
    names: tuple[str, str], task: str, lesion: str, metric: str, margin: float, **others: Any
) -> Verdict:
    """A verdict without results: cannot tell."""
    empty = Verdict(
        a=names[0],
        b=names[1],
        task=task,
        lesion=lesion,
        metric=metric,
        delta=NAN,
        lo=NAN,
        hi=NAN,
        margin=margin,
        p=NAN,
        p_holm=NAN,
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
        d50_ratio=None,
        rates=(),
        dose=None,
        at_dose=None,
        answers=None,
        crossovers=(),
        doses=(),
        left_out=(),
    )
    return empty._replace(**others)


def with_outcome(v: Verdict) -> Verdict:
    """The verdict with its outcome: a difference, else equivalence, else cannot tell."""
    differs = v.p_holm <= ALPHA
    if v.lo > 0 and differs:
        return v._replace(outcome="b", answer=RETAINS[v.between].format(v.b))
    if v.hi < 0 and differs:
        return v._replace(outcome="a", answer=RETAINS[v.between].format(v.a))
    if v.p_equivalent_holm <= ALPHA / 2:
        return v._replace(outcome="equivalent", answer=f"equivalent within {v.margin:g}")
    return v._replace(outcome="cannot tell", answer="cannot tell")


def beside(quantity: str, difference: Contrast) -> Beside:
    """A difference as it stands beside a verdict, not corrected for multiplicity."""
    p = float(difference.p)
    return Beside(quantity, *difference.estimate, p, p, "cannot tell", "cannot tell")


def beside_outcome(side: Beside, p_holm: float, names: Sequence[str], between: str) -> Beside:
    """The same with its outcome at a corrected p."""
    outcome = "cannot tell"
    if p_holm <= ALPHA and not side.lo <= 0 <= side.hi:
        outcome = "b" if side.delta > 0 else "a"
    answer = RETAINS[between].format(names["ab".index(outcome)]) if outcome in "ab" else outcome
    return side._replace(p_holm=p_holm, outcome=outcome, answer=answer)

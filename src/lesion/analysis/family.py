"""One family of comparisons, corrected: which claims stand among all that were asked for.

A family is the set of comparisons of one question. Within it, Holm's correction is made of each
kind of claim separately: differences of retained area (5%), equivalences (2.5%, so that a single
comparison is equivalent if its 95% interval is within the margin), differences of skill at a chosen
dose, of right answers, of D50, of each rate, and of each view beside the verdict. Of one comparison
at most one of the two null hypotheses "no difference" and "a difference of the margin or more" is
true. A study therefore makes any false claim of difference with at most 5%, any false claim of
equivalence with at most 2.5%, and one of either kind with at most 7.5%.

The interval that agrees with a corrected p is that of the step at which Holm's procedure decides on
the comparison: at the level 1 - 0.05 / k, with k comparisons left. It excludes 0 exactly if the
corrected p is at most 0.05.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lesion.analysis import halves, rates
from lesion.analysis.contrast import ALPHA, holm
from lesion.analysis.settle import settling
from lesion.analysis.verdict import Verdict, beside_outcome, with_outcome

Array = np.ndarray
VIEWS = ("absolute", "with_dead", "equal_intact")


def equivalence_p(delta: float, half: float, dof: float, margin: float) -> float:
    """The p of two one-sided tests (Schuirmann 1987): the larger, of a difference beyond margin.

    Args:
        half: half-width of the 95% interval.
        dof: of Student's t.
    """
    from scipy.special import stdtr

    room = margin - abs(delta)
    if np.isnan(room) or half == 0:
        return float("nan") if np.isnan(room) else float(room <= 0)
    return float(stdtr(min(dof, 1e9), -room / half * _quantile(dof, 1)))


def _quantile(dof: float, divisor: int) -> float:
    """Student's t of a two-sided interval at the level 1 - 0.05 / divisor."""
    from scipy.special import stdtrit

    return float(-stdtrit(min(dof, 1e9), ALPHA / divisor / 2))


def steps(p: Sequence[float], alpha: float = ALPHA) -> list[int]:
    """Holm's divisor for each p: the number of hypotheses left at the step that decides on it.

    Hypotheses after the first that is not rejected have the divisor of that step. p x divisor is at
    most alpha exactly if the adjusted p is.
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values)[: int((~np.isnan(values)).sum())]
    divisors, left = np.ones(len(values), int), len(order)
    for place, index in enumerate(order):
        divisors[index] = left
        if values[index] * left <= alpha:
            left = len(order) - place - 1
    return [int(n) for n in divisors]


def corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts of one family after Holm's correction of every kind of claim.

    A difference that is significant alone but not after correction becomes "cannot tell", with a
    sentence on it.
    """
    alone = list(verdicts)
    pairs = [(v.a, v.b) for v in alone]
    made = [
        v._replace(rates=r)
        for v, r in zip(alone, rates.corrected([v.rates for v in alone], pairs), strict=True)
    ]
    ratios = halves.corrected([v.d50_ratio for v in alone], pairs)
    made = [v._replace(d50_ratio=half) for v, half in zip(made, ratios, strict=True)]
    for view in VIEWS:
        made = _view(made, view)
    made = _adjusted(made, "p_at_dose", "p_at_dose_holm")
    made = _where(made, "answers", lambda _, answers, p: answers._replace(p_holm=p))
    made = _adjusted(_adjusted(made, "p", "p_holm"), "p_equivalent", "p_equivalent_holm")
    tested = int(np.isfinite([v.p for v in made]).sum())
    made = [with_outcome(v._replace(comparisons=tested)) for v in made]
    apart, alike = steps([v.p for v in made]), steps([v.p_equivalent for v in made], ALPHA / 2)
    made = [_with_interval(v, *step) for v, *step in zip(made, apart, alike, strict=True)]
    return [_explained(v, before) for v, before in zip(made, alone, strict=True)]


def _adjusted(verdicts: Sequence[Verdict], raw: str, field: str) -> list[Verdict]:
    """The verdicts with one p corrected by Holm."""
    adjusted = holm([getattr(v, raw) for v in verdicts])
    changes: list[dict[str, Any]] = [{field: float(p)} for p in adjusted]
    return [v._replace(**change) for v, change in zip(verdicts, changes, strict=True)]


def _where(
    verdicts: Sequence[Verdict], field: str, change: Callable[[Verdict, Any, float], Any]
) -> list[Verdict]:
    """The verdicts with a part changed, where they have it, by its p after Holm's correction."""
    parts = [getattr(v, field) for v in verdicts]
    adjusted = holm([getattr(part, "p", np.nan) for part in parts])
    return [
        v if part is None or np.isnan(p) else v._replace(**{field: change(v, part, float(p))})
        for v, part, p in zip(verdicts, parts, adjusted, strict=True)
    ]


def _view(verdicts: Sequence[Verdict], view: str) -> list[Verdict]:
    return _where(verdicts, view, lambda v, side, p: beside_outcome(side, p, (v.a, v.b), v.between))


def _with_interval(v: Verdict, apart: int, alike: int) -> Verdict:
    """The verdict with the interval at the level of its claim; of no claim, the wider one."""
    divisors = {"equivalent": alike, "cannot tell": max(apart, alike)}
    divisor = divisors.get(v.outcome, apart)
    if divisor == 1 or not np.isfinite(v.hi - v.lo):
        return v._replace(lo_holm=v.lo, hi_holm=v.hi)
    half = (v.hi - v.lo) / 2 * _quantile(v.dof, divisor) / _quantile(v.dof, 1)
    return v._replace(lo_holm=v.delta - half, hi_holm=v.delta + half)


def _explained(v: Verdict, alone: Verdict) -> Verdict:
    """The verdict with what would settle it, and what it would be alone, if correction undid it."""
    if v.outcome != "cannot tell" or alone.outcome == "cannot tell":
        return with_remedy(v)
    v = with_remedy(v)
    if alone.outcome == "equivalent":
        sentence = f"Alone it would be equivalent (p = {alone.p_equivalent:.3f})"
        p = v.p_equivalent_holm
    else:
        sentence, p = f"Alone it would be a difference (p = {alone.p:.3f})", v.p_holm
    sentence += f"; among {v.comparisons} comparisons it is not (p = {p:.3f})."
    return v._replace(settle=f"{sentence} {v.settle}".strip())


def with_remedy(v: Verdict) -> Verdict:
    """The verdict with what would settle it, if it cannot tell."""
    if v.outcome != "cannot tell" or not v.parts:
        return v
    remedy = settling(v.delta, v.margin, v.parts, v.comparisons, v.clustered)
    return v._replace(settle=remedy.words, needed=remedy.needed, brief=remedy.brief)

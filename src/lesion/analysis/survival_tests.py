"""Does one model collapse at lower doses than another? Tests of survival between two models.

The log-rank test takes the draws of two models as independent. Draws of models of one shape are the
same damage. They are then positively correlated, and the log-rank p is too large rather than too
small. Where the draws have the same numbers there is also a paired test: the log-rank score of each
draw (its event minus the events expected of it by its dose, Nelson-Aalen over both models), b - a,
whose sign is flipped within draws (Fisher 1935; scores of pairs: O'Brien & Fleming 1987). It holds
for independent draws too. With n draws its p is at least 2 / 2^n: below 0.05 from six on.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lesion.analysis.contrast import holm
from lesion.analysis.paired import sign_flips
from lesion.analysis.survival import EVENTS, Survival, censored

if TYPE_CHECKING:
    from lesion.analysis.summary import Analysis

Array = np.ndarray


class SurvivalTest(NamedTuple):
    """Two models on one task under one lesion, and one event."""

    a: str  # models
    b: str
    task: str
    lesion: str
    event: str
    median_a: float  # dose; inf: not reached
    median_b: float
    units: int  # draws of each side (or seeds, of a lesion with one draw), at least
    excess_a: float  # events of a beyond those expected of it; above 0: a collapses earlier
    p_logrank: float  # two-sided, unpaired
    p_paired: float  # sign flips within draws; nan: the draws are not the same
    p_holm: (
        float  # of p_paired, else p_logrank, corrected over the tests of this event in the study
    )
    comparisons: int  # how many these are


def survival_tests(analyses: "Sequence[Analysis]", seed: int = 0) -> list[SurvivalTest]:
    """Every pair of models, on each task under each lesion, for each event that either had.

    Holm's correction is over the tests of an event in the study. Models that verdicts leave out
    are left out.
    """
    tests = []
    healthy = [a for a in analyses if not a.excluded]
    for a, b in combinations(healthy, 2):
        if (a.task, a.lesion) != (b.task, b.lesion):
            continue
        for event in EVENTS:
            if event in a.survival and event in b.survival:
                pair = a.survival[event], b.survival[event]
                if any(np.isfinite(side.series).any() for side in pair):
                    tests.append(_test((a, b), event, pair, seed))
    return _corrected(tests)


def _corrected(tests: list[SurvivalTest]) -> list[SurvivalTest]:
    families: dict[str, list[int]] = {}
    for number, test in enumerate(tests):
        families.setdefault(test.event, []).append(number)
    for family in families.values():
        p = [
            tests[n].p_logrank if np.isnan(tests[n].p_paired) else tests[n].p_paired for n in family
        ]
        for n, adjusted in zip(family, holm(p), strict=True):
            tests[n] = tests[n]._replace(p_holm=float(adjusted), comparisons=len(family))
    return tests


def _test(
    models: "tuple[Analysis, Analysis]", event: str, pair: tuple[Survival, Survival], seed: int
) -> SurvivalTest:
    (a, b), (first, second) = models, pair
    last = min(float(side.doses[-1]) for side in pair)  # later, one of the two was not measured
    x, y = (np.where(side.units <= last, side.units, np.inf) for side in pair)
    scores = excess(np.concatenate([x, y]))
    same = a.draws == b.draws and len(a.draws) > 1
    paired = sign_flips(scores[len(x) :] - scores[: len(x)], seed) if same else float("nan")
    return SurvivalTest(
        a=a.model,
        b=b.model,
        task=a.task,
        lesion=a.lesion,
        event=event,
        median_a=first.median,
        median_b=second.median,
        units=min(len(x), len(y)),
        excess_a=float(scores[: len(x)].sum()),
        p_logrank=logrank_p(x, y, last),
        p_paired=paired,
        p_holm=float("nan"),
        comparisons=1,
    )


def logrank_p(x: Array, y: Array, last: float) -> float:
    """Two-sided p of the log-rank test (Mantel 1966); 1 if all events are at one dose, or none."""
    from scipy.stats import logrank

    with np.errstate(invalid="ignore", divide="ignore"):
        p = float(logrank(censored(x, last), censored(y, last)).pvalue)
    return 1.0 if np.isnan(p) else p


def excess(seen: Array) -> Array:
    """Event minus cumulative hazard of each member of one sample; inf: no event. They sum to 0."""
    doses = np.unique(seen[np.isfinite(seen)])
    hazard = np.array([(seen == dose).sum() / (seen >= dose).sum() for dose in doses])
    reached = doses[None] <= seen[:, None]
    return np.isfinite(seen) - reached @ hazard

"""What would settle a comparison: about how many more draws, examples, seeds or models."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap
from lesion.analysis.contrast import ALPHA, Part, spread_of

MOST = 1000  # times as many as there are


class Settling(NamedTuple):
    """Numbers that would make an interval narrow enough, each level alone, and in words."""

    words: str
    needed: dict[str, int]  # level -> members; levels that cannot do it alone are missing
    brief: str  # the words in short: "7 models or 31 draws", "×5" (of every level), "out of reach"


def settling(delta: float, margin: float, parts: Sequence[Part], comparisons: int = 1) -> Settling:
    """How to get an interval narrow enough for a verdict, given where its variance comes from.

    Narrow enough: its half-width below |delta| (a difference) or below margin - |delta|
    (equivalence), whichever is nearer. A part's variance falls as 1 / members, and Student's t
    falls with the degrees of freedom that are won.

    Args:
        comparisons: how many a difference has to stand among (Holm's first step).
    """
    total = sum(part.variance for part in parts)
    if not np.isfinite(delta) or total <= 0:
        words = "The interval is not bounded: an intact score is too near chance."
        return Settling(words, {}, "out of reach")
    half = half_width(parts)
    share = _quantile(parts, ALPHA) / _quantile(parts, ALPHA / comparisons)
    target = max(abs(delta) * share, margin - abs(delta))
    width = f"The interval would have to be ± {target:.3f}; it is ± {half:.3f}."
    if comparisons > 1:
        width = f"Among {comparisons} comparisons, the interval would have to be ± {target:.3f}"
        width += f"; it is ± {half:.3f}."
    levels = {p.level: p.members for p in parts if p.members > 1 and p.variance > 0}
    every = times_needed(parts, target, set(levels))
    if every is None:
        words = f"{width} No number of trials in reach would settle it."
        return Settling(words, {}, "out of reach")
    needed = {}
    for level in levels:
        found = times_needed(parts, target, {level})
        if found is not None:
            members = min(p.members for p in parts if p.level == level and p.members > 1)
            needed[level] = max(members + 1, int(np.ceil(members * found)))
            levels[level] = members
    offers = sorted((needed[level] / levels[level], level) for level in needed)
    if offers and offers[0][0] <= 3 * every:
        listed = " or ".join(f"{needed[k]} {k} instead of {levels[k]}" for _, k in offers)
        brief = " or ".join(f"{needed[k]} {k}" for _, k in offers)
        return Settling(f"{width} About {listed} would settle it.", needed, brief)
    times = int(np.ceil(every))
    spread = spread_of(parts)
    largest = max(spread, key=lambda level: spread[level])
    return Settling(
        f"{width} No source alone would settle it; about {times} times as many of "
        f"every one would ({largest} give {spread[largest] / total:.0%} of the variance).",
        needed,
        f"×{times}",
    )


def times_needed(parts: Sequence[Part], target: float, levels: set[str]) -> float | None:
    """How many times as many members of some levels bring the half-width to target; None: none."""

    def width(times: float) -> float:
        more = [
            part._replace(variance=part.variance / times, members=round(part.members * times))
            if part.level in levels and part.members > 1 else part
            for part in parts
        ]  # fmt: skip
        return half_width(more)

    if not width(MOST) <= target:
        return None
    low, high = 1.0, float(MOST)
    while high / low > 1.005:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if width(middle) <= target else (middle, high)
    return high


def half_width(parts: Sequence[Part]) -> float:
    """Half-width of the 95% interval that these parts give."""
    return _quantile(parts, ALPHA) * float(np.sqrt(sum(part.variance for part in parts)))


def _quantile(parts: Sequence[Part], alpha: float) -> float:
    from scipy.special import stdtrit

    spread = {str(i): np.asarray(part.variance) for i, part in enumerate(parts)}
    members = {str(i): part.members for i, part in enumerate(parts)}
    freedom = min(float(bootstrap.degrees(spread, members)), 1e9)
    return float(-stdtrit(freedom, alpha / 2))

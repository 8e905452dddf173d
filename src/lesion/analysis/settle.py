"""How many draws, examples, seeds or models would settle a comparison, approximately."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis.contrast import ALPHA, VarianceComponent, degrees_of_freedom, spread_of
from lesion.analysis.variance import capped

MAX_FACTOR = 1000  # times as many as there are


class Settling(NamedTuple):
    """Numbers that would make an interval narrow enough, for each level alone, and in words."""

    words: str
    needed: dict[str, int]  # level -> members; without the levels that do not suffice alone
    brief: str  # the words in short: "7 models or 31 draws", "×5" (of every level), "out of reach"


def settling(
    delta: float,
    margin: float,
    components: Sequence[VarianceComponent],
    comparisons: int = 1,
    clustered: bool = False,
) -> Settling:
    """How an interval becomes narrow enough for a verdict, given the sources of its variance.

    It is narrow enough if its half-width is below |delta| (a difference) or below margin - |delta|
    (equivalence), whichever is nearer. The variance of a component falls as 1 / members of each of
    its levels, and Student's t falls as the degrees of freedom grow.

    Args:
        comparisons: in the family of a claim (Holm's first step).
        clustered: whether the members of the level of examples are clusters of examples.
    """
    total = sum(component.variance for component in components)
    if not np.isfinite(delta) or total <= 0:
        words = "The interval is not bounded: an intact score is too near chance."
        return Settling(words, {}, "out of reach")
    half = half_width(components)
    share = _quantile(components, ALPHA) / _quantile(components, ALPHA / comparisons)
    target = max(abs(delta), margin - abs(delta)) * share
    width = f"The interval would have to be ± {target:.3f}; it is ± {half:.3f}."
    if comparisons > 1:
        width = f"Among {comparisons} comparisons, the interval would have to be ± {target:.3f}"
        width += f"; it is ± {half:.3f}."
    names = {"examples": "clusters"} if clustered else {}
    levels = _resampled(components)
    every = times_needed(components, target, set(levels))
    if every is None:
        words = f"{width} No number of trials in reach would settle it."
        return Settling(words, {}, "out of reach")
    needed = {}
    for level in levels:
        factor = times_needed(components, target, {level})
        if factor is not None:
            needed[level] = max(levels[level] + 1, int(np.ceil(levels[level] * factor)))
    remedies = sorted((needed[level] / levels[level], level) for level in needed)
    if remedies and remedies[0][0] <= 3 * every:
        each = [(needed[k], names.get(k, k), levels[k]) for _, k in remedies]
        listed = " or ".join(f"{more} {name} instead of {now}" for more, name, now in each)
        brief = " or ".join(f"{more} {name}" for more, name, _ in each)
        return Settling(f"{width} About {listed} would settle it.", _named(needed, names), brief)
    times = int(np.ceil(every))
    spread = spread_of(components)
    largest = max(spread, key=lambda level: spread[level])
    return Settling(
        f"{width} No source alone would settle it; about {times} times as many of "
        f"every one would ({names.get(largest, largest)} give {spread[largest] / total:.0%} of the "
        "variance).",
        _named(needed, names),
        f"×{times}",
    )


def _named(needed: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    return {names.get(level, level): members for level, members in needed.items()}


def times_needed(
    components: Sequence[VarianceComponent], target: float, levels: set[str]
) -> float | None:
    """By which factor some levels must grow to bring the half-width to target; None: by none."""

    def width(times: float) -> float:
        return half_width([grown(c, dict.fromkeys(levels, times)) for c in components])

    if not width(MAX_FACTOR) <= target:
        return None
    low, high = 1.0, float(MAX_FACTOR)
    while high / low > 1.005:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if width(middle) <= target else (middle, high)
    return high


def grown(component: VarianceComponent, times: Mapping[str, float]) -> VarianceComponent:
    """The component with so many times as many members of some levels; a single one stays."""
    pairs = list(zip(component.levels, component.members, strict=True))
    factors = [times.get(level, 1.0) if members > 1 else 1.0 for level, members in pairs]
    counts = tuple(round(n * f) for (_, n), f in zip(pairs, factors, strict=True))
    return component._replace(variance=component.variance / float(np.prod(factors)), members=counts)


def _resampled(components: Sequence[VarianceComponent]) -> dict[str, int]:
    """The levels that give variance, with their fewest members."""
    levels: dict[str, int] = {}
    for component in components:
        for level, members in zip(component.levels, component.members, strict=True):
            if members > 1 and component.variance > 0:
                levels[level] = min(members, levels.get(level, members))
    return levels


def half_width(components: Sequence[VarianceComponent]) -> float:
    """Half-width of the 95% interval with these components of variance."""
    variance = sum(component.variance for component in components)
    return _quantile(components, ALPHA) * float(np.sqrt(variance))


def _quantile(components: Sequence[VarianceComponent], alpha: float) -> float:
    from scipy.special import stdtrit

    return float(-stdtrit(capped(degrees_of_freedom(components)), alpha / 2))

"""Variance of a quantity by source, each interaction counted once; intervals by Student's t.

A source is a level ("draws") or an interaction of levels ("draws x examples"). Resampling one level
alone gives a variance that contains those of all its interactions, so the sum over levels counts
them twice (Owen 2007; Owen & Eckles 2012). With q(w) for the quantity under the weights w,

    q(draws, examples) - q(draws) - q(examples)

varies by the interaction alone. What the interactions contribute is taken away from the levels
(`peeled`), and no source falls below 0. The sum is therefore never below the variance of any level
resampled alone.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np

Array = np.ndarray

LEVELS = ("seeds", "draws", "examples")
SHARES = (*LEVELS, "interactions")
JOIN = " x "
ROUNDING = 1e-6  # of a quantity: replicates are sums in float32


def interactions(levels: Iterable[str]) -> list[tuple[str, ...]]:
    """Every combination of two levels or more.

    Example:
        >>> interactions(["seeds", "draws", "examples"])[-1]
        ('seeds', 'draws', 'examples')
    """
    levels = list(levels)
    return [pair for size in range(2, len(levels) + 1) for pair in combinations(levels, size)]


def variances(levels: Mapping[str, Array]) -> dict[str, Array]:
    """Variance over the replicates of each key: (replicates, ...) -> (...).

    Replicates in which the quantity is undefined or infinite are left out.
    """
    spread_by_level = {}
    for level, values in levels.items():
        finite = np.isfinite(values)
        n = np.maximum(finite.sum(0), 1)
        clean = np.where(finite, values, 0.0)
        deviation = np.where(finite, values - clean.sum(0) / n, 0.0)
        spread = (deviation**2).sum(0) / np.maximum(n - 1, 1)
        # Means of equal numbers differ in the last bits; this counts as no variance.
        noise = (np.abs(clean).max(0) * ROUNDING) ** 2
        spread_by_level[level] = np.where(spread > noise, spread, 0.0)
    return spread_by_level


def alone(levels: Mapping[str, Array], key: str) -> Array:
    """Replicates of an interaction without its levels, up to a constant; of a level, its own.

    Args:
        levels: replicates of the key and of every combination of its levels.
    """
    names = key.split(JOIN)
    total = levels[key]
    for size in range(1, len(names)):
        for part in combinations(names, size):
            total = total + (-1) ** (len(names) - size) * levels[JOIN.join(part)]
    return total


def raw_variances(levels: Mapping[str, Array]) -> dict[str, Array]:
    """Variance of each source, which still contains that of its interactions with others."""
    raw = variances({key: alone(levels, key) for key in levels})
    for key in raw:
        if JOIN in key:  # differences of equal numbers
            scale = np.where(np.isfinite(levels[key]), np.abs(levels[key]), 0.0).max(0)
            raw[key] = np.where(raw[key] > (scale * ROUNDING) ** 2, raw[key], 0.0)
    return raw


def peeled(raw: Mapping[str, Array]) -> dict[str, Array]:
    """Variance of each source without its interactions with others: the sum is the variance.

    Args:
        raw: from `raw_variances`.
    """
    sets = {key: frozenset(key.split(JOIN)) for key in raw}
    pure: dict[str, Array] = {}
    for key in sorted(raw, key=lambda key: -len(sets[key])):
        above = sum((pure[other] for other in pure if sets[other] > sets[key]), start=np.float64(0))
        pure[key] = np.maximum(raw[key] - above, 0.0)
    return {key: pure[key] for key in raw}


def components(levels: Mapping[str, Array]) -> dict[str, Array]:
    """Variance of a quantity by source, from its replicates: (replicates, ...) -> (...).

    Args:
        levels: source -> replicates of the quantity in which the source's levels are resampled.
    """
    return peeled(raw_variances(levels))


def shares(spread: Mapping[str, Array] | Mapping[str, float]) -> dict[str, float]:
    """Each level's share of the variance, and that of all interactions; nan without variance."""
    total = float(sum(float(v) for v in spread.values()))
    each = {key: float(value) for key, value in spread.items() if JOIN not in key}
    each["interactions"] = total - sum(each.values())
    return {k: max(v, 0.0) / total if total > 0 else float("nan") for k, v in each.items()}


def degrees_of_freedom(spread: Mapping[str, Array], members: Mapping[str, int | Array]) -> Array:
    """Degrees of freedom of a variance (Satterthwaite 1946); inf without a variance.

    (sum of the sources)^2 / sum of MS^2 / df over the sources that are not 0. MS is the mean square
    of a source, to which its interactions contribute, and df the product of members - 1 over its
    levels. For one level this is members - 1, for two without interaction Welch's number. A source
    that is 0 has no part in the variance and none in its uncertainty: with its mean square,
    intervals of five draws in which interactions decide are 10% wider and cover 98%.
    """
    sets = {key: frozenset(key.split(JOIN)) for key in spread}
    total = np.asarray(sum(spread.values()), np.float64)
    below = np.zeros_like(total)
    for key, names in sets.items():
        freedom = np.prod(np.broadcast_arrays(*(members[name] - 1.0 for name in names)), axis=0)
        square = sum(np.asarray(spread[other]) for other in spread if sets[other] >= names)
        counts = (np.asarray(spread[key]) > 0) & (freedom > 0)
        below = below + np.where(counts, square, 0.0) ** 2 / np.where(freedom > 0, freedom, 1.0)
    return np.divide(total**2, below, out=np.full_like(total, np.inf), where=below > 0)


def t_interval(
    observed: Array | float,
    spread: Mapping[str, Array],
    members: Mapping[str, int],
    level: float = 0.95,
) -> tuple[Array, Array]:
    """observed -+ t * sqrt(sum of the sources), with t of `degrees_of_freedom`.

    For normal data this is the t interval of one sample and Welch's of two. Percentiles would take
    over the skew of the resamples, which is mostly noise: an outlier that moves the estimate moves
    the interval in the same direction, further from the true value (Hall 1988).

    Args:
        observed: (...); if it is not finite, the interval is unbounded.
        spread: source -> (...) its variance, from `components`.
        members: level -> how many there are.
        level: nominal coverage.

    Returns:
        Lower and upper ends, each (...).
    """
    from scipy.special import stdtrit

    observed = np.asarray(observed, np.float64)
    error = np.sqrt(np.asarray(sum(spread.values()), np.float64))
    half = -stdtrit(capped(degrees_of_freedom(spread, members)), (1 - level) / 2) * error
    known = np.isfinite(observed)
    centre = np.where(known, observed, 0.0)
    half = np.where(known, half, np.inf)
    return centre - half, centre + half


def capped(dof: Array | float) -> Array:
    """SciPy's t distribution takes no infinite degrees of freedom."""
    return np.minimum(np.asarray(dof, np.float64), 1e9)

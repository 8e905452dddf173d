"""What a study should spend: the half-width of its intervals for every number of draws, and prices.

The variance of a difference is a sum over its sources, and each falls as 1 / members of its levels.
A pilot measures the sources; the half-width of any other design follows. Designs are a grid, and
of those that are narrow enough the cheapest is taken, or of those that are affordable the
narrowest.

Examples of one cluster belong together. More examples of the same clusters reduce the variance
within clusters only, so the two are told apart (`with_clusters`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis.contrast import ALPHA, VarianceComponent
from lesion.analysis.contrast import degrees_of_freedom as contrast_freedom
from lesion.analysis.variance import JOIN, capped, degrees_of_freedom

Array = np.ndarray


class Source(NamedTuple):
    """The sources of the variance of one comparison in a pilot.

    Attributes:
        name: of the comparison, for tables.
        delta: the difference that the pilot measured.
        components: they may have the level "clusters" beside "examples", see `with_clusters`.
        examples: of the pilot, in `clusters` clusters.
        clusters: as many as there are examples where each is its own.
        most: examples that the task has, in `most_clusters` clusters.
        most_clusters: of all examples.
    """

    name: str
    delta: float
    components: tuple[VarianceComponent, ...]
    examples: int
    clusters: int
    most: int
    most_clusters: int


class Part(NamedTuple):
    """One task of a study: what a plan does not change, and prices in seconds of one process.

    Attributes:
        models: how many.
        random: doses of all lesions whose draws differ, together.
        fixed: doses of all other lesions: one draw each.
        most: examples that the task has.
        seed: price of fine-tuning one model once.
        trial: price of a trial without its examples: the damage.
        example: price of one example in one trial.
    """

    models: int
    random: int
    fixed: int
    most: int
    seed: float
    trial: float
    example: float


class Design(NamedTuple):
    """A number of draws, examples and fine-tuning seeds, what they cost, and the half-widths."""

    draws: int
    examples: int
    seeds: int
    seconds: float  # of one process
    widths: tuple[float, ...]  # half-width of each comparison, as predicted
    spreads: tuple[float, ...]  # relative standard error of each prediction
    power: tuple[float, ...]  # for a true difference of the margin, of each comparison

    @property
    def widest(self) -> float:
        """The largest half-width."""
        return max(self.widths)

    @property
    def surely(self) -> float:
        """The largest half-width with one standard error of its prediction."""
        pairs = zip(self.widths, self.spreads, strict=True)
        return max(width * (1 + spread) for width, spread in pairs)


class Options(NamedTuple):
    """What can be chosen, each ascending."""

    draws: tuple[int, ...]
    examples: tuple[int, ...]
    seeds: tuple[int, ...]


def with_clusters(
    clustered: Sequence[VarianceComponent], independent: Sequence[VarianceComponent], examples: int
) -> tuple[VarianceComponent, ...]:
    """Components whose variance of the examples is split into between and within clusters.

    With C clusters of E examples, resampling clusters gives b / C + w / E, and resampling examples
    as if they were independent (b + w) / E. Both variances follow.

    Args:
        clustered: with clusters resampled.
        independent: with examples resampled one by one.
        examples: how many there are.
    """
    alone = {(c.levels, c.side): float(c.variance) for c in independent}
    result = []
    for component in clustered:
        if "examples" not in component.levels:
            result.append(component)
            continue
        clusters = component.members[component.levels.index("examples")]
        whole, split = float(component.variance), alone.get((component.levels, component.side), 0.0)
        between = max(whole - split, 0.0) / (1 - clusters / examples) if clusters < examples else 0
        between = min(between, whole)
        renamed = tuple("clusters" if level == "examples" else level for level in component.levels)
        counts = tuple(
            examples if level == "examples" else members
            for level, members in zip(component.levels, component.members, strict=True)
        )
        result.append(component._replace(levels=renamed, variance=between))
        result.append(component._replace(variance=whole - between, members=counts))
    return tuple(result)


def half_widths(
    components: Sequence[VarianceComponent], members: Mapping[str, Array], alpha: float = ALPHA
) -> tuple[Array, Array, Array]:
    """Half-width of the interval, its standard error and its freedom, for other numbers of members.

    Args:
        components: of a pilot.
        members: level -> members (...), of the levels that change; a level that has a single
            member in the pilot keeps it.
        alpha: 1 - the coverage of the interval.

    Returns:
        Each (...); the last has the degrees of freedom of Student's t.
    """
    from scipy.special import stdtrit

    spread: dict[str, Array] = {}
    counts: dict[str, Array] = {}
    for component in components:
        variance = np.asarray(component.variance, np.float64)
        for level, key, n in zip(component.levels, component.keys, component.members, strict=True):
            counts[key] = members[level] if n > 1 and level in members else np.asarray(n)
            variance = variance * n / counts[key]
        spread[JOIN.join(component.keys)] = variance
    error = np.sqrt(sum(spread.values(), start=np.float64(0)))
    dof = degrees_of_freedom(spread, counts)
    return -stdtrit(capped(dof), alpha / 2) * error, error, dof


def seconds(parts: Sequence[Part], draws: Array, examples: Array, seeds: Array) -> Array:
    """What designs cost, in seconds of one process: arrays of one shape -> the same."""
    total = np.zeros(np.shape(draws))
    for part in parts:
        trials = 1 + draws * part.random + part.fixed  # the intact one first
        each = part.trial + part.example * np.minimum(examples, part.most)
        total = total + part.models * seeds * (part.seed + trials * each)
    return total


def designs(
    sources: Sequence[Source],
    parts: Sequence[Part],
    options: Options,
    margin: float,
    comparisons: int = 1,
) -> list[Design]:
    """Every design of the options, with its price, half-widths and power.

    Args:
        margin: the true difference for which power is computed.
        comparisons: power is that of the first step of Holm's correction over so many.
    """
    draws, examples, seeds = np.meshgrid(
        *(np.asarray(each, np.float64) for each in options), indexing="ij"
    )
    cost = seconds(parts, draws, examples, seeds)
    widths, spreads, powers = [], [], []
    for source in sources:
        scored = np.minimum(examples, source.most)
        clusters = np.minimum(scored * source.clusters / source.examples, source.most_clusters)
        members = {"draws": draws, "examples": scored, "seeds": seeds, "clusters": clusters}
        width, error, dof = half_widths(source.components, members)
        strict, *_ = half_widths(source.components, members, ALPHA / comparisons)
        spread = np.sqrt(0.5 / dof + 0.5 / contrast_freedom(source.components))
        widths.append(np.broadcast_to(width, draws.shape))
        spreads.append(np.broadcast_to(spread, draws.shape))
        powers.append(np.broadcast_to(power(margin, strict, error), draws.shape))
    return [
        Design(
            int(draws[at]), int(examples[at]), int(seeds[at]), float(cost[at]),
            tuple(float(width[at]) for width in widths),
            tuple(float(spread[at]) for spread in spreads), tuple(float(p[at]) for p in powers),
        )
        for at in np.ndindex(draws.shape)
    ]  # fmt: skip


def power(difference: float, half: Array, error: Array) -> Array:
    """Probability that an interval of this half-width excludes 0 on the side of the difference.

    The estimate is taken as normal around the true difference with the standard error; the
    half-width holds Student's t already.
    """
    from scipy.special import ndtr

    half, error = np.asarray(half, np.float64), np.asarray(error, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error > 0, ndtr((difference - half) / error), 1.0 * (difference > half))


def cheapest(designs: Sequence[Design], until: float) -> Design | None:
    """The cheapest design whose intervals are all narrow enough; None: none is.

    They are narrow enough by one standard error of their prediction: few draws are cheap, and the
    width of an interval that rests on them is a matter of chance.
    """
    enough = [design for design in designs if design.surely <= until]
    return min(enough, key=lambda design: (design.seconds, design.widest), default=None)


def narrowest(designs: Sequence[Design], budget: float) -> Design | None:
    """The narrowest design that a budget of seconds buys; None: it buys none."""
    affordable = [design for design in designs if design.seconds <= budget]
    return min(affordable, key=lambda design: (design.surely, design.seconds), default=None)


def ladder(low: int, high: int, ratio: float = 1.15) -> tuple[int, ...]:
    """Whole numbers from low to high, each at most about `ratio` times the last.

    Example:
        >>> ladder(2, 8, 1.5)
        (2, 3, 4, 6, 8)
    """
    numbers = [low]
    while numbers[-1] < high:
        numbers.append(min(high, max(numbers[-1] + 1, round(numbers[-1] * ratio))))
    return tuple(numbers)

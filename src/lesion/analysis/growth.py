"""The cheapest numbers of draws, examples and seeds that make an interval narrow enough.

The price of a step is counted in examples scored, not in seconds: which trials a run makes must
not depend on the machine. A trial costs its examples and `TRIAL` more for damage and restoration;
so does a trial that is scored on further examples. A fine-tuning seed costs `PASSES` for each
example that it is trained on.

The variance of a source falls as 1 / members of each of its levels (`settle.grown`). Examples of
one cluster say less than independent ones: what further examples give depends on how much those of
a cluster have in common, and on how many new clusters come with them.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from lesion.analysis.contrast import VarianceComponent, degrees_of_freedom
from lesion.analysis.settle import grown, half_width

Array = np.ndarray

TRIAL = 10  # examples: the price of damage and restoration
PASSES = 3  # through a model: a training step takes about three times as long as scoring
STEP = 2 ** (1 / 4)  # from one number that is tried to the next
AIM = 0.95  # of the goal: predictions are uncertain, and each round is an occasion to stop early
NEARLY = 1.02  # where the goal is out of reach: this close to the narrowest interval


class Size(NamedTuple):
    """How many members each level has that a run may raise."""

    draws: int
    examples: int
    seeds: int


class Spreading(NamedTuple):
    """How the examples of clusters add up.

    Attributes:
        examples: how many there are.
        clusters: how many they belong to.
        alone: clusters with a single example: of further examples, alone / examples bring a new
            cluster (Good 1953).
        correlation: within a cluster; 0 for independent examples.
    """

    examples: int
    clusters: int
    alone: int
    correlation: float = 0.0

    @classmethod
    def of(cls, clusters: Array, design_effect: float) -> "Spreading":
        """From the cluster of each example.

        Args:
            clusters: (examples,).
            design_effect: variance with clusters over that of independent examples.
        """
        sizes = np.unique(clusters, return_counts=True)[1]
        mean = len(clusters) / len(sizes)
        correlation = (design_effect - 1) / (mean - 1) if mean > 1 else 0.0
        alone = int((sizes == 1).sum())
        return cls(len(clusters), len(sizes), alone, float(np.clip(correlation, 0, 1)))

    def independent(self, examples: int) -> float:
        """How many independent examples would say as much as so many of these."""
        more = examples / self.examples - 1
        clusters = self.clusters + self.alone * more
        return examples / (1 + (examples / clusters - 1) * self.correlation)

    def times(self, examples: int) -> float:
        """By which factor the variance over examples falls, if there are so many."""
        return self.independent(examples) / self.independent(self.examples)


def goal_of(until: float, components: Sequence[VarianceComponent]) -> float:
    """The half-width that is narrow enough: until, with one standard error of its own to spare."""
    return until / (1 + (2 * float(degrees_of_freedom(components))) ** -0.5)


def cheapest(
    components: Sequence[VarianceComponent],
    until: float,
    now: Size,
    most: Size,
    doses: int,
    seed_price: float = 0.0,
    spreading: Spreading | None = None,
) -> Size:
    """The cheapest size whose half-width is expected to be narrow enough.

    If none is, the cheapest whose half-width is nearly that of the largest.

    Args:
        components: of the variance at the size of now.
        until: see `goal_of`.
        most: at most so many of each.
        doses: above 0, of the grid.
        seed_price: of a fine-tuning seed, in examples scored.
        spreading: of the examples; default: independent.
    """
    spread = spreading or Spreading(now.examples, now.examples, now.examples)

    def excess(size: Size) -> float:
        """Half-width over what it has to be."""
        times = {
            "draws": size.draws / now.draws,
            "examples": spread.times(size.examples),
            "seeds": size.seeds / now.seeds,
        }
        predicted = [grown(component, times) for component in components]
        return half_width(predicted) / goal_of(until, predicted)

    sizes = sorted(
        map(Size._make, product(*map(_steps, now, most))),
        key=lambda size: (price(now, size, doses, seed_price), size),
    )
    wanted = max(AIM, NEARLY * excess(most))
    return next((size for size in sizes if excess(size) <= wanted), most)


def price(now: Size, then: Size, doses: int, seed_price: float = 0.0) -> float:
    """Of going from a size to a larger one, for one model, in examples scored."""
    old, every = (size.seeds * (1 + size.draws * doses) for size in (now, then))
    more = then.examples - now.examples
    extended = old * (TRIAL + more) if more else 0.0
    return (
        extended + (every - old) * (TRIAL + then.examples) + (then.seeds - now.seeds) * seed_price
    )


def _steps(now: int, most: int) -> Iterator[int]:
    """Numbers from now to most, each about a fifth larger than the one before."""
    last, number = 0, float(now)
    while number < most:
        if round(number) > last:
            last = round(number)
            yield last
        number *= STEP
    yield max(now, most)

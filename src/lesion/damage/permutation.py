"""A random ordering of a population that is too large to be written down.

The 86 million weights of BERT have 2.7 billion bits, and a bit error rate of 1e-6 takes 2,700 of
them. The first k of the ordering come from a keyed permutation, position by position. What a scope
over several populations needs is how many 32-bit keys of each lie below a limit; that number is
drawn from its distribution: of n keys Binomial(n, 1/2) are in the lower half of the range, of these
half again in its lower quarter, and so on down to the limit.
"""

from dataclasses import dataclass, field

import numpy as np

from lesion.keys import Address, binomial_half, permute

DEPTH = 32  # halvings: bits of a key


@dataclass(frozen=True, eq=False)
class PermutedOrdering:
    """A random ordering, computed position by position.

    Attributes:
        count: units of the population.
        seed, address: of the ordering.
    """

    count: int
    seed: int
    address: tuple[Address, ...]
    _below: dict[tuple[int, int], int] = field(default_factory=dict)

    def units(self, start: int, stop: int) -> np.ndarray:
        """The units from one position of the ordering to another."""
        return permute(np.arange(start, stop), self.count, self.seed, *self.address)

    def count_below(self, key: int) -> int:
        """The number of units with a smaller key; `key` is from 0 to 2**32."""
        if key >> DEPTH:
            return self.count
        below, remaining, node = 0, self.count, 0
        for level in range(DEPTH):
            rest = key & ((1 << DEPTH - level) - 1)
            if not (remaining and rest):
                break
            lower = self._lower(level, node, remaining)
            if rest >> (DEPTH - 1 - level):
                below, remaining, node = below + lower, remaining - lower, 2 * node + 1
            else:
                remaining, node = lower, 2 * node
        return below

    def _lower(self, level: int, node: int, units: int) -> int:
        """How many of a node's units have keys in its lower half."""
        if (level, node) not in self._below:
            drawn = binomial_half(units, self.seed, *self.address, "lower", level, node)
            self._below[level, node] = drawn
        return self._below[level, node]

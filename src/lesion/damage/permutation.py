"""A random ordering of a population that is too large to be written down.

The 86 million weights of BERT have 2.7 billion bits, and a bit error rate of 1e-6 takes 2,700 of
them. The first k of the ordering come from a keyed permutation, position by position. What a scope
over several populations needs is how many 32-bit keys of each lie below a border; that number is
drawn as it would come out: of n keys Binomial(n, 1/2) are in the lower half of the range, of these
half again in its lower quarter, and so on down to the border.
"""

from dataclasses import dataclass, field

import numpy as np

from lesion.keys import Address, binomial_half, permute

DEPTH = 32  # halvings: bits of a key


@dataclass(frozen=True, eq=False)
class Scattered:
    """What a `Ranking` answers, made when asked.

    Attributes:
        count: units of the population.
        seed, address: of the ordering.
    """

    count: int
    seed: int
    address: tuple[Address, ...]
    _below: dict[tuple[int, int], int] = field(default_factory=dict)

    def between(self, start: int, stop: int) -> np.ndarray:
        """The units from one place of the ordering to another, whole numbers."""
        return permute(np.arange(start, stop), self.count, self.seed, *self.address)

    def below(self, border: int) -> int:
        """How many units have a smaller key, from 0 to 2**32."""
        if border >> DEPTH:
            return self.count
        found, here, node = 0, self.count, 0
        for level in range(DEPTH):
            rest = border & ((1 << DEPTH - level) - 1)
            if not (here and rest):
                break
            lower = self._lower(level, node, here)
            if rest >> (DEPTH - 1 - level):
                found, here, node = found + lower, here - lower, 2 * node + 1
            else:
                here, node = lower, 2 * node
        return found

    def _lower(self, level: int, node: int, units: int) -> int:
        """How many of a node's units have keys in its lower half."""
        if (level, node) not in self._below:
            drawn = binomial_half(units, self.seed, *self.address, "lower", level, node)
            self._below[level, node] = drawn
        return self._below[level, node]

"""Which units go first: an ordering of each population, and its counts at a dose.

An order gives every unit a 32-bit rank key; the smallest key is destroyed first, equal keys by
position. From there on all orders and scopes share one mechanism.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from lesion.damage.units import Population
from lesion.keys import priorities


class Ranking(NamedTuple):
    """A population in the order of its destruction.

    Attributes:
        units: (count,) int64, first destroyed first.
        keys: (count,) uint32 rank keys, ascending: what a scope over several populations merges.
    """

    units: np.ndarray
    keys: np.ndarray


class Order(NamedTuple):
    """An entry of `ORDERS`.

    Attributes:
        keys: population, seed, address -> (count,) uint32.
        random: whether draws differ.
    """

    keys: Callable[[Population, int, tuple], np.ndarray]
    random: bool


def random(population: Population, seed: int, address: tuple) -> np.ndarray:
    """A permutation keyed by seed, lesion, draw, layer, part and tensor."""
    return priorities(population.count, seed, *address, *population.address)


def magnitude(population: Population, seed: int, address: tuple) -> np.ndarray:
    """L1 norm, smallest first (LeCun et al. 1990 and everyone since).

    Single weights by their absolute value, as `torch.nn.utils.prune.l1_unstructured`; neurons by
    the norm of their row without the bias, as `ln_structured` with n=1.
    """
    span = population.spans[0]
    value = span.view.detach().abs().float()
    others = [axis for axis in range(value.dim()) if axis != (span.axis or 0)]
    return ascending(value.sum(dim=others) if others else value)


ORDERS = {
    "random": Order(random, random=True),
    "magnitude": Order(magnitude, random=False),
}


def ascending(value: torch.Tensor) -> np.ndarray:
    """Rank keys of float32 values, smallest first; NaN last.

    The bits of an IEEE float sort like the number once the sign is folded in.
    """
    bits = value.contiguous().cpu().numpy().view(np.uint32)
    negative = bits >> 31 == 1
    return np.where(negative, ~bits, bits | np.uint32(1 << 31))


def rank(keys: np.ndarray) -> Ranking:
    """Sort a population by (key, position).

    Both are packed into one 64-bit number, because sorting numbers is several times faster than
    a stable argsort, and no tie is left to an algorithm.
    """
    packed = keys.astype(np.uint64) << np.uint64(32)
    packed |= np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    units = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return Ranking(units, (packed >> np.uint64(32)).astype(np.uint32))


def counts(group: Sequence[Ranking], total: int) -> list[int]:
    """How many of each population are among the `total` smallest keys of the group.

    Ties at the border fall to the populations in their order, so that exactly `total` units go
    and a larger total contains a smaller one.
    """
    if len(group) == 1:
        return [total]
    low, high = 0, 2**32  # the border is the smallest key with at least `total` keys up to it
    while low < high:
        middle = (low + high) // 2
        if sum(_up_to(ranking, middle) for ranking in group) >= total:
            high = middle
        else:
            low = middle + 1
    taken = [_up_to(ranking, low - 1) for ranking in group]
    for number, ranking in enumerate(group):
        ties = _up_to(ranking, low) - taken[number]
        taken[number] += min(ties, total - sum(taken))
    return taken


def _up_to(ranking: Ranking, key: int) -> int:
    if key < 0:
        return 0
    return int(np.searchsorted(ranking.keys, np.uint32(min(key, 2**32 - 1)), side="right"))


def by_site(populations: Sequence[Population]) -> list[list[int]]:
    """Each population is ordered on its own."""
    return [[number] for number in range(len(populations))]


def by_model(populations: Sequence[Population]) -> list[list[int]]:
    """One ordering over all."""
    return [list(range(len(populations)))]


SCOPES: dict[str, Callable[[Sequence[Population]], list[list[int]]]] = {
    "site": by_site,
    "model": by_model,
}

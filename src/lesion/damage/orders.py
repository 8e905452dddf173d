"""Which units go first: an ordering of each population, and its counts at a dose.

An order gives every unit a 32-bit rank key; the smallest key is destroyed first, equal keys by
position. From there on all orders and scopes share one mechanism.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch

from lesion.damage.orderings import Listed, Ordering, Ranking, rank
from lesion.damage.permutation import Scattered
from lesion.damage.unit_lists import Listing
from lesion.damage.units import Population
from lesion.keys import random_uint32


class Aids(NamedTuple):
    """What some orders need beside the populations.

    Attributes:
        listing: the file of `listed`.
        importances: id of a population -> importance of its units, see `importance.py`.
    """

    listing: Listing | None = None
    importances: Mapping[int, torch.Tensor] = MappingProxyType({})


class Order(NamedTuple):
    """An entry of `ORDERS`.

    Attributes:
        rank: populations that are ordered together, seed, address, aids -> their rankings.
        random: whether draws differ.
        measure: what `lesion.damage.importance` must find out beforehand; "" for nothing.
    """

    rank: Callable[[Sequence[Population], int, tuple, Aids], Sequence[Ordering]]
    random: bool
    measure: str = ""


def random(
    group: Sequence[Population], seed: int, address: tuple, aids: Aids
) -> Sequence[Ordering]:
    """A permutation keyed by seed, lesion, draw, layer, part and tensor."""
    return [
        Scattered(one.count, seed, (*address, *one.address))
        if one.cells
        else Ranking(one.count, partial(random_uint32, one.count, seed, *address, *one.address))
        for one in group
    ]


def magnitude(group: Sequence[Population], seed: int, address: tuple, aids: Aids) -> list[Ranking]:
    """L1 norm, smallest first (LeCun et al. 1990 and everyone since).

    Single weights by their absolute value, as `torch.nn.utils.prune.l1_unstructured`; neurons by
    the norm of their row without the bias, as `ln_structured` with n=1; heads, dimensions and
    layers by the norm of all that they own.
    """
    return [rank(ascending(_norms(one))) for one in group]


def magnitude_descending(
    group: Sequence[Population], seed: int, address: tuple, aids: Aids
) -> list[Ranking]:
    """L1 norm, largest first: the worst case of the classic."""
    return [rank(ascending(-_norms(one))) for one in group]


def focal(group: Sequence[Population], seed: int, address: tuple, aids: Aids) -> list[Ranking]:
    """Contiguous around a random centre: a stroke, where `random` is a diffuse disease.

    A population on its own is a line or, single weights, a rectangle, and the distance to the
    centre is the larger of the two in shares of its sides. Several populations are one line: part
    after part (query, key, ...), each from the first layer to the last.
    """
    if len(group) == 1:
        return [rank(_around(group[0].shape, seed, (*address, *group[0].address)))]
    total = sum(one.count for one in group)
    centre = int(_share(seed, (*address, "line")) * total)
    starts = np.cumsum([0, *(one.count for one in group)])
    lines = (np.arange(start, stop) for start, stop in pairwise(starts))
    return [rank(np.abs(line - centre).astype(np.uint32)) for line in lines]


def listed(group: Sequence[Population], seed: int, address: tuple, aids: Aids) -> list[Listed]:
    """The units of a file, in its order: those that another tool has found."""
    assert aids.listing is not None, "checked when the lesion is made"
    places = [aids.listing.places(one.address, one.count) for one in group]
    return [Listed(units, lines.astype(np.uint32)) for units, lines in places]


def important(group: Sequence[Population], seed: int, address: tuple, aids: Aids) -> list[Ranking]:
    """Least important first: what a careful pruner would do."""
    return [rank(ascending(aids.importances[id(one)])) for one in group]


def important_descending(
    group: Sequence[Population], seed: int, address: tuple, aids: Aids
) -> list[Ranking]:
    """Most important first: the worst that a careful enemy would do."""
    return [rank(ascending(-aids.importances[id(one)])) for one in group]


ORDERS = {
    "random": Order(random, random=True),
    "magnitude": Order(magnitude, random=False),
    "magnitude-descending": Order(magnitude_descending, random=False),
    "importance": Order(important, random=False, measure="importance"),
    "importance-descending": Order(important_descending, random=False, measure="importance"),
    "fisher": Order(important, random=False, measure="fisher"),
    "fisher-descending": Order(important_descending, random=False, measure="fisher"),
    "focal": Order(focal, random=True),
    "listed": Order(listed, random=False),
}


def ascending(value: torch.Tensor) -> np.ndarray:
    """Rank keys of float32 values, smallest first; NaN last.

    The bits of an IEEE float sort like the number once the sign is folded in.
    """
    bits = value.float().contiguous().cpu().numpy().view(np.uint32)
    negative = bits >> 31 == 1
    return np.where(negative, ~bits, bits | np.uint32(1 << 31))


def counts(group: Sequence[Ordering], total: int) -> list[int]:
    """How many of each population are among the `total` smallest keys of the group.

    Ties at the border fall to the populations in their order, so that exactly `total` units go
    and a larger total contains a smaller one.
    """
    if len(group) == 1:
        return [total]
    low, high = 0, 2**32  # halved every time: borders that a `Scattered` knows soonest
    while high - low > 1:
        middle = (low + high) // 2
        if sum(ranking.below(middle) for ranking in group) >= total:
            high = middle
        else:
            low = middle
    taken = [ranking.below(low) for ranking in group]
    for number, ranking in enumerate(group):
        ties = ranking.below(high) - taken[number]  # those whose key is `low`
        taken[number] += min(ties, total - sum(taken))
    return taken


def _norms(population: Population) -> torch.Tensor:
    """L1 norm of what each unit owns, (count,); of neurons and words only their matrix."""
    single = population.address[-1] in ("neuron", "row")
    spans = population.spans[:1] if single else population.spans
    values = [span.sums(span.tensor.detach().abs(), population.count) for span in spans]
    return torch.stack(values).sum(0)


def _share(seed: int, address: tuple) -> float:
    return int(random_uint32(1, seed, "centre", *address)[0]) / 2**32


def _around(shape: tuple[int, ...], seed: int, address: tuple) -> np.ndarray:
    """Distance of every unit to a random centre, as rank keys."""
    distance = np.zeros(shape, np.float32)
    for axis, side in enumerate(shape):
        centre = int(_share(seed, (*address, axis)) * side)
        away = np.abs(np.arange(side) - centre).astype(np.float32) / side
        along = away.reshape([-1 if other == axis else 1 for other in range(len(shape))])
        np.maximum(distance, along, out=distance)
    return ascending(torch.from_numpy(distance.reshape(-1)))


def by_site(populations: Sequence[Population]) -> list[list[int]]:
    """Each population is ordered on its own."""
    return [[number] for number in range(len(populations))]


def by_layer(populations: Sequence[Population]) -> list[list[int]]:
    """One ordering a layer; what is in no layer is ordered together."""
    groups: dict[int | None, list[int]] = {}
    for number, population in enumerate(populations):
        groups.setdefault(population.layer, []).append(number)
    return list(groups.values())


def by_model(populations: Sequence[Population]) -> list[list[int]]:
    """One ordering over all."""
    return [list(range(len(populations)))]


SCOPES: dict[str, Callable[[Sequence[Population]], list[list[int]]]] = {
    "site": by_site,
    "layer": by_layer,
    "model": by_model,
}

"""Which units go first: an ordering of each population.

An order gives every unit a 32-bit rank key. The unit with the smallest key is destroyed first;
equal keys go by position. Scopes and doses are the same for all orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from lesion.damage.orderings import ListedOrdering, Ordering, SortedOrdering, from_keys
from lesion.damage.permutation import PermutedOrdering
from lesion.damage.unit_lists import read_unit_list
from lesion.keys import random_uint32
from lesion.schema.entries import Entry, table
from lesion.schema.fields import doc

if TYPE_CHECKING:
    import torch

    from lesion.damage.population import Population


@dataclass(frozen=True)
class OrderContext:
    """What an order may use besides the populations.

    Attributes:
        seed, address: of the lesion and its draw.
        importances: id of a population -> importance of its units, for orders with `gradients`.
        files: what orders have read from files, by path; kept until the lesion is open.
    """

    seed: int
    address: tuple[Any, ...]
    importances: Mapping[int, torch.Tensor] = field(default_factory=lambda: MappingProxyType({}))
    files: dict[str, Any] = field(default_factory=dict)

    def draw(self, population: Population, *purpose: str) -> np.ndarray:
        """One random number for each unit: uint32 (units,); equal arguments, equal numbers."""
        where = (*purpose, *self.address, *population.address)
        return random_uint32(population.count, self.seed, *where)


class Order(Entry):
    """Which units go first. A subclass defines `rank`.

    Attributes:
        gradients: what is measured on labelled examples first, "importance" or "fisher"; "" for
            nothing.
        scope: the word of the default scope.
    """

    gradients: ClassVar[str] = ""
    scope: ClassVar[str] = "site"

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """An ordering of each population, of those that are ordered together.

        Most orders are `[from_keys(float_sort_keys(numbers)) for population in group]`: keys are
        compared between populations where a scope orders several together.
        """
        raise NotImplementedError(f"{type(self).__name__} must define rank(group, context)")


@dataclass(frozen=True)
class Random(Order):
    """A permutation keyed by seed, lesion, draw, layer, part and tensor.

    It is the same for every model of one shape.
    """

    word, random = "random", True

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """Orderings whose keys are random numbers; those of bits are never written down."""
        return [self._ordering(population, context) for population in group]

    @staticmethod
    def _ordering(population: Population, context: OrderContext) -> Ordering:
        if population.bit_selection:
            address = (*context.address, *population.address)
            return PermutedOrdering(population.count, context.seed, address)
        return SortedOrdering(population.count, partial(context.draw, population))


@dataclass(frozen=True)
class Magnitude(Order):
    """Smallest L1 norm first: classic pruning.

    Single weights go by their absolute value, as `torch.nn.utils.prune.l1_unstructured`; neurons
    by the norm of their row without the bias, as `ln_structured` with n=1; heads, dimensions and
    layers by the norm of all that they own.
    """

    word = "magnitude"
    source = "Han et al. 2015"
    sign: ClassVar[int] = 1

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """Orderings by norm."""
        norms = (l1_norms(population) for population in group)
        return [from_keys(float_sort_keys(self.sign * norm)) for norm in norms]


@dataclass(frozen=True)
class MagnitudeDescending(Magnitude):
    """Largest L1 norm first: the worst case."""

    word, sign = "magnitude-descending", -1


@dataclass(frozen=True)
class Importance(Order):
    """Smallest mean of |gradient x weight| first, over 128 training examples (Taylor)."""

    word, gradients = "importance", "importance"
    source = "Molchanov et al. 2017; Michel et al. 2019"
    sign: ClassVar[int] = 1

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """Orderings by importance."""
        values = (context.importances[id(population)] for population in group)
        return [from_keys(float_sort_keys(self.sign * value)) for value in values]


@dataclass(frozen=True)
class ImportanceDescending(Importance):
    """Largest mean of |gradient x weight| first."""

    word, sign = "importance-descending", -1


@dataclass(frozen=True)
class Fisher(Importance):
    """Smallest mean square of gradient x weight first, over 128 training examples (Fisher)."""

    word, gradients = "fisher", "fisher"
    source = "Theis et al. 2018"


@dataclass(frozen=True)
class FisherDescending(Fisher):
    """Largest mean square of gradient x weight first."""

    word, sign = "fisher-descending", -1


@dataclass(frozen=True)
class Focal(Order):
    """Contiguous around a random centre: a stroke, where random is a diffuse disease.

    A population on its own is a line or, single weights, a rectangle; the distance to the centre
    is the larger of the two, as fractions of the sides. Several populations are one line: part
    after part (query, key, ...), each from the first layer to the last.
    """

    word, random = "focal", True

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """Orderings by distance."""
        if len(group) == 1:
            return [from_keys(_distance_keys(group[0], context))]
        total = sum(population.count for population in group)
        centre = int(_uniform(context, "line") * total)
        starts = np.cumsum([0, *(population.count for population in group)])
        lines = (np.arange(start, stop) for start, stop in pairwise(starts))
        return [from_keys(np.abs(line - centre).astype(np.uint32)) for line in lines]


@dataclass(frozen=True)
class Listed(Order):
    """The units of a CSV or TSV file, in its order: for units that another tool identified."""

    word, scope = "listed", "model"
    example: ClassVar[Mapping[str, Any]] = {"file": "units.csv"}
    paths: ClassVar[tuple[str, ...]] = ("file",)
    file: Annotated[str, doc("CSV or TSV with the columns layer, part, unit")]

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """Orderings by line; units that are not listed are not destroyed."""
        if self.file not in context.files:
            context.files[self.file] = read_unit_list(self.file)
        listed = context.files[self.file]
        selected = [listed.select(population.address, population.count) for population in group]
        return [ListedOrdering(units, lines.astype(np.uint32)) for units, lines in selected]


ORDERS = table(
    Random, Magnitude, MagnitudeDescending, Importance, ImportanceDescending, Fisher,
    FisherDescending, Focal, Listed,
)  # fmt: skip


def float_sort_keys(values: Any) -> np.ndarray:
    """Rank keys of numbers (numpy or torch), compared as float32: smallest first, NaN last.

    The bits of an IEEE float sort like the number once the sign is folded in.
    """
    numbers = values.detach().float().cpu().numpy() if hasattr(values, "detach") else values
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    negative = bits >> 31 == 1
    return np.where(negative, ~bits, bits | np.uint32(1 << 31))


def l1_norms(population: Population) -> torch.Tensor:
    """L1 norm of what each unit owns in the tensors that count in it: float64 (units,)."""
    import torch

    counted = [tensor for tensor in population.tensors if tensor.in_norm]
    norms = [tensor.sum_by_unit(tensor.tensor.detach().abs(), population.count)
             for tensor in counted]  # fmt: skip
    return torch.stack(norms).sum(0)


def counts_for(group: Sequence[Ordering], total: int) -> list[int]:
    """How many of each population are among the `total` smallest keys of the group.

    Ties at the limit fall to the populations in their order, so that exactly `total` units go and
    a larger total contains a smaller one.
    """
    if len(group) == 1:
        return [total]
    low, high = 0, 2**32  # halved every time: keys whose counts a `PermutedOrdering` has first
    while high - low > 1:
        middle = (low + high) // 2
        if sum(ordering.count_below(middle) for ordering in group) >= total:
            high = middle
        else:
            low = middle
    taken = [ordering.count_below(low) for ordering in group]
    for number, ordering in enumerate(group):
        ties = ordering.count_below(high) - taken[number]  # those whose key is `low`
        taken[number] += min(ties, total - sum(taken))
    return taken


def _uniform(context: OrderContext, *where: Any) -> float:
    drawn = random_uint32(1, context.seed, "centre", *context.address, *where)
    return int(drawn[0]) / 2**32


def _distance_keys(population: Population, context: OrderContext) -> np.ndarray:
    """Distance of every unit to a random centre, as rank keys."""
    shape = population.shape
    distance = np.zeros(shape, np.float32)
    for axis, side in enumerate(shape):
        centre = int(_uniform(context, *population.address, axis) * side)
        away = np.abs(np.arange(side) - centre).astype(np.float32) / side
        along = away.reshape([-1 if other == axis else 1 for other in range(len(shape))])
        np.maximum(distance, along, out=distance)
    return float_sort_keys(distance.reshape(-1))

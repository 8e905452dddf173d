"""An order: units whose weights vary least go first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lesion.damage.orderings import Ordering, from_keys
from lesion.damage.orders import Order, OrderContext, float_sort_keys

if TYPE_CHECKING:
    import torch

    from lesion.damage.population import Population


@dataclass(frozen=True)
class Spread(Order):
    """Smallest variance of a unit's weights first."""

    word = "spread"
    refuses: ClassVar = {"units: weights": "a single number has no variance"}

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """Orderings by variance."""
        return [from_keys(float_sort_keys(variances(population))) for population in group]


def variances(population: Population) -> torch.Tensor:
    """The variance of what each unit owns: float64 (units,)."""
    import torch

    sums = torch.zeros(3, population.count, dtype=torch.float64)
    for owned in population.tensors:
        tensor = owned.tensor.detach().double()
        for power in range(3):
            sums[power] += owned.sum_by_unit(tensor**power, population.count).cpu()
    size, total, squares = sums
    return squares / size - (total / size) ** 2

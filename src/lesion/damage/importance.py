"""How much the loss would change without a unit, to first order, on training examples.

With a gate on a unit, dL/d(gate) is s = sum(g * w) over what it owns. Taylor's estimate is the
mean of |s| over examples (Molchanov et al. 2017; for heads Michel et al. 2019), Fisher's half the
mean of s squared (Theis et al. 2018).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from lesion.damage.units import Population
from lesion.errors import LesionError

Inputs = Mapping[str, torch.Tensor]
MEASURES = ("importance", "fisher")


def importances(
    model: nn.Module, populations: Sequence[Population], examples: Sequence[Inputs], measure: str
) -> dict[int, torch.Tensor]:
    """The importance of every unit: id of the population -> float64 (count,).

    Args:
        examples: model inputs with `labels`, one example each.
        measure: `importance` (Taylor) or `fisher`.

    Raises:
        LesionError: if there are no examples.
    """
    if not examples:
        raise LesionError(f"order {measure}: needs training examples to take gradients on.")
    found = {id(one): torch.zeros(one.count, dtype=torch.float64) for one in populations}
    kept = [(tensor, tensor.grad) for tensor in model.parameters()]
    try:
        for inputs in examples:
            model.zero_grad(set_to_none=True)
            with torch.enable_grad():
                model(**inputs).loss.backward()
            for one in populations:
                gates = _gates(one).abs()
                found[id(one)] += gates if measure == "importance" else gates.square() / 2
    finally:
        for tensor, gradient in kept:
            tensor.grad = gradient
    return {key: value / len(examples) for key, value in found.items()}


@torch.no_grad()
def _gates(population: Population) -> torch.Tensor:
    """Gradient of the loss by a gate on each unit, float64 (count,)."""
    total = torch.zeros(population.count, dtype=torch.float64)
    for span in population.spans:
        gradient = span.gradient()
        if gradient is not None:
            total += span.sums(gradient.double() * span.tensor.double(), population.count).cpu()
    return total

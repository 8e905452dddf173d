"""How much the loss would change without a unit, to first order, on training examples.

With a gate on a unit, dL/d(gate) is s = sum(g * w) over what it owns. Taylor's estimate is the
mean of |s| over examples (Molchanov et al. 2017; for heads Michel et al. 2019), Fisher's half the
mean of s squared (Theis et al. 2018).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from lesion.damage.population import Population
from lesion.damage.rows import Inputs, eval_mode, rows
from lesion.errors import LesionError


def importances(
    model: nn.Module, populations: Sequence[Population], examples: Sequence[Inputs], measure: str
) -> dict[int, torch.Tensor]:
    """The importance of every unit: id of the population -> float64 (count,).

    Args:
        examples: model inputs with `labels`, one or more rows each; every row is an example.
        measure: `importance` (Taylor) or `fisher`.

    Raises:
        LesionError: if there are no examples, or one has no labels.
    """
    if not examples:
        raise LesionError(f"order {measure}: needs training examples to take gradients on.")
    totals = {
        id(population): torch.zeros(population.count, dtype=torch.float64)
        for population in populations
    }
    single = rows(model, examples)
    if any("labels" not in inputs for inputs in single):
        raise LesionError(f"order {measure}: needs labels with every example, for its loss.")
    with eval_mode(model), _differentiable(model, populations):
        for inputs in single:
            model.zero_grad(set_to_none=True)
            with torch.enable_grad():
                model(**inputs).loss.backward()
            for population in populations:
                gates = _gates(population).abs()
                totals[id(population)] += gates if measure == "importance" else gates.square() / 2
    return {key: value / len(single) for key, value in totals.items()}


@contextmanager
def _differentiable(model: nn.Module, populations: Sequence[Population]) -> Iterator[None]:
    """Gradients of what is ordered, frozen or not; afterwards those are back that were there."""
    kept = [(tensor, tensor.grad) for tensor in model.parameters()]
    reached = {
        id(tensor): tensor
        for population in populations
        for owned in population.tensors
        if owned.site is not None and (tensor := owned.site.own(owned.tensor_kind)) is not None
    }
    frozen = [tensor for tensor in reached.values() if not tensor.requires_grad]
    try:
        for tensor in frozen:
            tensor.requires_grad_(True)
        yield
    finally:
        for tensor in frozen:
            tensor.requires_grad_(False)
        for tensor, gradient in kept:
            tensor.grad = gradient


@torch.no_grad()
def _gates(population: Population) -> torch.Tensor:
    """Gradient of the loss by a gate on each unit, float64 (count,)."""
    total = torch.zeros(population.count, dtype=torch.float64)
    for owned in population.tensors:
        gradient = owned.gradient()
        if gradient is not None:
            products = gradient.double() * owned.tensor.double()
            total += owned.sum_by_unit(products, population.count).cpu()
    return total

"""What a lesion destroys: populations of units, and the tensor entries that each unit owns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from lesion.models.anatomy import Site


@dataclass(frozen=True, eq=False)
class Span:
    """A tensor in which a population's units own entries.

    Attributes:
        name: role in the site, `weight` or `bias`.
        tensor: the live parameter.
        axis: units are slices along this axis; None if every single entry is a unit.
    """

    name: str
    tensor: torch.Tensor
    axis: int | None

    def entries(self, unit: torch.Tensor) -> tuple:
        """Index of the entries that belong to units `unit`, an int64 tensor of shape (k,)."""
        return (slice(None),) * (self.axis or 0) + (unit,)

    @property
    def view(self) -> torch.Tensor:
        """The tensor with units along one axis: flat where every entry is a unit."""
        return self.tensor.view(-1) if self.axis is None else self.tensor


@dataclass(frozen=True, eq=False)
class Population:
    """Units of one kind that share a site (and, for single weights, a tensor)."""

    site: Site
    name: str
    count: int
    spans: tuple[Span, ...]

    @property
    def address(self) -> tuple[int | str | None, ...]:
        """What addresses its randomness: never the model's name or what else is selected."""
        return (self.site.layer, self.site.part, self.site.index, self.name)


def weights(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Every single number; matrices and biases are populations of their own."""
    return [
        Population(site, name, tensor.numel(), (Span(name, tensor, None),))
        for site in sites
        for name in tensors
        if (tensor := getattr(site, name)) is not None
    ]


def neurons(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Output units: a row of the matrix (a column, where the family transposes) and its bias."""
    populations = []
    for site in sites:
        axes = {"weight": site.axis, "bias": 0}
        spans = tuple(
            Span(name, tensor, axes[name])
            for name in tensors
            if (tensor := getattr(site, name)) is not None
        )
        if spans:
            count = spans[0].tensor.shape[spans[0].axis or 0]
            populations.append(Population(site, "neuron", count, spans))
    return populations


UNITS: dict[str, Callable[[Sequence[Site], Sequence[str]], list[Population]]] = {
    "weights": weights,
    "neurons": neurons,
}

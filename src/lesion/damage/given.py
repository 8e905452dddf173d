"""Units and orders that a user gives as data: masks of parameters, and scores of units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion.damage.orderings import Ordering, from_keys
from lesion.damage.orders import Order, OrderContext, float_sort_keys
from lesion.damage.population import Population, UnitTensor, channel, reached, site_addresses
from lesion.damage.unit_base import Units
from lesion.errors import LesionError
from lesion.schema.errors import did_you_mean

if TYPE_CHECKING:
    import torch

    from lesion.models.anatomy import Site


@dataclass(frozen=True, eq=False)
class MaskedUnits(Units):
    """Single numbers of the model, chosen by boolean masks.

    Args:
        masks: name of a parameter -> boolean tensor or array of its shape; the True entries are
            the units. Parameters without a mask have none.
    """

    word, parts, mean_needs_examples = "masks", (), False
    masks: Mapping[str, Any]

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """The True entries of each parameter.

        Raises:
            LesionError: for a mask of another type or shape than the parameter's, and for one of
                no parameter that the lesion reaches.
        """
        pairs = [(site, kind, tensor) for site in sites for kind, tensor in reached(site, tensors)]
        known = list(dict.fromkeys(site.parameter(kind) for site, kind, _ in pairs))
        for name in self.masks:
            if name not in known:
                raise LesionError(
                    f"units: the mask {name!r} is of no parameter that the lesion reaches, such as "
                    f"{', '.join(known[:3])}.{did_you_mean(name, known)}"
                )
        chosen = [
            self._population(site, kind, tensor, self.masks[site.parameter(kind)])
            for site, kind, tensor in pairs
            if site.parameter(kind) in self.masks
        ]
        return [population for population in chosen if population.count]

    @staticmethod
    def _population(site: Site, kind: str, tensor: torch.Tensor, mask: Any) -> Population:
        import torch

        mask = torch.as_tensor(mask)
        whole = site.own(kind)
        if whole is None or mask.dtype != torch.bool or mask.shape != whole.shape:
            shape = () if whole is None else tuple(whole.shape)
            raise LesionError(
                f"units: the mask {site.parameter(kind)!r} must be boolean, of the parameter's "
                f"shape {shape}. Got {mask.dtype} of the shape {tuple(mask.shape)}."
            )
        entries = site.block_of(mask, kind).reshape(-1).nonzero().flatten().to(tensor.device)
        owned = UnitTensor(kind, tensor, channel=channel(site, kind), site=site, tensor_kind=kind,
                           entries=entries)  # fmt: skip
        address = (site.layer, site.part, site.index, f"{kind} mask")
        count = len(entries)
        return Population(address, count, (owned,), (count,), site_addresses([site]))

    def mean(self, tensor: UnitTensor) -> torch.Tensor:
        """The mean of the tensor, with the entries that are no units."""
        return tensor.tensor.double().mean().to(tensor.tensor.dtype)


Scores = Mapping[str, Any] | Callable[[Population], Any]


@dataclass(frozen=True, eq=False)
class GivenScores(Order):
    """Lowest score first; equal scores go by position, and NaN is last.

    Args:
        scores: name of a parameter or of a place (`layer 3 heads`, see `Receipt.units`) -> numbers,
            one for each unit or, for units that are single numbers, of the parameter's shape. Or a
            function of a `Population` that returns numbers, one for each unit. Numbers are
            compared as float32.
    """

    word = "scores"
    scores: Scores

    def rank(self, group: Sequence[Population], context: OrderContext) -> Sequence[Ordering]:
        """Orderings by score.

        Raises:
            LesionError: where there are no scores, or not one for each unit.
        """
        return [from_keys(float_sort_keys(self._of(population))) for population in group]

    def _of(self, population: Population) -> np.ndarray:
        if callable(self.scores):
            return _by_unit(self.scores(population), population)
        names = (population.name, *population.parameters)
        for name in names:
            if name in self.scores:
                return _by_unit(self.scores[name], population)
        raise LesionError(
            f"order: there are no scores for {population.name}. Give them under "
            f"{' or '.join(map(repr, names))}, or narrow the lesion (layers, parts, tensors)."
        )


def _by_unit(scores: Any, population: Population) -> np.ndarray:
    """Scores as one number for each unit of a population.

    Raises:
        LesionError: if they are of another shape.
    """
    numbers = scores.detach().cpu() if hasattr(scores, "detach") else scores
    numbers = np.asarray(numbers, np.float32)
    if numbers.size == population.count:
        return numbers.reshape(-1)
    owned = population.tensors[0]
    whole = owned.site.own(owned.tensor_kind) if owned.site else None
    if whole is not None and numbers.shape == tuple(whole.shape) and owned.axis is None:
        import torch

        assert owned.site is not None
        block = owned.site.block_of(torch.from_numpy(numbers), owned.tensor_kind)
        return owned.sum_by_unit(block, population.count).float().numpy()
    raise LesionError(
        f"order: {population.name} has {population.count} units, and needs one score for each. "
        f"Got numbers of the shape {numbers.shape}."
    )

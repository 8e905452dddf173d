"""The reach of a lesion: how many of the model's parameters its units hold, all of them destroyed.

A dose is a fraction of units. The same fraction is another share of the model where the units hold
another share of it: a model with large embeddings has fewer of its weights in its layers.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lesion.damage.open_lesion import OpenLesion
    from lesion.damage.population import UnitTensor


class Reach(NamedTuple):
    """What a lesion can reach of a model.

    Attributes:
        selected: numbers that its units hold, each once; of a list, those of the listed units.
        parameters: of the model, without pooler and head where the lesion does not reach them: a
            head belongs to the task.
    """

    selected: int
    parameters: int

    @property
    def share(self) -> float:
        """Of the model's parameters."""
        return self.selected / self.parameters


class _Owned(NamedTuple):
    """The units of one population in one tensor."""

    lesion: OpenLesion
    number: int  # of the population
    tensor: UnitTensor

    @property
    def available(self) -> int:
        """Units that can be destroyed."""
        return self.lesion.orderings[self.number].count

    @property
    def whole(self) -> bool:
        """Whether the units own every entry."""
        return self.tensor.entries is None and (
            self.available == self.lesion.populations[self.number].count
        )

    def mask(self) -> torch.Tensor:
        """Which entries they own."""
        import numpy as np
        import torch

        units = self.lesion.destroyed_units(self.number, self.available)
        selection = self.lesion.populations[self.number].bit_selection
        if selection is not None:
            units = np.unique(units // len(selection.positions))
        return self.tensor.owned(torch.from_numpy(units).to(self.tensor.tensor.device))


def reach_of(model: nn.Module, lesions: Sequence[OpenLesion]) -> Reach:
    """The reach of lesions that are open together."""
    owned: dict[Hashable, list[_Owned]] = {}
    for lesion in lesions:
        for number, population in enumerate(lesion.populations):
            for tensor in population.tensors:
                owned.setdefault(_key(tensor), []).append(_Owned(lesion, number, tensor))
    selected = sum(map(_entries, owned.values()))
    reached = [part.tensor for parts in owned.values() for part in parts]
    return Reach(selected, _parameters(model, reached))


def _entries(parts: Sequence[_Owned]) -> int:
    """How many entries of one tensor are owned, by any of these."""
    first, *others = parts
    if any(part.whole for part in parts):
        return first.tensor.tensor.numel()
    mask = first.mask()
    for part in others:
        mask |= part.mask()
    return int(mask.sum())


def _key(tensor: UnitTensor) -> Hashable:
    """Equal for two views of the same part of a parameter."""
    site = tensor.site
    return id(tensor.tensor) if site is None else (site.parameter(tensor.tensor_kind), site.block)


def _parameters(model: nn.Module, reached: Sequence[UnitTensor]) -> int:
    """The parameters of a model and of what is reached of its head, each once."""
    from lesion.models.anatomy import HEADS, sites
    from lesion.models.parts import TENSORS

    without = {
        id(site.own(kind))
        for site in sites(model)
        for kind in TENSORS
        # an output matrix tied to the embeddings is theirs
        if site.part in HEADS and getattr(site, kind) is not None
    }
    body = getattr(model, "base_model", model).parameters()
    sizes = {id(tensor): tensor.numel() for tensor in body if id(tensor) not in without}
    for owned in reached:
        whole = owned.site.own(owned.tensor_kind) if owned.site else owned.tensor
        if whole is not None:
            sizes[id(whole)] = whole.numel()
    return sum(sizes.values())

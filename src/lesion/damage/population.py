"""Populations of units, and the entries of tensors that each unit owns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lesion.damage.formats import BitSelection

if TYPE_CHECKING:
    import numpy as np
    import torch

    from lesion.models.anatomy import Site

Address = tuple[int | str | None, ...]


@dataclass(frozen=True, eq=False)
class UnitTensor:
    """A tensor in which the units of a population own entries.

    Attributes:
        name: addresses the tensor's own randomness.
        tensor: the live parameter, or a view of a part of it.
        axis: units are slices along this axis; None if every single entry is a unit.
        width: consecutive slices that a unit owns (the size of a head).
        channel: axis of the output units, for effects that work by channel.
        owner_unit: the one unit that owns the whole tensor (a layer); None otherwise.
        site: where the tensor is; None for one that is in no model.
        tensor_kind: which of the site's tensors it is, weight or bias.
        in_norm: whether it counts in the norm by which units are ranked.
        entries: the entries that are units, int64 positions in the flattened tensor; None: all.
    """

    name: str
    tensor: torch.Tensor
    axis: int | None = None
    width: int = 1
    channel: int = 0
    owner_unit: int | None = None
    site: Site | None = None
    tensor_kind: str = "weight"
    in_norm: bool = True
    entries: torch.Tensor | None = None

    def gradient(self) -> torch.Tensor | None:
        """Gradient of the loss after a backward pass; None if there is none."""
        return self.site.grad(self.tensor_kind) if self.site else None

    @cached_property
    def _flat(self) -> torch.Tensor | None:
        """The tensor in one dimension, where single entries are units and no copy is needed."""
        single = self.axis is None and self.tensor.is_contiguous()
        return self.tensor.view(-1) if single else None

    def write(self, units: torch.Tensor, values: torch.Tensor) -> None:
        """Give units their values.

        Args:
            units: int64 (k,) on the tensor's device.
            values: of the tensor's shape, or a scalar for all.
        """
        if self.owner_unit is not None:
            if bool((units == self.owner_unit).any()):
                self.tensor.copy_(values.expand_as(self.tensor))
            return
        if self.entries is not None:
            units = self.entries[units]
        if self._flat is not None:
            if values.dim():
                self._flat.index_copy_(0, units, values.reshape(-1)[units])
            else:
                self._flat.index_fill_(0, units, values)
            return
        index = self._index(units)
        self.tensor[index] = values[index] if values.dim() else values

    def owned(self, units: torch.Tensor) -> torch.Tensor:
        """Which entries these units own: boolean, of the tensor's shape."""
        import torch

        mask = torch.zeros_like(self.tensor, dtype=torch.bool)
        replace(self, tensor=mask).write(units, mask.new_ones(()))
        return mask

    def add_to(self, masks: dict[str, torch.Tensor], units: torch.Tensor) -> None:
        """Set the entries of these units to False in the mask of their parameter."""
        import torch

        assert self.site is not None, "units of a model are at sites"
        name, whole = self.site.parameter(self.tensor_kind), self.site.own(self.tensor_kind)
        assert whole is not None, "proven when the lesion was opened"
        mask = masks.setdefault(name, torch.ones_like(whole, dtype=torch.bool))
        part = self.site.block_of(mask, self.tensor_kind)
        part &= ~self.owned(units)

    def freezer(self, units: torch.Tensor) -> Callable[[], None]:
        """A function that gives these units their present values back."""
        import torch

        owned, frozen = self.owned(units), self.tensor.detach().clone()

        def reapply() -> None:
            self.tensor.copy_(torch.where(owned, frozen, self.tensor))

        return reapply

    def permuted(self, intact: torch.Tensor, order: np.ndarray) -> torch.Tensor:
        """The tensor in which unit i has the values of unit order[i]."""
        import torch

        other = torch.from_numpy(order).to(intact.device)
        if self.axis is None:
            flat = intact.flatten()
            if self.entries is None:
                return flat[other].view_as(intact)
            return flat.index_copy(0, self.entries, flat[self.entries[other]]).view_as(intact)
        steps = torch.arange(self.width, device=intact.device)
        return intact.index_select(self.axis, (other[:, None] * self.width + steps).flatten())

    def sum_by_unit(self, value: torch.Tensor, count: int) -> torch.Tensor:
        """What each unit owns of a tensor of this shape, summed: float64 (count,)."""
        value = value.double()
        if self.owner_unit is not None:
            total = value.new_zeros(count)
            total[self.owner_unit] = value.sum()
            return total
        if self.axis is None:
            flat = value.reshape(-1)
            return flat if self.entries is None else flat[self.entries]
        rows = value.movedim(self.axis, 0).reshape(value.shape[self.axis], -1).sum(1)
        return rows.reshape(count, self.width).sum(1)

    def _index(self, units: torch.Tensor) -> tuple:
        import torch

        if self.axis is None:
            return torch.unravel_index(units, self.tensor.shape)
        if self.width > 1:
            steps = torch.arange(self.width, device=units.device)
            units = (units[:, None] * self.width + steps).flatten()
        return (slice(None),) * self.axis + (units,)


@dataclass(frozen=True, eq=False)
class Population:
    """Units of one kind that are ordered together.

    Attributes:
        address: addresses their randomness: layer, part, module, kind; never the model's name or
            what else is selected.
        count: how many there are.
        tensors: where they own entries.
        shape: how the units lie, for orders that use neighbours: (count,) or (rows, columns).
        sites: the sites that they reach, for receipts.
        bit_selection: which bits of the numbers are the units; None where units are not bits.
    """

    address: Address
    count: int
    tensors: tuple[UnitTensor, ...]
    shape: tuple[int, ...]
    sites: frozenset[Address]
    bit_selection: BitSelection | None = None

    @property
    def layer(self) -> int | None:
        """The layer they are in; None outside the layers or across them."""
        return self.address[0] if isinstance(self.address[0], int) else None

    @property
    def name(self) -> str:
        """Name of the place that they are in: `layer 3 query`, `layer 3 heads`, `dimensions`."""
        layer, part, index = self.address[:3]
        where = f"layer {layer} " if layer is not None else ""
        return f"{where}{part}" + (f".{index}" if index else "")

    @property
    def key(self) -> str:
        """Name of the parameter whose numbers are the units; otherwise of the place."""
        single = self.tensors[0].axis is None and self.tensors[0].owner_unit is None
        return self.parameters[0] if single and self.parameters else self.name

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the model's parameters in which they own entries."""
        return tuple(tensor.site.parameter(tensor.tensor_kind)
                     for tensor in self.tensors if tensor.site)  # fmt: skip

    def by_site(self) -> list[tuple[Site, list[UnitTensor]]]:
        """The tensors of each site."""
        groups: dict[Site, list[UnitTensor]] = {}
        for tensor in self.tensors:
            assert tensor.site is not None, "units of a model are at sites"
            groups.setdefault(tensor.site, []).append(tensor)
        return list(groups.items())


def reached(site: Site, kinds: Sequence[str]) -> list[tuple[str, torch.Tensor]]:
    """The tensors of a site that a lesion may reach, by their kind (weight, bias)."""
    pairs = [(kind, getattr(site, kind)) for kind in kinds]
    return [(kind, tensor) for kind, tensor in pairs if tensor is not None]


def site_addresses(sites: Sequence[Site]) -> frozenset[Address]:
    """Layer, part and index of sites, for receipts."""
    return frozenset((site.layer, site.part, site.index) for site in sites)


def channel(site: Site, kind: str) -> int:
    """The axis of the output units in a tensor of a site."""
    return site.axis if kind == "weight" else 0

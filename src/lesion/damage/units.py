"""What a lesion destroys: populations of units, and the tensor entries that each unit owns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from lesion.choices import Bits
from lesion.damage.formats import Cells, cells_of
from lesion.models.anatomy import Site

Address = tuple[int | str | None, ...]


@dataclass(frozen=True, eq=False)
class Span:
    """A tensor in which the units of a population own entries.

    Attributes:
        name: what addresses the tensor's own randomness.
        tensor: the live parameter, or a view of a part of it.
        axis: units are slices along this axis; None if every single entry is a unit.
        width: consecutive slices that a unit owns (the size of a head).
        channel: axis of the output units, for effects that work by channel.
        owner: the one unit that owns the whole tensor (a layer), if that is how it is.
        site: where the tensor is; None for one that is in no model.
        kind: which of the site's tensors it is, weight or bias.
    """

    name: str
    tensor: torch.Tensor
    axis: int | None = None
    width: int = 1
    channel: int = 0
    owner: int | None = None
    site: Site | None = None
    kind: str = "weight"

    def gradient(self) -> torch.Tensor | None:
        """Of the loss by the tensor, after a backward pass; None if it has none."""
        return self.site.grad(self.kind) if self.site else None

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
        if self.owner is not None:
            if bool((units == self.owner).any()):
                self.tensor.copy_(values.expand_as(self.tensor))
            return
        if self._flat is not None:
            if values.dim():
                self._flat.index_copy_(0, units, values.reshape(-1)[units])
            else:
                self._flat.index_fill_(0, units, values)
            return
        index = self._index(units)
        self.tensor[index] = values[index] if values.dim() else values

    def holder(self, units: torch.Tensor) -> Callable[[], None]:
        """What gives these units the values back that they have now."""
        owned = torch.zeros_like(self.tensor, dtype=torch.bool)
        replace(self, tensor=owned).write(units, owned.new_ones(()))
        kept = self.tensor.detach().clone()

        def hold() -> None:
            self.tensor.copy_(torch.where(owned, kept, self.tensor))

        return hold

    def _index(self, units: torch.Tensor) -> tuple:
        if self.axis is None:
            return torch.unravel_index(units, self.tensor.shape)
        if self.width > 1:
            steps = torch.arange(self.width, device=units.device)
            units = (units[:, None] * self.width + steps).flatten()
        return (slice(None),) * self.axis + (units,)

    def sums(self, value: torch.Tensor, count: int) -> torch.Tensor:
        """What each unit owns of a tensor of this shape, summed: float64 (count,)."""
        value = value.double()
        if self.owner is not None:
            total = value.new_zeros(count)
            total[self.owner] = value.sum()
            return total
        if self.axis is None:
            return value.reshape(-1)
        rows = value.movedim(self.axis, 0).reshape(value.shape[self.axis], -1).sum(1)
        return rows.reshape(count, self.width).sum(1)


@dataclass(frozen=True, eq=False)
class Population:
    """Units of one kind that are ordered together.

    Attributes:
        address: what addresses their randomness: layer, part, module, kind; never the model's
            name or what else is selected.
        count: how many there are.
        spans: where they own entries.
        shape: how the units lie, for orders that know neighbours: (count,) or (rows, columns).
        sites: the sites that they reach, for receipts.
        cells: how the numbers are stored whose bits are the units; None where units are no bits.
    """

    address: Address
    count: int
    spans: tuple[Span, ...]
    shape: tuple[int, ...]
    sites: frozenset[Address]
    cells: Cells | None = None

    @property
    def layer(self) -> int | None:
        """The layer they are in; None outside the layers or across them."""
        return self.address[0] if isinstance(self.address[0], int) else None


def weights(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Every single number; matrices and biases are populations of their own."""
    return [
        Population(
            (site.layer, site.part, site.index, name),
            tensor.numel(),
            (Span(name, tensor, channel=_channel(site, name), site=site, kind=name),),
            tuple(tensor.shape),
            _places([site]),
        )
        for site in sites
        for name, tensor in _tensors(site, tensors)
    ]


def neurons(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Output units: a row of the matrix (a column, where the family transposes) and its bias."""
    populations = []
    for site in sites:
        spans = tuple(
            Span(
                name,
                tensor,
                _channel(site, name),
                channel=_channel(site, name),
                site=site,
                kind=name,
            )
            for name, tensor in _tensors(site, tensors)
        )
        if spans:
            count = spans[0].tensor.shape[spans[0].axis or 0]
            address = (site.layer, site.part, site.index, "neuron")
            populations.append(Population(address, count, spans, (count,), _places([site])))
    return populations


def heads(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Attention heads: their rows of query, key and value, and their columns of the output.

    A head without its columns of the output says nothing, whatever else of it is left. Keys and
    values that several heads share (grouped queries) belong to none of them.
    """
    populations = []
    for layer in dict.fromkeys(site.layer for site in sites):
        own = [site for site in sites if site.layer == layer and site.heads]
        count = max((site.heads or 0 for site in own), default=0)
        spans = []
        for site in own:
            output = site.part == "attention_output"
            for name, tensor in _tensors(site, tensors):
                if site.heads != count or (output and name == "bias"):
                    continue
                axis = site.in_axis if output else _channel(site, name)
                width = tensor.shape[axis] // count
                label = f"{site.part}.{name}"
                channel = _channel(site, name)
                spans.append(Span(label, tensor, axis, width, channel, site=site, kind=name))
        if spans:
            address = (layer, "heads", 0, "head")
            populations.append(Population(address, count, tuple(spans), (count,), _places(own)))
    return populations


def dimensions(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Dimensions of the residual stream: one index through every tensor that reads or writes it.

    Two of them can carry a model (Kovaleva et al. 2021, "BERT Busters").
    """
    spans = []
    for site in sites:
        axes = site.stream_axes
        for name, tensor in _tensors(site, tensors):
            if name in axes:
                label = f"{site.layer}.{site.part}.{site.index}.{name}"
                channel = _channel(site, name)
                spans.append(Span(label, tensor, axes[name], 1, channel, site=site, kind=name))
    if not spans:
        return []
    count = spans[0].tensor.shape[spans[0].axis or 0]
    address = (None, "dimensions", 0, "dimension")
    return [Population(address, count, tuple(spans), (count,), _places(sites))]


def layers(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Whole layers: the residual stream passes what their two blocks would have added by.

    What writes to the stream is destroyed, attention_output and mlp_out; norms stay.
    """
    writers = [site for site in sites if site.part in ("attention_output", "mlp_out")]
    numbers = sorted({site.layer for site in writers if site.layer is not None})
    spans = tuple(
        Span(
            f"{site.layer}.{site.part}.{site.index}.{name}",
            tensor,
            channel=_channel(site, name),
            owner=numbers.index(site.layer),
            site=site,
            kind=name,
        )
        for site in writers
        if site.layer is not None
        for name, tensor in _tensors(site, tensors)
    )
    if not spans:
        return []
    address = (None, "layers", 0, "layer")
    return [Population(address, len(numbers), spans, (len(numbers),), _places(writers))]


def words(sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
    """Rows of the embedding tables: words, positions, types, languages."""
    return [
        Population(
            (site.layer, site.part, site.index, "row"),
            site.weight.shape[0],
            (Span("weight", site.weight, 0, site=site),),
            (site.weight.shape[0],),
            _places([site]),
        )
        for site in sites
        if site.part == "embeddings" and site.weight is not None and site.axis == 1
        if "weight" in tensors
    ]


def bits(
    sites: Sequence[Site],
    tensors: Sequence[str],
    stored: str | None = None,
    chosen: Bits = None,
) -> list[Population]:
    """Every bit of every number as a memory stores it (Hong et al. 2019; Reagen et al. 2018).

    Bit j of the chosen ones of number i is the unit i * (chosen bits) + j.

    Args:
        stored: format of the numbers; None: the tensors' own.
        chosen: sign, exponent, mantissa, numbers of bits, or None for all.

    Raises:
        LesionError: for a format that is not known, or bits that it does not have.
    """
    populations = []
    for one in weights(sites, tensors):
        cells = cells_of(one.spans[0].tensor.dtype, stored, chosen)
        count, (*place, name) = one.count * len(cells.places), one.address
        populations.append(
            replace(one, address=(*place, f"{name} bits"), count=count, shape=(count,), cells=cells)
        )
    return populations


def _tensors(site: Site, names: Sequence[str]) -> list[tuple[str, torch.Tensor]]:
    pairs = [(name, getattr(site, name)) for name in names]
    return [(name, tensor) for name, tensor in pairs if tensor is not None]


def _places(sites: Sequence[Site]) -> frozenset[Address]:
    return frozenset((site.layer, site.part, site.index) for site in sites)


def _channel(site: Site, name: str) -> int:
    return site.axis if name == "weight" else 0


UNITS: dict[str, Callable[[Sequence[Site], Sequence[str]], list[Population]]] = {
    "weights": weights,
    "neurons": neurons,
    "heads": heads,
    "dimensions": dimensions,
    "layers": layers,
    "words": words,
    "bits": bits,
}

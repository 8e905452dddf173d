"""What a lesion destroys: seven kinds of units, and the entries of tensors that each owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lesion.damage.formats import (
    BITS_SHAPE,
    FORMATS,
    bit_positions,
    known_format,
    read_bits,
    select_bits,
)
from lesion.damage.population import Population, UnitTensor, channel, reached, site_addresses
from lesion.damage.unit_base import Units as Units
from lesion.damage.wide_units import Dimensions as Dimensions
from lesion.damage.wide_units import Heads as Heads
from lesion.damage.wide_units import Layers as Layers
from lesion.errors import LesionError
from lesion.schema.entries import table
from lesion.schema.fields import Expand, OneOf, doc

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lesion.damage.unit_base import Activations
    from lesion.models.anatomy import Site

DRAWN = "bits are drawn at random already"


@dataclass(frozen=True)
class Weights(Units):
    """Single numbers of the selected tensors."""

    word, mean_needs_examples = "weights", False
    source = "LeCun, Denker and Solla 1990"

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """Matrices and biases are populations of their own."""
        return [
            Population(
                (site.layer, site.part, site.index, kind),
                tensor.numel(),
                (UnitTensor(kind, tensor, channel=channel(site, kind), site=site,
                            tensor_kind=kind),),
                tuple(tensor.shape),
                site_addresses([site]),
            )
            for site in sites
            for kind, tensor in reached(site, tensors)
        ]  # fmt: skip

    def mean(self, tensor: UnitTensor) -> torch.Tensor:
        """The mean of the tensor."""
        return tensor.tensor.double().mean().to(tensor.tensor.dtype)


@dataclass(frozen=True)
class Neurons(Units):
    """Output units: a row of the matrix together with its bias.

    A column, where the family transposes. Ranked by the norm of the row; by the bias only where no
    matrix is reached.
    """

    word = "neurons"
    source = "the article's neuron deletion"

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """The neurons of each site."""
        populations = []
        for site in sites:
            pairs = reached(site, tensors)
            matrix = any(kind == "weight" for kind, _ in pairs)
            owned = tuple(
                UnitTensor(kind, tensor, channel(site, kind), channel=channel(site, kind),
                           site=site, tensor_kind=kind, in_norm=kind == "weight" or not matrix)
                for kind, tensor in pairs
            )  # fmt: skip
            if owned:
                count = owned[0].tensor.shape[owned[0].axis or 0]
                address = (site.layer, site.part, site.index, "neuron")
                populations.append(
                    Population(address, count, owned, (count,), site_addresses([site]))
                )
        return populations

    def activations(self, model: nn.Module, population: Population) -> Activations:
        """The output of each site, before any activation function."""
        from lesion.damage.mean_ablation import is_table, require_weight_and_bias

        for site, tensors in population.by_site():
            if not is_table(site):
                require_weight_and_bias(model, site, tensors, "neurons")
            yield tensors, (site, "out")


@dataclass(frozen=True)
class Words(Units):
    """Rows of the embedding tables: words, positions, types, languages."""

    word, mean_needs_examples = "words", False
    parts = ("embeddings",)

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """The rows of each table."""
        return [
            Population(
                (site.layer, site.part, site.index, "row"),
                site.weight.shape[0],
                (UnitTensor("weight", site.weight, 0, site=site),),
                (site.weight.shape[0],),
                site_addresses([site]),
            )
            for site in sites
            if site.part == "embeddings" and site.weight is not None and site.axis == 1
            if "weight" in tensors
        ]

    def mean(self, tensor: UnitTensor) -> torch.Tensor:
        """The mean row of the table."""
        row = tensor.tensor.double().mean(0)
        return row.to(tensor.tensor.dtype).expand_as(tensor.tensor)


@dataclass(frozen=True)
class Bits(Units):
    """Single bits of the stored numbers: which (bits), of what (format)."""

    word, random, effect, effects_need = "bits", True, "flip", "on_bits"
    source = "Hong et al. 2019; Reagen et al. 2018 (Ares)"
    refuses: ClassVar[Mapping[str, str]] = {
        "bit": "say which bits with bits", "size_matched": DRAWN, "control": DRAWN,
    }  # fmt: skip
    orders = ("random",)
    bits: Annotated[
        Any,
        doc("sign, exponent, mantissa, or numbers from the lowest, 0 (default: all)"),
        Expand(read_bits, BITS_SHAPE),
    ] = None
    format: Annotated[
        str | None, OneOf(FORMATS), doc("of the stored numbers (default: the checkpoint's)")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        bit_positions(self.format or "float32", self.bits)

    def stored_as(self, name: str | None) -> Units:
        """The bits of the memory's format, if the lesion has none."""
        if self.format or not name:
            return self
        try:
            return replace(self, format=known_format(name))
        except ValueError as error:
            raise LesionError(str(error)) from None

    @property
    def label(self) -> str:
        """`bits`, and which."""
        if not self.bits:
            return self.word
        chosen = self.bits if isinstance(self.bits, str) else ",".join(map(str, self.bits))
        return f"{self.word} {chosen}"

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """Bit j of the chosen ones of number i is the unit i * (chosen bits) + j.

        Raises:
            LesionError: for a format that is not known, or bits that it does not have.
        """
        populations = []
        for numbers in Weights().populations(sites, tensors):
            chosen = select_bits(numbers.tensors[0].tensor.dtype, self.format, self.bits)
            count = numbers.count * len(chosen.positions)
            *place, kind = numbers.address
            populations.append(
                replace(numbers, address=(*place, f"{kind} bits"), count=count, shape=(count,),
                        bit_selection=chosen)
            )  # fmt: skip
        return populations


UNITS = table(Weights, Neurons, Heads, Dimensions, Layers, Words, Bits)

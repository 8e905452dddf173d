"""What a lesion destroys: seven kinds of units, and the entries of tensors that each owns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lesion.damage.formats import (
    BITS_SHAPE,
    FORMATS,
    bit_positions,
    known_format,
    read_bits,
    select_bits,
)
from lesion.damage.population import Population, UnitTensor, channel, reached, site_addresses
from lesion.errors import LesionError
from lesion.schema.entries import Entry, table
from lesion.schema.fields import field
from lesion.words import SIX_MATRICES

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lesion.models.anatomy import Site

    Activations = Iterator[tuple[list[UnitTensor], tuple[Site, str]]]

DRAWN = "bits are drawn at random already"


class Units(Entry):
    """What a lesion destroys. A subclass defines `populations`.

    Attributes:
        parts: the parts that are reached by default; () for all that the model has.
        effect: the word of the default effect.
        effects_need: the method that an effect must have for these units.
        orders: the words of the orders that they take; () for all.
        mean_needs_examples: whether their mean activation is measured on examples. Where it is
            not, `mean` gives it from a tensor; where it is, `activations` says where to measure.
        listed_as: the part by which a file of `order: listed` names them; "" for that of the site.
    """

    parts: ClassVar[tuple[str, ...]] = SIX_MATRICES
    effect: ClassVar[str] = "zero"
    effects_need: ClassVar[str] = "values"
    orders: ClassVar[tuple[str, ...]] = ()
    mean_needs_examples: ClassVar[bool] = True
    listed_as: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """What names of lesions call them."""
        return self.word or type(self).__name__

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """The units of the selected sites, in populations that are ordered together.

        Args:
            tensors: which tensors of the sites may be reached: weight, bias or both.
        """
        raise NotImplementedError(f"{type(self).__name__} must define populations(sites, tensors)")

    def stored_as(self, name: str | None) -> Units:
        """The units of a model whose memory holds numbers in a format; None: in its tensors' own.

        Raises:
            LesionError: for bits that the format does not have.
        """
        return self

    def mean(self, tensor: UnitTensor) -> torch.Tensor:
        """What holds the units at their mean, from the tensor's own values."""
        raise NotImplementedError(f"{type(self).__name__} must define mean(tensor)")

    def activations(self, model: nn.Module, population: Population) -> Activations:
        """The activations whose means hold the units of a population.

        Yields:
            Tensors of a site, and the side of a module ("in" or "out") where their activation is
            measured. The mean stands in the bias; the weight is 0.

        Raises:
            LesionError: where no bias could hold a mean.
        """
        raise LesionError(
            f"effect mean: units {self.label} do not define where their activation is measured. "
            "Take another effect."
        )


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
class Heads(Units):
    """Attention heads: rows of query, key and value, columns of the output.

    A head without its columns of the output has no effect, whatever else of it is left. Keys and
    values that several heads share (grouped queries) belong to none of them.
    """

    word, listed_as = "heads", "heads"
    parts = ("query", "key", "value", "attention_output")
    source = "Michel, Levy and Neubig 2019"

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """The heads of each layer."""
        populations = []
        for layer in dict.fromkeys(site.layer for site in sites):
            attention = [site for site in sites if site.layer == layer and site.heads]
            count = max((site.heads or 0 for site in attention), default=0)
            owned = [
                tensor
                for site in attention
                if site.heads == count
                for tensor in self._owned(site, tensors, count)
            ]
            if owned:
                address = (layer, "heads", 0, "head")
                where = site_addresses(attention)
                populations.append(Population(address, count, tuple(owned), (count,), where))
        return populations

    @staticmethod
    def _owned(site: Site, tensors: Sequence[str], count: int) -> Iterator[UnitTensor]:
        output = site.part == "attention_output"
        for kind, tensor in reached(site, tensors):
            if not (output and kind == "bias"):
                axis = site.in_axis if output else channel(site, kind)
                name, width = f"{site.part}.{kind}", tensor.shape[axis] // count
                yield UnitTensor(name, tensor, axis, width, channel(site, kind), site=site,
                                 tensor_kind=kind)  # fmt: skip

    def activations(self, model: nn.Module, population: Population) -> Activations:
        """The input of the output projection.

        Attention weights sum to 1, so a value projection that is constant gives this input.
        """
        from lesion.damage.mean_ablation import require_weight_and_bias

        sites = {site.part: (site, tensors) for site, tensors in population.by_site()}
        if not {"value", "attention_output"} <= set(sites):
            raise LesionError(
                "effect mean: the mean of a head is what its value projection hands to the output "
                "projection: where.parts must hold both, with as many heads. Layer "
                f"{population.layer} of {type(model).__name__} has it in "
                f"{', '.join(sites) or 'none'}."
            )
        site, tensors = sites["value"]
        require_weight_and_bias(model, site, tensors, "heads")
        yield tensors, (sites["attention_output"][0], "in")


@dataclass(frozen=True)
class Dimensions(Units):
    """Dimensions of the residual stream, through every tensor that reads or writes it.

    Two of them can carry a model.
    """

    word, listed_as = "dimensions", "dimensions"
    parts = ("embeddings", *SIX_MATRICES, "norms")
    source = "Kovaleva et al. 2021: 48 parameters in two dimensions can cost BERT 44 GLUE points"

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """The dimensions of the model, one population."""
        from lesion.models.anatomy import hidden_axes

        owned = []
        for site in sites:
            axes = hidden_axes(site)
            for kind, tensor in reached(site, tensors):
                if kind in axes:
                    name = f"{site.layer}.{site.part}.{site.index}.{kind}"
                    owned.append(UnitTensor(name, tensor, axes[kind], 1, channel(site, kind),
                                            site=site, tensor_kind=kind))  # fmt: skip
        if not owned:
            return []
        count = owned[0].tensor.shape[owned[0].axis or 0]
        address = (None, "dimensions", 0, "dimension")
        return [Population(address, count, tuple(owned), (count,), site_addresses(sites))]

    def activations(self, model: nn.Module, population: Population) -> Activations:
        """The output of every norm, through which everything reads the stream."""
        from lesion.damage.mean_ablation import is_projection, require_weight_and_bias

        read = [
            (site, tensors)
            for site, tensors in population.by_site()
            if site.part == "norms"
            or (site.part == "embeddings" and is_projection(site) and len(tensors) == 2)
        ]
        if all(site.part != "norms" for site, _ in read):
            raise LesionError(
                "effect mean: dimensions are held behind the norms, through which everything reads "
                "them. Add norms to where.parts."
            )
        for site, tensors in read:
            require_weight_and_bias(model, site, tensors, "dimensions")
            yield tensors, (site, "out")


@dataclass(frozen=True)
class Layers(Units):
    """Whole layers: nothing is added to the residual stream; the norms stay.

    What writes to the stream is destroyed, attention_output and mlp_out.
    """

    word, listed_as = "layers", "layers"
    parts = ("attention_output", "mlp_out")
    source = "Sajjad et al. 2020"

    def populations(self, sites: Sequence[Site], tensors: Sequence[str]) -> list[Population]:
        """The layers of the model, one population."""
        writers = [site for site in sites if site.part in Layers.parts]
        numbers = sorted({site.layer for site in writers if site.layer is not None})
        owned = tuple(
            UnitTensor(
                f"{site.layer}.{site.part}.{site.index}.{kind}",
                tensor,
                channel=channel(site, kind),
                owner_unit=numbers.index(site.layer),
                site=site,
                tensor_kind=kind,
            )
            for site in writers
            if site.layer is not None
            for kind, tensor in reached(site, tensors)
        )
        if not owned:
            return []
        count, address = len(numbers), (None, "layers", 0, "layer")
        return [Population(address, count, owned, (count,), site_addresses(writers))]

    def activations(self, model: nn.Module, population: Population) -> Activations:
        """What attention and MLP add to the stream."""
        from lesion.damage.mean_ablation import require_weight_and_bias

        for site, tensors in population.by_site():
            require_weight_and_bias(model, site, tensors, "layers")
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
    bits: Any = field(
        "sign, exponent, mantissa, or numbers from the lowest, 0 (default: all)",
        None,
        short=read_bits,
        shape=BITS_SHAPE,
    )
    format: str | None = field(
        "of the stored numbers (default: the checkpoint's)", None, choices=FORMATS
    )

    def __post_init__(self) -> None:
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

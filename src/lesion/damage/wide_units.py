"""Units that span several tensors: attention heads, dimensions of the residual stream, layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lesion.damage.population import Population, UnitTensor, channel, reached, site_addresses
from lesion.damage.unit_base import Units
from lesion.errors import LesionError
from lesion.models.parts import SIX_MATRICES

if TYPE_CHECKING:
    from torch import nn

    from lesion.damage.unit_base import Activations
    from lesion.models.anatomy import Site


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
        owned = []
        for site in sites:
            axes = site.stream_axes
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

"""What every kind of unit declares: where units are, and what holds them at their mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from lesion.damage.population import Population, UnitTensor
from lesion.errors import LesionError
from lesion.models.parts import SIX_MATRICES
from lesion.schema.entries import Entry

if TYPE_CHECKING:
    import torch
    from torch import nn

    from lesion.models.anatomy import Site

    Activations = Iterator[tuple[list[UnitTensor], tuple[Site, str]]]


class Units(Entry):
    """What a lesion destroys. A subclass defines `populations`.

    Attributes:
        parts: the parts that are reached by default; () for all that the model has.
        effect: the word of the default effect.
        effects_need: the method that an effect must have for these units.
        orders: the words of the orders that they take; () for all.
        mean_needs_examples: whether their mean activation is measured on examples. Where it is
            not, `mean` gives it from a tensor; where it is, `activations` gives the places.
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

"""Proof of damage: how many units a dose destroyed, where, which, and their digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch

from lesion.damage.norms import UNHARMED, Norms
from lesion.damage.reach import Reach
from lesion.errors import LesionError


class Place(NamedTuple):
    """How much of one population a dose destroyed.

    Attributes:
        layer: zero-based; None outside the layers or across them.
        part: a word of `models.parts.PARTS`; heads, dimensions or layers for units across parts.
        index: of the module within its part and layer.
        tensor: what the units are in: weight, bias, weight bits, neuron, head, dimension, ...
        units: in the population, including those that a list leaves out.
        destroyed: how many of them.
    """

    layer: int | None
    part: str
    index: int  # type: ignore[assignment]  # a place is read by its fields, never searched
    tensor: str
    units: int
    destroyed: int


class Damage(Protocol):
    """What a receipt needs of the open lesion to name the units."""

    @property
    def closed(self) -> bool:
        """Whether the lesion was left."""
        ...

    def units_at(self, counts: Sequence[int]) -> dict[str, np.ndarray]:
        """The first units of every population, as many as the counts."""
        ...

    def masks_at(self, counts: Sequence[int]) -> dict[str, torch.Tensor]:
        """Which entries of the parameters are kept where so many units are destroyed."""
        ...

    def norms(self) -> Norms:
        """How far the weights are from the intact ones now."""
        ...

    def reach(self) -> Reach:
        """What of the model the lesion can reach."""
        ...


@dataclass(frozen=True)
class Receipt:
    """Proof of what a dose destroyed.

    Attributes:
        asked: units that the dose asks for: round(dose * n), summed over the orderings.
        destroyed: units destroyed.
        total: units there are.
        sites: sites in which at least one unit was destroyed.
        digest: of all destroyed units in their order, hexadecimal; equal digests, equal damage.
        places: where they were, a population each, lesion after lesion; none for damage to texts.
        norms: damage done to the weights, see `measured`; None where it was not measured.
        reach: of the lesion in the model; None as well, and for damage to texts.
    """

    asked: int
    destroyed: int
    total: int
    sites: int
    digest: str
    places: tuple[Place, ...] = ()
    damage: Damage | None = field(default=None, compare=False, repr=False)
    norms: Norms | None = field(default=None, compare=False, repr=False)
    reach: Reach | None = field(default=None, compare=False, repr=False)

    def units(self) -> dict[str, np.ndarray]:
        """Which units were destroyed, site by site, in the order of their destruction.

        Returns:
            Name -> int64 numbers of units. Units that are single numbers (weights, bits) have the
            name of their parameter; all others that of their place, such as `layer 3 heads`.

        Raises:
            LesionError: after the lesion was left, or in another process.

        Example:
            >>> with Lesion("heads").applied(model, 0.25) as receipt:
            ...     receipt.units()
            {'layer 0 heads': array([2]), 'layer 1 heads': array([0]), ...}
        """
        return self._open("units").units_at([place.destroyed for place in self.places])

    def masks(self) -> dict[str, torch.Tensor]:
        """Which numbers of the model's parameters are kept, as in `torch.nn.utils.prune`.

        Returns:
            Name of a parameter -> boolean tensor of its shape, True where the number is kept. All
            parameters that the lesion reaches. A number of which a bit is destroyed is not kept.

        Raises:
            LesionError: after the lesion was left, or in another process.
        """
        return self._open("masks").masks_at([place.destroyed for place in self.places])

    def measured(self) -> Receipt:
        """The receipt with the damage done to the weights, and the reach of the lesion.

        Call it before the next dose: the live weights are compared with the intact ones.

        Raises:
            LesionError: after the lesion was left, or in another process.

        Example:
            >>> with Lesion("heads").applied(model, 0.25) as receipt:
            ...     receipt.measured().norms.whole
            0.4803
        """
        if self.norms is not None:
            return self
        if not self.places:
            return replace(self, norms=UNHARMED)
        damage = self._open("measured")
        return replace(self, norms=damage.norms(), reach=damage.reach())

    def row(self) -> tuple[int, int, int, int, str]:
        """The five columns that a record keeps, without the places."""
        return self.asked, self.destroyed, self.total, self.sites, self.digest

    def detached(self) -> Receipt:
        """The receipt without the open lesion: what is kept, or sent to another process."""
        return replace(self, damage=None)

    def __getstate__(self) -> dict[str, Any]:
        """A pickled receipt is detached."""
        return {**self.__dict__, "damage": None}

    def _open(self, what: str) -> Damage:
        if self.damage is None or self.damage.closed:
            raise LesionError(
                f"receipt.{what}(): is available only while the lesion is open, in the process "
                "that opened it. Call it inside the with block."
            )
        return self.damage

"""Proof of damage: how many units a dose destroyed, where, and their digest. Needs no torch."""

from typing import NamedTuple


class Place(NamedTuple):
    """How much of one population a dose destroyed.

    Attributes:
        layer: zero-based; None outside the layers or across them.
        part: a word of `models.parts.PARTS`; heads, dimensions or layers for units across parts.
        index: of the module within its part and layer.
        tensor: what the units are in: weight, bias, weight bits, neuron, head, dimension, ...
        units: in the population, those that a listing leaves out included.
        destroyed: how many of them.
    """

    layer: int | None
    part: str
    index: int  # type: ignore[assignment]  # a place is read by its fields, never searched
    tensor: str
    units: int
    destroyed: int


class Receipt(NamedTuple):
    """Proof of what a dose destroyed.

    Attributes:
        asked: units that the dose asks for: round(dose * n), summed over the orderings.
        destroyed: units destroyed.
        units: units there are.
        sites: sites in which at least one unit was destroyed.
        digest: of all destroyed units in their order, hexadecimal; equal digests, equal damage.
        places: where they were, a population each, cut after cut; none for damage to texts.
    """

    asked: int
    destroyed: int
    units: int
    sites: int
    digest: str
    places: tuple[Place, ...] = ()

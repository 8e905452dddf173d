"""Over what an ordering runs: each site, each layer, or the whole model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lesion.schema.entries import Entry, table

if TYPE_CHECKING:
    from lesion.damage.population import Population


class Scope(Entry):
    """Over what an ordering runs; a subclass defines which populations are ordered together."""

    def groups(self, populations: Sequence[Population]) -> list[list[int]]:
        """Numbers of the populations that are ordered together; every number once."""
        raise NotImplementedError(f"{type(self).__name__} must define groups(populations)")


@dataclass(frozen=True)
class Site(Scope):
    """The same fraction of every tensor."""

    word = "site"

    def groups(self, populations: Sequence[Population]) -> list[list[int]]:
        """Each population on its own."""
        return [[number] for number in range(len(populations))]


@dataclass(frozen=True)
class Layer(Scope):
    """One ordering in every layer."""

    word = "layer"

    def groups(self, populations: Sequence[Population]) -> list[list[int]]:
        """The populations of each layer; those outside the layers are one group."""
        groups: dict[int | None, list[int]] = {}
        for number, population in enumerate(populations):
            groups.setdefault(population.layer, []).append(number)
        return list(groups.values())


@dataclass(frozen=True)
class Model(Scope):
    """One ordering over everything selected, so that tensors are hit unevenly."""

    word = "model"

    def groups(self, populations: Sequence[Population]) -> list[list[int]]:
        """All of them together."""
        return [list(range(len(populations)))]


SCOPES = table(Site, Layer, Model)

"""One lesion on one model: its orderings, and how far each has gone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from lesion.damage.arguments import plain_dose
from lesion.damage.effects import Effect, Target
from lesion.damage.orderings import Ordering, SizeMatchedOrdering, share_memory
from lesion.damage.orders import OrderContext, Random, counts_for
from lesion.damage.population import Population, UnitTensor
from lesion.damage.stored_bits import StoredBits

if TYPE_CHECKING:
    from lesion.damage.lesion import Lesion

CHUNK = 1 << 22  # units written at once: an ordering of bits is never whole in memory


class _OrderedGroup(NamedTuple):
    """Populations that are ordered together: their numbers, their orderings, all their units."""

    members: list[int]
    orderings: Sequence[Ordering]
    units: int


class OpenLesion:
    """The orderings of one lesion on one model, and how many units are destroyed.

    Args:
        lesion: what is done.
        effect: its effect, in the format of the model's memory.
        populations: its units.
        context: what its order uses; seed and address are those of its effect as well.
        means: id of a `UnitTensor` -> what holds its units at their means.

    Attributes:
        units: how many can be destroyed.
        destroyed: how many are, in each population.
    """

    def __init__(
        self,
        lesion: Lesion,
        effect: Effect,
        populations: Sequence[Population],
        context: OrderContext,
        means: Mapping[int, torch.Tensor],
    ) -> None:
        self.populations = populations
        self.destroyed = [0] * len(populations)
        self._context, self._means = context, means
        self._by_strength, self._effect = lesion.dose_is == "strength", effect
        self._values: dict[tuple[int, int], torch.Tensor] = {}
        self._stored: dict[int, StoredBits] = {}
        self.orderings: dict[int, Ordering] = {}
        self._groups: list[_OrderedGroup] = []
        for group in lesion.scope.groups(populations):
            ordered = _orderings(lesion, [populations[number] for number in group], context)
            total = sum(ordering.count for ordering in ordered)
            self._groups.append(_OrderedGroup(group, ordered, total))
            self.orderings |= zip(group, ordered, strict=True)
        share_memory(self.orderings.values())
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in populations]
        self._addresses = [str(population.address) for population in populations]
        self.units = sum(group.units for group in self._groups)

    def plain(self, dose: float) -> float:
        """A dose as Python's number.

        Raises:
            LesionError: if it is no fraction or, where it is a strength, out of the effect's range.
        """
        if not self._by_strength:
            return plain_dose(dose)
        part = self._effect.parameters()[self._effect.dose]
        low = -math.inf if part.low is None else part.low
        return plain_dose(dose, low, math.inf if part.high is None else part.high)

    def target_counts(self, dose: float) -> tuple[int, list[int]]:
        """Units asked for at a dose, and the number to be destroyed in each population."""
        share = float(dose != 0) if self._by_strength else dose
        asked, counts = 0, [0] * len(self.populations)
        for members, orderings, units in self._groups:
            total = round(share * units)
            for number, count in zip(members, counts_for(orderings, total), strict=True):
                counts[number] = count
            asked += total
        return asked, counts

    def set_strength(self, dose: float) -> bool:
        """Where the dose is a strength, set it; returns whether values already written change."""
        if not self._by_strength or not dose:
            return False
        effect = self._effect.at_dose(dose)
        if effect == self._effect:
            return False
        self._effect = effect
        self._values.clear()
        return any(self.destroyed)

    def upcoming(self, counts: Sequence[int]) -> Iterator[tuple[Ordering, int, int]]:
        """What `destroy` first takes of each ordering: from and to which of its positions."""
        for number, (start, count) in enumerate(zip(self.destroyed, counts, strict=True)):
            if start < count:
                yield self.orderings[number], start, min(start + CHUNK, count)

    def destroy(self, number: int, count: int, intact: dict[int, torch.Tensor]) -> None:
        """Bring population `number` to `count` destroyed units."""
        for start in range(self.destroyed[number], count, CHUNK):
            new_units = self.orderings[number].units(start, min(start + CHUNK, count))
            self._write(number, new_units.astype(np.int64), intact)
            stored = "<u8" if self.populations[number].count > 2**32 else "<u4"
            self._hashes[number].update(np.ascontiguousarray(new_units, stored).data)
        self.destroyed[number] = max(count, self.destroyed[number])

    def _write(self, number: int, new_units: np.ndarray, intact: dict[int, torch.Tensor]) -> None:
        population = self.populations[number]
        for owned in population.tensors:
            whole = intact[id(owned.tensor)]
            if population.bit_selection is None:
                units = torch.from_numpy(new_units).to(owned.tensor.device)
                owned.write(units, self._values_of(number, owned, whole))
                continue
            if number not in self._stored:
                self._stored[number] = StoredBits(owned.tensor, whole, population.bit_selection)
            self._stored[number].apply(new_units, self._effect.on_bits)

    def _values_of(self, number: int, owned: UnitTensor, intact: torch.Tensor) -> torch.Tensor:
        """What destroyed entries of a tensor become: made once a draw."""
        key = (number, id(owned))
        if key not in self._values:
            context, mean = self._context, self._means.get(id(owned))
            population = self.populations[number]
            target = Target(population, owned, context.seed, context.address, mean)
            self._values[key] = self._effect.values(intact, target)
        return self._values[key]

    def reset(self) -> None:
        """Start again from nothing destroyed."""
        self.destroyed = [0] * len(self.populations)
        self._stored.clear()
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in self.populations]

    def freezers(self) -> Iterator[Callable[[], None]]:
        """For every tensor that was hit: a function that writes its destroyed entries again."""
        for number, population in enumerate(self.populations):
            if not self.destroyed[number]:
                continue
            units = self.destroyed_units(number, self.destroyed[number])
            if population.bit_selection is not None:
                yield self._stored[number].freezer(units)
            else:
                for owned in population.tensors:
                    yield owned.freezer(torch.from_numpy(units).to(owned.tensor.device))

    def destroyed_units(self, number: int, count: int) -> np.ndarray:
        """The first units of a population, int64."""
        return self.orderings[number].units(0, count).astype(np.int64)

    def digest(self) -> bytes:
        """Of every population's address, count and destroyed units in their order."""
        whole = hashlib.blake2b(digest_size=16)
        for address, count, part in zip(self._addresses, self.destroyed, self._hashes, strict=True):
            whole.update(f"{address}:{count}:".encode() + part.digest())
        return whole.digest()


def _orderings(
    lesion: Lesion, group: Sequence[Population], context: OrderContext
) -> Sequence[Ordering]:
    ordered = lesion.order.rank(group, context)
    if not lesion.size_matched:
        return ordered
    random = Random().rank(group, context)
    return [SizeMatchedOrdering(*pair) for pair in zip(ordered, random, strict=True)]

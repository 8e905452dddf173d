"""An opened lesion on a live model: deepened dose by dose, proven, and healed bit for bit."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from lesion.damage import live
from lesion.damage.arguments import plain_dose
from lesion.damage.effects import Effect, Key, Settings
from lesion.damage.orderings import Matched, Ordering, look_ahead, share_room
from lesion.damage.orders import ORDERS, Aids, Order, counts
from lesion.damage.originals import COPIES, Originals
from lesion.damage.receipt import Place, Receipt
from lesion.damage.stored_bits import Memory
from lesion.damage.units import Address, Population, Span

CHUNK = 1 << 22  # units written at once: an ordering of bits is never whole in memory


@dataclass(frozen=True)
class Recipe:
    """How a cut is made: the words of a lesion, looked up.

    Attributes:
        key: seed, and the address of lesion and draw.
        by_strength: the dose is the strength of the effect, and every unit is hit.
        size_matched: the order decides only how many units go in each population; which ones is
            drawn at random among all, so that a targeted lesion has a control of its own size.
    """

    order: Order
    scope: Callable[[Sequence[Population]], list[list[int]]]
    effect: Effect
    settings: Settings
    aids: Aids
    key: Key
    by_strength: bool = False
    size_matched: bool = False


class _Group(NamedTuple):
    """Populations that are ordered together: their numbers, their rankings, all their units."""

    members: list[int]
    rankings: Sequence[Ordering]
    units: int


class Cut:
    """The orderings of one lesion on one model, and how far each is gone.

    Attributes:
        units: how many can be destroyed.
    """

    def __init__(self, populations: Sequence[Population], recipe: Recipe) -> None:
        self.populations = populations
        self.gone = [0] * len(populations)
        self._recipe, self._settings = recipe, recipe.settings
        self._values: dict[tuple[int, int], torch.Tensor] = {}
        self._memories: dict[int, Memory] = {}
        self._rankings: dict[int, Ordering] = {}
        self._groups: list[_Group] = []
        for group in recipe.scope(populations):
            ranked = _ranked([populations[number] for number in group], recipe)
            self._groups.append(_Group(group, ranked, sum(one.count for one in ranked)))
            self._rankings |= zip(group, ranked, strict=True)
        share_room(self._rankings.values())
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in populations]
        self._addresses = [str(one.address) for one in populations]
        self.units = sum(group.units for group in self._groups)

    def plain(self, dose: float) -> float:
        """A dose as Python's number.

        Raises:
            LesionError: if it is no fraction or, where it is a strength, out of the effect's range.
        """
        strength = self._recipe.effect.strength if self._recipe.by_strength else None
        return plain_dose(dose, *(strength or (0.0, 1.0)))

    def goal(self, dose: float) -> tuple[int, list[int]]:
        """Units asked for at a dose, and the number to be dead in each population."""
        share = float(dose != 0) if self._recipe.by_strength else dose
        asked, goal = 0, [0] * len(self.populations)
        for members, rankings, units in self._groups:
            total = round(share * units)
            for number, count in zip(members, counts(rankings, total), strict=True):
                goal[number] = count
            asked += total
        return asked, goal

    def set_strength(self, dose: float) -> bool:
        """Where the dose is a strength, take it; whether what is destroyed must be done again."""
        if not self._recipe.by_strength or self._settings.strength == dose:
            return False
        self._settings = replace(self._settings, strength=float(dose))
        self._values.clear()
        return any(self.gone)

    def next(self, goal: Sequence[int]) -> Iterator[tuple[Ordering, int, int]]:
        """What `destroy` will first ask of each ordering, from and to which of its places."""
        for number, (gone, count) in enumerate(zip(self.gone, goal, strict=True)):
            if gone < count:
                yield self._rankings[number], gone, min(gone + CHUNK, count)

    def destroy(self, number: int, count: int, intact: dict[int, torch.Tensor]) -> None:
        """Bring population `number` to `count` dead units."""
        for start in range(self.gone[number], count, CHUNK):
            fresh = self._rankings[number].between(start, min(start + CHUNK, count))
            self._write(number, fresh.astype(np.int64), intact)
            stored = "<u8" if self.populations[number].count > 2**32 else "<u4"
            self._hashes[number].update(np.ascontiguousarray(fresh, stored).data)
        self.gone[number] = max(count, self.gone[number])

    def _write(self, number: int, fresh: np.ndarray, intact: dict[int, torch.Tensor]) -> None:
        population = self.populations[number]
        for span in population.spans:
            whole = intact[id(span.tensor)]
            if population.cells is None:
                units = torch.from_numpy(fresh).to(span.tensor.device)
                span.write(units, self._values_of(number, span, whole))
                continue
            on_bits = self._recipe.effect.on_bits
            assert on_bits is not None, "checked when the lesion is made"
            if number not in self._memories:
                self._memories[number] = Memory(span.tensor, whole, population.cells)
            self._memories[number].strike(fresh, on_bits)

    def _values_of(self, number: int, span: Span, intact: torch.Tensor) -> torch.Tensor:
        """What destroyed entries of a span become: made once a draw."""
        key = (number, id(span))
        if key not in self._values:
            recipe = self._recipe
            self._values[key] = recipe.effect.values(
                intact, self.populations[number], span, self._settings, recipe.key
            )
        return self._values[key]

    def forget(self) -> None:
        """Start again from nothing destroyed."""
        self.gone = [0] * len(self.populations)
        self._memories.clear()
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in self.populations]

    def holders(self) -> Iterator[Callable[[], None]]:
        """For every tensor that was hit: what writes its destroyed entries as they are now."""
        for number, (population, gone) in enumerate(zip(self.populations, self.gone, strict=True)):
            if gone and population.cells is not None:
                yield self._memories[number].holder(self._dead(number))
            elif gone:
                units = self._dead(number)
                for span in population.spans:
                    yield span.holder(torch.from_numpy(units).to(span.tensor.device))

    def _dead(self, number: int) -> np.ndarray:
        return self._rankings[number].between(0, self.gone[number]).astype(np.int64)

    def digest(self) -> bytes:
        """Of every population's address, count and destroyed units in their order."""
        whole = hashlib.blake2b(digest_size=16)
        for address, gone, part in zip(self._addresses, self.gone, self._hashes, strict=True):
            whole.update(f"{address}:{gone}:".encode() + part.digest())
        return whole.digest()


def _ranked(group: Sequence[Population], recipe: Recipe) -> Sequence[Ordering]:
    ranked = recipe.order.rank(group, *recipe.key, recipe.aids)
    if not recipe.size_matched:
        return ranked
    drawn = ORDERS["random"].rank(group, *recipe.key, recipe.aids)
    return [Matched(targeted, chance) for targeted, chance in zip(ranked, drawn, strict=True)]


class Wound:
    """One or more cuts at the same dose. Made by `Lesion.opened`, which also heals it."""

    def __init__(self, cuts: Sequence[Cut], originals: Originals = COPIES) -> None:
        self._cuts = cuts
        spans = [
            span for cut in cuts for population in cut.populations for span in population.spans
        ]
        self._where = [
            (*population.address, population.count)
            for cut in cuts
            for population in cut.populations
        ]
        self._intact = {id(span.tensor): originals.of(span.tensor) for span in spans}
        held = {id(span.tensor): span for span in spans}
        self._live = {key: live.Live(one, self._intact[key]) for key, one in held.items()}
        self._far = any(span.tensor.device.type != "cpu" for span in spans)
        self.may_write: Callable[[], None] = lambda: None  # raises where it may not
        self.before_leaving: Callable[[], None] = lambda: None  # undoes what stands on the damage

    @property
    def tensors(self) -> list[torch.Tensor]:
        """What it writes to, each once."""
        return [one.memory for one in self._live.values()]

    @torch.no_grad()
    def deepen(self, dose: float) -> Receipt:
        """Go to a dose, writing only what changes; a smaller dose heals first.

        Raises:
            LesionError: if the dose is out of its range, if the lesion was left or another one
                was opened on it, or if the model no longer reads what would be written.
        """
        dose, *_ = [cut.plain(dose) for cut in self._cuts]  # within the range of each
        self.may_write()
        live.check_current(self._live.values())
        goals = [cut.goal(dose) for cut in self._cuts]
        again = [cut.set_strength(dose) for cut in self._cuts]
        if any(again) or any(
            count < gone
            for cut, (_, goal) in zip(self._cuts, goals, strict=True)
            for count, gone in zip(goal, cut.gone, strict=True)
        ):
            self.heal()
        for cut, (_, goal) in zip(self._cuts, goals, strict=True):
            if self._far:
                look_ahead(cut.next(goal))
            for number, count in enumerate(goal):
                cut.destroy(number, count, self._intact)
        return self._receipt(sum(asked for asked, _ in goals))

    @torch.no_grad()
    def heal(self) -> None:
        """Restore every bit of every tensor that was touched.

        Raises:
            LesionError: if one was replaced by other numbers in the meantime.
        """
        touched = {
            id(span.tensor): None
            for cut in self._cuts
            for population, gone in zip(cut.populations, cut.gone, strict=True)
            if gone
            for span in population.spans
        }
        for cut in self._cuts:
            cut.forget()
        live.heal(self._live[key] for key in touched)

    def leave(self) -> None:
        """Undo what stands on the damage, and then the damage."""
        try:
            self.before_leaving()
        finally:
            self.heal()

    @torch.no_grad()
    def holder(self) -> Callable[[], None]:
        """What keeps destroyed units as they are now while the rest of the model is trained.

        Call it after every step. A bit that is a unit keeps its state; the other bits of its
        number are free.
        """
        holders = [hold for cut in self._cuts for hold in cut.holders()]

        @torch.no_grad()
        def hold() -> None:
            for one in holders:
                one()

        return hold

    def _receipt(self, asked: int) -> Receipt:
        whole = hashlib.blake2b(digest_size=16)
        for cut in self._cuts:
            whole.update(cut.digest())
        hit = [
            population.sites
            for cut in self._cuts
            for population, gone in zip(cut.populations, cut.gone, strict=True)
            if gone
        ]
        touched: set[Address] = set().union(*hit)
        gone = [count for cut in self._cuts for count in cut.gone]
        units = sum(cut.units for cut in self._cuts)
        return Receipt(asked, sum(gone), units, len(touched), whole.hexdigest(), self._places(gone))

    def _places(self, gone: Sequence[int]) -> tuple[Place, ...]:
        pairs = zip(self._where, gone, strict=True)
        return tuple([Place._make((*where, count)) for where, count in pairs])

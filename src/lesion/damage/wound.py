"""An opened lesion on a live model: deepened dose by dose, proven, and healed bit for bit."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from lesion.damage.effects import Effect, Key, Settings
from lesion.damage.orders import ORDERS, Aids, Order, Ranking, counts
from lesion.damage.originals import COPIES, Originals
from lesion.damage.spill import Spill
from lesion.damage.units import Address, Population, Span
from lesion.errors import LesionError


class Receipt(NamedTuple):
    """Proof of what a dose destroyed.

    Attributes:
        asked: units that the dose asks for: round(dose * n), summed over the orderings.
        destroyed: units destroyed.
        units: units there are.
        sites: sites in which at least one unit was destroyed.
        digest: of all destroyed units in their order, hexadecimal; equal digests, equal damage.
    """

    asked: int
    destroyed: int
    units: int
    sites: int
    digest: str


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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


class Cut:
    """The orderings of one lesion on one model, and how far each is gone."""

    def __init__(self, populations: Sequence[Population], recipe: Recipe) -> None:
        self.populations = populations
        self.gone = [0] * len(populations)
        self._recipe, self._settings = recipe, recipe.settings
        self._values: dict[tuple[int, int], torch.Tensor] = {}
        self._groups, spill = recipe.scope(populations), Spill()
        self._rankings: list[Ranking] = [Ranking(np.empty(0), np.empty(0))] * len(populations)
        for group in self._groups:
            members = [populations[number] for number in group]
            ranked = recipe.order.rank(members, *recipe.key, recipe.aids)
            if recipe.size_matched:
                drawn = ORDERS["random"].rank(members, *recipe.key, recipe.aids)
                ranked = [
                    targeted._replace(units=chance.units[: len(targeted.units)])
                    for targeted, chance in zip(ranked, drawn, strict=True)
                ]
            for number, ranking in zip(group, ranked, strict=True):
                self._rankings[number] = _slim(ranking, len(group) == 1, spill)
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in populations]

    @property
    def units(self) -> int:
        """How many units can be destroyed."""
        return sum(len(ranking.units) for ranking in self._rankings)

    def check(self, dose: float) -> None:
        """Refuse a dose that is none.

        Raises:
            LesionError: if it is no fraction or, where it is a strength, out of the effect's range.
        """
        strength = self._recipe.effect.strength if self._recipe.by_strength else None
        low, high = strength or (0.0, 1.0)
        if not (_is_number(dose) and (low <= dose <= high or dose == 0)):
            raise LesionError(f"dose must be a float in [{low:g}, {high:g}]. Got {dose!r}.")

    def goal(self, dose: float) -> tuple[int, list[int]]:
        """Units asked for at a dose, and the number to be dead in each population."""
        share = float(dose != 0) if self._recipe.by_strength else dose
        asked, goal = 0, [0] * len(self.populations)
        for group in self._groups:
            rankings = [self._rankings[number] for number in group]
            total = round(share * sum(len(ranking.units) for ranking in rankings))
            for number, count in zip(group, counts(rankings, total), strict=True):
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

    def destroy(self, number: int, count: int, intact: dict[int, torch.Tensor]) -> None:
        """Bring population `number` to `count` dead units."""
        fresh = self._rankings[number].units[self.gone[number] : count]
        if not len(fresh):
            return
        for span in self.populations[number].spans:
            values = self._values_of(number, span, intact[id(span.tensor)])
            span.write(torch.from_numpy(fresh.astype(np.int64)).to(span.tensor.device), values)
        self._hashes[number].update(fresh.astype("<u4").tobytes())
        self.gone[number] = count

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
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in self.populations]

    def digest(self) -> bytes:
        """Of every population's address, count and destroyed units in their order."""
        whole = hashlib.blake2b(digest_size=16)
        for population, gone, part in zip(self.populations, self.gone, self._hashes, strict=True):
            whole.update(f"{population.address}:{gone}:".encode() + part.digest())
        return whole.digest()


def _slim(ranking: Ranking, single: bool, spill: Spill) -> Ranking:
    """What is needed of a ranking: a population that is ordered alone needs no keys."""
    keys = np.empty(0, np.uint32) if single else ranking.keys  # a slice would keep them all
    return Ranking(spill.put(np.asarray(ranking.units)), keys)


class Wound:
    """One or more cuts at the same dose. Made by `Lesion.opened`, which also heals it."""

    def __init__(self, cuts: Sequence[Cut], originals: Originals = COPIES) -> None:
        self._cuts = cuts
        self._intact = {
            id(span.tensor): originals.of(span.tensor)
            for cut in cuts
            for population in cut.populations
            for span in population.spans
        }

    @torch.no_grad()
    def deepen(self, dose: float) -> Receipt:
        """Go to a dose, writing only what changes; a smaller dose heals first.

        Raises:
            LesionError: if the dose is out of its range.
        """
        for cut in self._cuts:
            cut.check(dose)
        goals = [cut.goal(dose) for cut in self._cuts]
        again = [cut.set_strength(dose) for cut in self._cuts]
        if any(again) or any(
            count < gone
            for cut, (_, goal) in zip(self._cuts, goals, strict=True)
            for count, gone in zip(goal, cut.gone, strict=True)
        ):
            self.heal()
        for cut, (_, goal) in zip(self._cuts, goals, strict=True):
            for number, count in enumerate(goal):
                cut.destroy(number, count, self._intact)
        return self._receipt(sum(asked for asked, _ in goals))

    @torch.no_grad()
    def heal(self) -> None:
        """Restore every bit of every tensor that was touched."""
        for cut in self._cuts:
            for population, gone in zip(cut.populations, cut.gone, strict=True):
                for span in population.spans if gone else ():
                    span.tensor.copy_(self._intact[id(span.tensor)])
            cut.forget()

    def _receipt(self, asked: int) -> Receipt:
        touched: set[Address] = set()
        whole = hashlib.blake2b(digest_size=16)
        for cut in self._cuts:
            whole.update(cut.digest())
            for population, gone in zip(cut.populations, cut.gone, strict=True):
                touched |= population.sites if gone else frozenset()
        return Receipt(
            asked,
            sum(sum(cut.gone) for cut in self._cuts),
            sum(cut.units for cut in self._cuts),
            len(touched),
            whole.hexdigest(),
        )

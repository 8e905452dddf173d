"""An opened lesion on a live model: deepened dose by dose, proven, and healed bit for bit."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import torch

from lesion.damage.effects import EFFECTS
from lesion.damage.orders import ORDERS, SCOPES, counts, rank
from lesion.damage.units import Population
from lesion.errors import LesionError

Address = tuple[str | int, ...]


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


def _is_dose(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


class Cut:
    """The orderings of one lesion on one model, and how far each is gone."""

    def __init__(
        self,
        populations: Sequence[Population],
        order: str,
        scope: str,
        effect: str,
        seed: int,
        address: Address,
    ) -> None:
        keys = ORDERS[order].keys
        self.populations = populations
        self.gone = [0] * len(populations)
        self._rankings = [rank(keys(population, seed, address)) for population in populations]
        self._groups = SCOPES[scope](populations)
        self._effect = EFFECTS[effect]
        self._hashes = [hashlib.blake2b(digest_size=16) for _ in populations]

    def goal(self, dose: float) -> tuple[int, list[int]]:
        """Units asked for at a dose, and the number to be dead in each population."""
        asked, goal = 0, [0] * len(self.populations)
        for group in self._groups:
            total = round(dose * sum(self.populations[number].count for number in group))
            taken = counts([self._rankings[number] for number in group], total)
            for number, count in zip(group, taken, strict=True):
                goal[number] = count
            asked += total
        return asked, goal

    def destroy(self, number: int, count: int, intact: dict[int, torch.Tensor]) -> None:
        """Bring population `number` to `count` dead units."""
        fresh = self._rankings[number].units[self.gone[number] : count]
        if not len(fresh):
            return
        for span in self.populations[number].spans:
            unit = torch.from_numpy(fresh).to(span.tensor.device)
            span.view[span.entries(unit)] = self._effect(intact[id(span.tensor)])
        self._hashes[number].update(fresh.astype("<u4").tobytes())
        self.gone[number] = count

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


class Wound:
    """One or more cuts at the same dose. Made by `Lesion.opened`, which also heals it."""

    def __init__(self, cuts: Sequence[Cut]) -> None:
        self._cuts = cuts
        self._intact = {
            id(span.tensor): span.tensor.detach().clone()
            for cut in cuts
            for population in cut.populations
            for span in population.spans
        }

    @torch.no_grad()
    def deepen(self, dose: float) -> Receipt:
        """Go to a dose, writing only what changes; a smaller dose heals first.

        Raises:
            LesionError: if the dose is not a number in [0, 1].
        """
        if not _is_dose(dose):
            raise LesionError(f"dose must be a float in [0, 1]. Got {dose!r}.")
        goals = [cut.goal(dose) for cut in self._cuts]
        if any(
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
        touched, whole = set(), hashlib.blake2b(digest_size=16)
        for cut in self._cuts:
            whole.update(cut.digest())
            for population, gone in zip(cut.populations, cut.gone, strict=True):
                if gone:
                    touched.add(population.address[:3])
        return Receipt(
            asked,
            sum(sum(cut.gone) for cut in self._cuts),
            sum(population.count for cut in self._cuts for population in cut.populations),
            len(touched),
            whole.hexdigest(),
        )

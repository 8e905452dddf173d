"""Opened lesions on a live model: deepened dose by dose, proven, and healed bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from lesion.damage import live
from lesion.damage.norms import NormMeter, Norms
from lesion.damage.open_lesion import OpenLesion
from lesion.damage.orderings import presort
from lesion.damage.originals import ALWAYS_COPY, Originals
from lesion.damage.population import Population
from lesion.damage.reach import Reach, reach_of
from lesion.damage.receipt import Place, Receipt


class Wound:
    """One or more open lesions at the same dose. Made by `Lesion.opened`, which also heals it."""

    def __init__(
        self, model: nn.Module, lesions: Sequence[OpenLesion], originals: Originals = ALWAYS_COPY
    ) -> None:
        self._model, self.lesions = model, lesions
        self.closed = False
        every = [population for lesion in lesions for population in lesion.populations]
        tensors = {id(owned.tensor): owned for population in every for owned in population.tensors}
        self._where = [(*population.address, population.count) for population in every]
        self.intact = {key: originals.intact(owned.tensor) for key, owned in tensors.items()}
        self._live = {key: live.Live(owned, self.intact[key]) for key, owned in tensors.items()}
        self._on_accelerator = any(owned.tensor.device.type != "cpu" for owned in tensors.values())
        self.may_write: Callable[[], None] = lambda: None  # raises where it may not
        self.before_leaving: Callable[[], None] = lambda: None  # undoes what came after it

    @property
    def tensors(self) -> list[torch.Tensor]:
        """What it writes to, each once."""
        return [tensor.memory for tensor in self._live.values()]

    @torch.no_grad()
    def deepen(self, dose: float) -> Receipt:
        """Go to a dose, writing only what changes; a smaller dose heals first.

        Raises:
            LesionError: if the dose is out of its range, if the lesion was left or another one
                was opened on it, or if the model no longer reads what would be written.
        """
        dose, *_ = [lesion.plain(dose) for lesion in self.lesions]  # within the range of each
        self.may_write()
        live.check_current(self._live.values())
        targets = [lesion.target_counts(dose) for lesion in self.lesions]
        changed = [lesion.set_strength(dose) for lesion in self.lesions]
        if any(changed) or any(
            count < destroyed
            for lesion, (_, counts) in zip(self.lesions, targets, strict=True)
            for count, destroyed in zip(counts, lesion.destroyed, strict=True)
        ):
            self.heal()
        for lesion, (_, counts) in zip(self.lesions, targets, strict=True):
            if self._on_accelerator:
                presort(lesion.upcoming(counts))
            for number, count in enumerate(counts):
                lesion.destroy(number, count, self.intact)
        return self._receipt(sum(asked for asked, _ in targets))

    @torch.no_grad()
    def heal(self) -> None:
        """Restore every bit of every tensor that was touched.

        Raises:
            LesionError: if one was replaced by other numbers in the meantime.
        """
        touched = {id(owned.tensor): None for population, _ in self._hit()
                   for owned in population.tensors}  # fmt: skip
        for lesion in self.lesions:
            lesion.reset()
        live.heal(self._live[key] for key in touched)

    def leave(self) -> None:
        """Undo what was done after the damage, and then the damage."""
        self.closed = True
        try:
            self.before_leaving()
        finally:
            self.heal()

    @torch.no_grad()
    def freezer(self) -> Callable[[], None]:
        """A function that keeps destroyed units as they are now while the rest is trained.

        Call it after every step. A bit that is a unit keeps its state; the other bits of its
        number are free.
        """
        freezers = [reapply for lesion in self.lesions for reapply in lesion.freezers()]

        @torch.no_grad()
        def reapply() -> None:
            for one_tensor in freezers:
                one_tensor()

        return reapply

    @cached_property
    def _meter(self) -> NormMeter:
        every = [population for lesion in self.lesions for population in lesion.populations]
        return NormMeter(every, self._live)

    def norms(self) -> Norms:
        """See `lesion.damage.receipt.Receipt.measured`."""
        return self._meter.measure(population for population, _ in self._hit())

    @cached_property
    def _reach(self) -> Reach:
        return reach_of(self._model, self.lesions)

    def reach(self) -> Reach:
        """See `lesion.damage.receipt.Receipt.measured`."""
        return self._reach

    def units_at(self, counts: Sequence[int]) -> dict[str, np.ndarray]:
        """See `lesion.damage.receipt.Receipt.units`."""
        units: dict[str, np.ndarray] = {}
        for population, first in self._first(counts):
            if population.key in units:  # several lesions, the same kind of unit
                both = np.concatenate((units[population.key], first))
                _, where = np.unique(both, return_index=True)
                first = both[np.sort(where)]
            units[population.key] = first
        return units

    def masks_at(self, counts: Sequence[int]) -> dict[str, torch.Tensor]:
        """See `lesion.damage.receipt.Receipt.masks`."""
        masks: dict[str, torch.Tensor] = {}
        for population, first in self._first(counts):
            numbers = first
            if population.bit_selection is not None:
                numbers = np.unique(first // len(population.bit_selection.positions))
            for owned in population.tensors:
                owned.add_to(masks, torch.from_numpy(numbers).to(owned.tensor.device))
        return masks

    def _first(self, counts: Sequence[int]) -> Iterator[tuple[Population, np.ndarray]]:
        numbered = [(lesion, number) for lesion in self.lesions
                    for number in range(len(lesion.populations))]  # fmt: skip
        for (lesion, number), count in zip(numbered, counts, strict=True):
            yield lesion.populations[number], lesion.destroyed_units(number, count)

    def _hit(self) -> Iterator[tuple[Population, int]]:
        """The populations with destroyed units, and how many."""
        for lesion in self.lesions:
            for population, count in zip(lesion.populations, lesion.destroyed, strict=True):
                if count:
                    yield population, count

    def _receipt(self, asked: int) -> Receipt:
        digest = hashlib.blake2b(digest_size=16)
        for lesion in self.lesions:
            digest.update(lesion.digest())
        sites: set[Any] = set().union(*(population.sites for population, _ in self._hit()))
        destroyed = [count for lesion in self.lesions for count in lesion.destroyed]
        total = sum(lesion.units for lesion in self.lesions)
        pairs = zip(self._where, destroyed, strict=True)
        places = tuple([Place._make((*where, count)) for where, count in pairs])
        return Receipt(asked, sum(destroyed), total, len(sites), digest.hexdigest(), places, self)

"""Damage done to weights: the norm of their change over that of the intact ones, ‖ΔW‖/‖W‖.

It is measured by comparing the live tensors with their intact values, a block at a time. So it
holds for every effect, also for bits and for several lesions on one tensor, and does not depend on
the doses that came before: a trial that is resumed has the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

    from lesion.damage.live import Live
    from lesion.damage.population import Population

    Address = tuple[int, tuple[int, ...], tuple[int, ...]]

BLOCK = 1 << 17  # numbers that are compared at once: they stay in the processor's cache


class Norms(NamedTuple):
    """Frobenius norms of a change, relative to those of the intact tensors.

    inf where a number is no longer finite, or where tensors of zeros were changed.

    Attributes:
        whole: over all tensors in which the lesion has units.
        places: over those of each place of the receipt.
    """

    whole: float
    places: tuple[float, ...]


UNHARMED = Norms(0.0, ())  # texts were damaged, and no weight


class NormMeter:
    """Measures the change of the tensors of open lesions.

    Args:
        populations: those of the places, in their order.
        live: id of a tensor -> the tensor with its intact values.
    """

    def __init__(self, populations: Sequence[Population], live: Mapping[int, Live]) -> None:
        self._address = {key: _address(tensor.memory) for key, tensor in live.items()}
        # two lesions may hold views of one part of a parameter
        self._tensors = {self._address[key]: tensor for key, tensor in live.items()}
        self._places = [self._of(population) for population in populations]

    @cached_property
    def _intact(self) -> dict[Address, float]:
        return _fetched({key: _squares(live.intact) for key, live in self._tensors.items()})

    def measure(self, touched: Iterable[Population]) -> Norms:
        """The norms now.

        Args:
            touched: the populations that have destroyed units.
        """
        import torch

        with torch.no_grad():
            keys = dict.fromkeys(key for population in touched for key in self._of(population))
            live = {key: self._tensors[key] for key in keys}
            change = _fetched({key: _squares(t.memory, t.intact) for key, t in live.items()})
            places = tuple(self._relative(keys, change) for keys in self._places)
            return Norms(self._relative(self._tensors, change), places)

    def _of(self, population: Population) -> list[Address]:
        return [self._address[id(owned.tensor)] for owned in population.tensors]

    def _relative(self, keys: Iterable[Address], change: Mapping[Address, float]) -> float:
        moved = math.fsum(change.get(key, 0.0) for key in keys)
        if not moved:
            return 0.0
        whole = math.fsum(self._intact[key] for key in keys)
        if not math.isfinite(moved) or not whole:
            return math.inf  # NaN is as far away as an infinity
        return math.sqrt(moved / whole)


def _squares(tensor: torch.Tensor, other: torch.Tensor | None = None) -> torch.Tensor:
    """The sum of squares of a tensor, or of its difference from another: float64, a scalar."""
    import torch

    rows = max(1, BLOCK * len(tensor) // max(1, tensor.numel()))
    sums = []
    blocks = zip(tensor.split(rows), (tensor if other is None else other).split(rows), strict=True)
    for block, beside in blocks:
        change = _wide(block) if other is None else _wide(block) - _wide(beside)
        flat = change.double().reshape(-1)
        sums.append(torch.dot(flat, flat))
    return sums[0] if len(sums) == 1 else torch.stack(sums).sum()


def _wide(block: torch.Tensor) -> torch.Tensor:
    """In a type in which differences of 16-bit numbers are exact enough, and finite."""
    return block.float() if block.element_size() < 4 else block


def _fetched(scalars: Mapping[Address, torch.Tensor]) -> dict[Address, float]:
    """Numbers of a device, fetched at once."""
    import torch

    if not scalars:
        return {}
    device = next(iter(scalars.values())).device
    values = torch.stack([scalar.to(device) for scalar in scalars.values()]).tolist()
    return dict(zip(scalars, values, strict=True))


def _address(tensor: torch.Tensor) -> Address:
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride()

"""Bits of stored numbers, changed where they lie."""

from collections.abc import Callable

import numpy as np
import torch

from lesion.damage.formats import FORMATS, Cells, storage


class Memory:
    """One tensor as a memory holds it.

    Args:
        tensor: the live one.
        intact: a copy of it before any damage.
        cells: format, and the bits that are units.
    """

    def __init__(self, tensor: torch.Tensor, intact: torch.Tensor, cells: Cells) -> None:
        self._tensor, self._cells = tensor.detach(), cells
        self._storage = storage(intact, cells.format)
        # a view of the live tensor in its own format; rounded to another format, a copy
        self._stored = self._storage.encode(self._tensor)
        self._own = FORMATS[cells.format][0] == tensor.dtype

    def strike(
        self, units: np.ndarray, effect: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> None:
        """Change bits; each comes once in the life of a wound, so their order does not matter.

        Args:
            units: int64 (k,), number times chosen bits plus bit.
            effect: stored numbers, masks -> stored numbers.
        """
        index, masks = self._masks(units)
        self._stored[index] = effect(self._stored[index], masks)
        if not self._own:
            self._tensor[index] = self._storage.decode(self._stored[index])

    def holder(self, units: np.ndarray) -> Callable[[], None]:
        """What gives these bits the state back that they have now, whatever else changes."""
        held = torch.zeros_like(self._stored)
        index, masks = self._masks(units)
        held[index] = masks
        state = self._stored & held

        def hold() -> None:
            fixed = self._storage.encode(self._tensor) & ~held | state
            if self._own:
                self._stored.copy_(fixed)
            else:
                whole = self._storage.decode(fixed)
                self._tensor.copy_(torch.where(held != 0, whole, self._tensor))

        return hold

    def _masks(self, units: np.ndarray) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Where the numbers are whose bits these are, each once, and their bits as masks."""
        places = np.array(self._cells.places, np.uint64)
        number, bit = np.divmod(units, len(places))
        order = np.argsort(number, kind="stable")
        number, single = number[order], np.uint64(1) << places[bit[order]]
        first = np.flatnonzero(np.diff(number, prepend=-1))
        whole = np.bitwise_or.reduceat(single, first) if len(first) else single
        where = torch.from_numpy(number[first]).to(self._tensor.device)
        masks = self._storage.masks(whole).to(self._tensor.device)
        return torch.unravel_index(where, self._tensor.shape), masks

"""Bits of stored numbers, changed in place."""

from collections.abc import Callable

import numpy as np
import torch

from lesion.damage.formats import BitSelection, format_of_tensor


class StoredBits:
    """One tensor as a memory holds it.

    Args:
        tensor: the live one.
        intact: a copy of it before any damage.
        selection: format, and the bits that are units.
    """

    def __init__(self, tensor: torch.Tensor, intact: torch.Tensor, selection: BitSelection) -> None:
        self._tensor, self._selection = tensor.detach(), selection
        self._format = format_of_tensor(intact, selection.format)
        # a view of the live tensor in its own format; rounded to another format, a copy
        self._stored = self._format.encode(self._tensor)
        self._in_place = self._format.own

    def apply(
        self, units: np.ndarray, effect: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> None:
        """Change bits; each comes once in the life of a wound, so their order does not matter.

        Args:
            units: int64 (k,), number times chosen bits plus bit.
            effect: stored numbers, masks -> stored numbers.
        """
        index, masks = self._masks(units)
        self._stored[index] = effect(self._stored[index], masks)
        if not self._in_place:
            self._tensor[index] = self._format.decode(self._stored[index])

    def freezer(self, units: np.ndarray) -> Callable[[], None]:
        """A function that gives these bits their present state back, whatever else changes."""
        frozen = torch.zeros_like(self._stored)
        index, masks = self._masks(units)
        frozen[index] = masks
        state = self._stored & frozen

        def reapply() -> None:
            fixed = self._format.encode(self._tensor) & ~frozen | state
            if self._in_place:
                self._stored.copy_(fixed)
            else:
                whole = self._format.decode(fixed)
                self._tensor.copy_(torch.where(frozen != 0, whole, self._tensor))

        return reapply

    def _masks(self, units: np.ndarray) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """The numbers whose bits these are, each once, and their bits as masks."""
        positions = np.array(self._selection.positions, np.uint64)
        number, bit = np.divmod(units, len(positions))
        order = np.argsort(number, kind="stable")
        number, single = number[order], np.uint64(1) << positions[bit[order]]
        first = np.flatnonzero(np.diff(number, prepend=-1))
        whole = np.bitwise_or.reduceat(single, first) if len(first) else single
        numbers = torch.from_numpy(number[first]).to(self._tensor.device)
        masks = self._format.masks(whole).to(self._tensor.device)
        return torch.unravel_index(numbers, self._tensor.shape), masks

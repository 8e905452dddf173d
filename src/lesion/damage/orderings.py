"""A population in the order of its destruction, sorted only as far as it is asked for.

Of the 85 million weights of BERT's layers a low dose takes a few. Only these are sorted: the keys
at the borders are found by selection, what lies between them is picked out and sorted by (key,
position). What will be asked next is sorted along with it, as far as there is room.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SMALL = 2**16  # units that are sorted about as fast as a part of them is selected
NOTHING = np.empty(0, np.uint32)
ROOM = 2**24  # sorted units, and keys, that the rankings of one lesion may hold together


class Ordering(Protocol):
    """What is asked of the ordering of a population."""

    @property
    def count(self) -> int:
        """How many units can be taken."""

    def between(self, start: int, stop: int) -> np.ndarray:
        """The units from one place of the ordering to another, whole numbers."""

    def below(self, border: int) -> int:
        """How many units have a smaller key, from 0 to 2**32."""


class Ranking:
    """An ordering of units by (key, position).

    Args:
        count: how many units are ordered.
        keys: makes the uint32 key of each unit; called again where they are too many to be held.
    """

    def __init__(self, count: int, keys: Callable[[], np.ndarray]) -> None:
        self.count = count
        self._make, self._room = keys, count
        self._held: np.ndarray | None = None
        self._sorted: np.ndarray | None = None
        self._start, self._window = 0, NOTHING  # units from that place on
        self._asked = False

    @property
    def units(self) -> np.ndarray:
        """All of them in their order, whole numbers."""
        return self.between(0, self.count)

    def share(self, room: int) -> None:
        """Hold at most so many units."""
        self._room = room

    def between(self, start: int, stop: int) -> np.ndarray:
        """The units from one place of the ordering to another, whole numbers."""
        self.sort(start, stop)
        found = self._window[start - self._start : stop - self._start]
        if self._room < self.count and stop == self._start + len(self._window):
            self._start, self._window = stop, NOTHING
        return found

    def sort(self, start: int, stop: int) -> None:
        """Have at hand what will be asked next.

        Sorts what is asked; where it is little, or not the first time, what there is room for.
        """
        if self._start <= start <= stop <= self._start + len(self._window):
            return
        ahead = self._room if self._asked else 0
        if self.count <= min(SMALL, self._room):
            start, stop = 0, self.count
        stop = min(max(stop, start + ahead), self.count)
        self._window, self._start = selected(self._keys(), start, stop), start
        self._asked = True

    def below(self, border: int) -> int:
        """How many units have a smaller key, from 0 to 2**32."""
        if border >> 32:
            return self.count
        if self._sorted is None:
            self._sorted = np.sort(self._keys())
        return int(np.searchsorted(self._sorted, np.uint32(border)))

    def _keys(self) -> np.ndarray:
        if self._held is not None:
            return self._held
        keys = self._make()
        if self._room >= self.count:
            self._held = keys
        return keys


class Listed:
    """An ordering that was written down; the same questions as `Ranking`.

    Args:
        units: int64, first destroyed first.
        keys: (units,) uint32, ascending.
    """

    def __init__(self, units: np.ndarray, keys: np.ndarray) -> None:
        self.count = len(units)
        self._units, self._keys = units, keys

    def between(self, start: int, stop: int) -> np.ndarray:
        """The units from one place of the ordering to another, whole numbers."""
        return self._units[start:stop]

    def below(self, border: int) -> int:
        """How many units have a smaller key, from 0 to 2**32."""
        if border >> 32:
            return self.count
        return int(np.searchsorted(self._keys, np.uint32(border)))


@dataclass(frozen=True)
class Matched:
    """As many units as one ordering takes of a population among others, but those of another."""

    targeted: Ordering
    drawn: Ordering

    @property
    def count(self) -> int:
        """How many units there are to take."""
        return self.targeted.count

    def between(self, start: int, stop: int) -> np.ndarray:
        """The units from one place of the ordering to another, whole numbers."""
        return self.drawn.between(start, stop)

    def below(self, border: int) -> int:
        """How many units have a smaller key, from 0 to 2**32."""
        return self.targeted.below(border)


def rank(keys: np.ndarray) -> Ranking:
    """The ordering of units whose keys are at hand."""
    return Ranking(len(keys), lambda: keys)


def share_room(rankings: Iterable[Ordering]) -> None:
    """Let the rankings of a lesion hold as much as there is room for, each its part."""
    mine = [one for one in rankings if isinstance(one, Ranking)]
    total = sum(one.count for one in mine)
    if total > ROOM:
        for one in mine:
            one.share(one.count * ROOM // total)


def look_ahead(asked: Iterable[tuple[Ordering, int, int]]) -> None:
    """Sort what will be asked next, of large rankings on all cores at once.

    For a process whose model is on another device and leaves its cores idle: numpy lets go of the
    interpreter while it draws, selects and sorts.

    Args:
        asked: orderings, and the places from which and to which they will be asked.
    """
    large = [one for one in asked if isinstance(one[0], Ranking) and one[0].count > SMALL]
    if large:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: one[0].sort(*one[1:]), large))


def selected(keys: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The units from place `start` to `stop` of the ordering by (key, position), uint32.

    Key and position are packed into one 64-bit number, because sorting numbers is several times
    faster than a stable argsort, and no tie is left to an algorithm.
    """
    if start >= stop:
        return np.empty(0, np.uint32)
    if stop - start == len(keys):
        return _sorted(keys, np.arange(len(keys), dtype=np.uint64))
    low, high = np.uint32(0), np.uint32(2**32 - 1)
    if start:
        low = np.partition(keys, start)[start]
    if stop < len(keys):
        high = np.partition(keys, stop - 1)[stop - 1]
    positions = np.flatnonzero((keys - low) <= (high - low))
    before = int(np.count_nonzero(keys < low))
    return _sorted(keys[positions], positions.astype(np.uint64))[start - before : stop - before]


def _sorted(keys: np.ndarray, positions: np.ndarray) -> np.ndarray:
    packed = keys.astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= positions
    packed.sort()
    return packed.astype(np.uint32)

"""A population in the order of its destruction, sorted only as far as it is needed.

Of the 85 million weights of BERT's layers a low dose takes a few. Only these are sorted: selection
gives the keys at the limits, and the units between them are sorted by (key, position). Units that
will be needed next are sorted along with them, as far as memory allows.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SMALL = 2**16  # units that are sorted about as fast as a part of them is selected
NOTHING = np.empty(0, np.uint32)
MEMORY_UNITS = 2**24  # sorted units, and keys, that the orderings of one lesion may keep together


class Ordering(Protocol):
    """The ordering of a population."""

    @property
    def count(self) -> int:
        """How many units can be taken."""

    def units(self, start: int, stop: int) -> np.ndarray:
        """The units from one position of the ordering to another."""

    def count_below(self, key: int) -> int:
        """The number of units with a smaller key; `key` is from 0 to 2**32."""


class SortedOrdering:
    """An ordering of units by (key, position).

    Args:
        count: how many units are ordered.
        keys: makes the uint32 key of each unit; called again where they are too many to be kept.
    """

    def __init__(self, count: int, keys: Callable[[], np.ndarray]) -> None:
        self.count = count
        self._make, self._room = keys, count
        self._cached: np.ndarray | None = None
        self._sorted: np.ndarray | None = None
        self._start, self._window = 0, NOTHING  # units from that place on
        self._presorted = False

    def limit(self, room: int) -> None:
        """Keep at most so many units in memory."""
        self._room = room

    def units(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The units from one position of the ordering to another (default: to the end)."""
        stop = self.count if stop is None else stop
        self.sort(start, stop)
        units = self._window[start - self._start : stop - self._start]
        if self._room < self.count and stop == self._start + len(self._window):
            self._start, self._window = stop, NOTHING
        return units

    def sort(self, start: int, stop: int) -> None:
        """Sort the units between two positions, if they are not sorted yet.

        More are sorted, as far as memory allows, where they are few or it is not the first time.
        """
        if self._start <= start <= stop <= self._start + len(self._window):
            return
        ahead = self._room if self._presorted else 0
        if self.count <= min(SMALL, self._room):
            start, stop = 0, self.count
        stop = min(max(stop, start + ahead), self.count)
        self._window, self._start = select_sorted(self._keys(), start, stop), start
        self._presorted = True

    def count_below(self, key: int) -> int:
        """The number of units with a smaller key; `key` is from 0 to 2**32."""
        if key >> 32:
            return self.count
        if self._sorted is None:
            self._sorted = np.sort(self._keys())
        return int(np.searchsorted(self._sorted, np.uint32(key)))

    def _keys(self) -> np.ndarray:
        if self._cached is not None:
            return self._cached
        keys = self._make()
        if self._room >= self.count:
            self._cached = keys
        return keys


class ListedOrdering:
    """An ordering that was written down; as by a file.

    Args:
        units: int64, first destroyed first.
        keys: (units,) uint32, ascending.
    """

    def __init__(self, units: np.ndarray, keys: np.ndarray) -> None:
        self.count = len(units)
        self._units, self._keys = units, keys

    def units(self, start: int, stop: int) -> np.ndarray:
        """The units from one position of the ordering to another."""
        return self._units[start:stop]

    def count_below(self, key: int) -> int:
        """The number of units with a smaller key; `key` is from 0 to 2**32."""
        if key >> 32:
            return self.count
        return int(np.searchsorted(self._keys, np.uint32(key)))


@dataclass(frozen=True)
class SizeMatchedOrdering:
    """The counts of one ordering among several populations, with the units of another."""

    targeted: Ordering
    random: Ordering

    @property
    def count(self) -> int:
        """How many units can be taken."""
        return self.targeted.count

    def units(self, start: int, stop: int) -> np.ndarray:
        """The units from one position of the ordering to another."""
        return self.random.units(start, stop)

    def count_below(self, key: int) -> int:
        """The number of units with a smaller key; `key` is from 0 to 2**32."""
        return self.targeted.count_below(key)


def from_keys(keys: np.ndarray) -> SortedOrdering:
    """The ordering of units with these keys, uint32 (units,): smallest first."""
    return SortedOrdering(len(keys), lambda: keys)


def share_memory(orderings: Iterable[Ordering]) -> None:
    """Limit the memory of the orderings of a lesion, each in proportion to its size."""
    sorted_ = [ordering for ordering in orderings if isinstance(ordering, SortedOrdering)]
    total = sum(ordering.count for ordering in sorted_)
    if total > MEMORY_UNITS:
        for ordering in sorted_:
            ordering.limit(ordering.count * MEMORY_UNITS // total)


def presort(upcoming: Iterable[tuple[Ordering, int, int]]) -> None:
    """Sort what will be needed next, of large orderings on all cores at once.

    For a process whose model is on another device and leaves its cores idle: numpy releases the
    interpreter while it draws, selects and sorts.

    Args:
        upcoming: orderings, and from and to which position they will be needed.
    """
    large = [
        item for item in upcoming if isinstance(item[0], SortedOrdering) and item[0].count > SMALL
    ]
    if large:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda item: item[0].sort(*item[1:]), large))


def select_sorted(keys: np.ndarray, start: int, stop: int) -> np.ndarray:
    """The units from position `start` to `stop` of the ordering by (key, position), uint32.

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

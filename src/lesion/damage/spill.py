"""Long orderings on disk: an ordering of all weights would be as large as the model itself.

A dose reads only the units that it destroys, in one piece, so that an ordering need not be in
memory; several workers, each with a draw of its own, would hold as many.
"""

import tempfile
import weakref
from typing import IO

import numpy as np

LONG = 1 << 18  # units: 1 MB


class Spill:
    """A temporary file of arrays; it is gone with the last of them."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def put(self, values: np.ndarray) -> "np.ndarray | Spilled":
        """An array that is read like this one, by slices; short ones stay in memory."""
        if len(values) < LONG:
            return values
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="lesion-")  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        start = self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(values).data)
        return Spilled(self, start, len(values), values.dtype)

    def read(self, start: int, size: int) -> bytes:
        """So many bytes from a place on."""
        assert self._file is not None
        self._file.seek(start)
        return self._file.read(size)


class Spilled:
    """An array in a file."""

    def __init__(self, spill: Spill, start: int, length: int, dtype: np.dtype) -> None:
        self._spill, self._start, self._length, self._dtype = spill, start, length, dtype

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, part: slice) -> np.ndarray:
        """A piece of it, read now."""
        first, stop, step = part.indices(self._length)
        assert step == 1, "pieces are read in one go"
        size = self._dtype.itemsize
        found = self._spill.read(self._start + first * size, max(stop - first, 0) * size)
        return np.frombuffer(found, self._dtype)

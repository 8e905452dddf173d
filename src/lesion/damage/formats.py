"""Numbers as a memory stores them: float32, bfloat16, float16, and int8 with one scale a tensor."""

from typing import NamedTuple

import numpy as np
import torch

from lesion.choices import Bits, places
from lesion.errors import LesionError

FORMATS = {
    "float32": (torch.float32, torch.int32),
    "bfloat16": (torch.bfloat16, torch.int16),
    "float16": (torch.float16, torch.int16),
    "int8": (torch.int8, torch.int8),
}
_UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32}


class Cells(NamedTuple):
    """Which bits of a stored number are meant.

    Attributes:
        format: a word of `FORMATS`.
        places: the bits, 0 the lowest, ascending.
    """

    format: str
    places: tuple[int, ...]


def cells_of(dtype: torch.dtype, stored: str | None, chosen: Bits) -> Cells:
    """The chosen bits of numbers in a format, or in that of their tensor.

    Raises:
        LesionError: for a format that is not known, or bits that it does not have.
    """
    name = format_of(dtype, stored)
    return Cells(name, places(name, chosen))


def format_of(dtype: torch.dtype, stored: str | None) -> str:
    """The name of a format; of the tensor's own where none is given.

    Raises:
        LesionError: if it is none that is known.
    """
    name = stored or str(dtype).removeprefix("torch.")
    if name not in FORMATS:
        raise LesionError(
            f"format: bits are known of {', '.join(FORMATS)}, and the numbers are stored as "
            f"{name}. Give the lesion a format."
        )
    return name


class Storage(NamedTuple):
    """How the numbers of one tensor are stored.

    Attributes:
        format: a word of `FORMATS`.
        dtype: of the tensor that they belong to.
        step: what 1 stands for in int8: the largest intact magnitude is 127.
    """

    format: str
    dtype: torch.dtype
    step: torch.Tensor

    @property
    def bits(self) -> int:
        """Of a stored number."""
        return FORMATS[self.format][1].itemsize * 8

    def encode(self, tensor: torch.Tensor) -> torch.Tensor:
        """The stored numbers as signed integers of their size; a view where nothing is rounded."""
        dtype, integer = FORMATS[self.format]
        if self.format == "int8":
            return (tensor.float() / self.step).round().clamp(-128, 127).to(torch.int8)
        return tensor.to(dtype).view(integer)

    def decode(self, stored: torch.Tensor) -> torch.Tensor:
        """What the tensor holds for stored numbers."""
        if self.format == "int8":
            return (stored.float() * self.step).to(self.dtype)
        return stored.view(FORMATS[self.format][0]).to(self.dtype)

    def masks(self, numbers: np.ndarray) -> torch.Tensor:
        """Bit masks, uint64, as integers of a stored number's size."""
        unsigned = _UNSIGNED[self.bits]
        return torch.from_numpy(numbers.astype(unsigned)).view(FORMATS[self.format][1])


def storage(intact: torch.Tensor, stored: str) -> Storage:
    """How a tensor is stored in a format."""
    step = (intact.float().abs().max() / 127).clamp_min(torch.finfo(torch.float32).tiny)
    return Storage(stored, intact.dtype, step)

"""Numbers as a memory stores them: float32, bfloat16, float16, and int8 with one scale a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.schema.errors import did_you_mean, shortened
from lesion.schema.fields import python

if TYPE_CHECKING:
    import torch

FORMATS = {"float32": 32, "bfloat16": 16, "float16": 16, "int8": 8}
"""Format -> bits of a stored number."""
MANTISSAS = {"float32": 23, "bfloat16": 7, "float16": 10}  # the lowest bits; int8 has none
BITS = {
    "sign": "the highest bit",
    "exponent": "the bits below it: the size of the number (not of int8)",
    "mantissa": "the lowest bits: its digits (not of int8)",
}
BITS_SHAPE = {
    "anyOf": [
        {"enum": list(BITS)},
        {"type": "integer", "minimum": 0, "maximum": 31},
        {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 31}, "minItems": 1},
        {"type": "null"},
    ]
}
_UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32}

Bits = str | tuple[int, ...] | None
"""A word of `BITS`, numbers (0 is the lowest bit), or None for all bits."""


def read_bits(value: Any) -> Any:
    """`sign`, `exponent`, `mantissa`, 30, [30, 23] -> a word or a tuple of numbers.

    Raises:
        ValueError: with a sentence, for anything else.
    """
    value = sorted(value) if isinstance(value, range | set | frozenset) else python(value)
    numbers = (value,) if isinstance(value, int) else value
    if isinstance(numbers, list | tuple) and numbers and all(map(_is_index, numbers)):
        return tuple(sorted(set(numbers)))
    if value is None or (isinstance(value, str) and value in BITS):
        return value
    raise ValueError(
        f"must be {', '.join(BITS)}, a number or a list of numbers (0 is the lowest bit). "
        f"Got {shortened(value)}.{did_you_mean(value, BITS)}"
    )


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def bit_positions(name: str, bits: Bits) -> tuple[int, ...]:
    """The chosen bits of a format, 0 the lowest, ascending.

    Raises:
        ValueError: with a sentence, for bits that the format does not have.

    Example:
        >>> bit_positions("bfloat16", "exponent")
        (7, 8, 9, 10, 11, 12, 13, 14)
    """
    width = FORMATS[name]
    mantissa = MANTISSAS.get(name)
    if bits is None:
        return tuple(range(width))
    if bits == "sign":
        return (width - 1,)
    if isinstance(bits, str) and bits in BITS:
        if mantissa is None:
            raise ValueError(f"bits: {name} has no {bits}. Give numbers from 0-{width - 1}.")
        return tuple(range(mantissa, width - 1) if bits == "exponent" else range(mantissa))
    wrong = [bit for bit in bits if not (isinstance(bit, int) and 0 <= bit < width)]
    if wrong or not bits:
        raise ValueError(f"bits: {name} has the bits 0-{width - 1}. Got {wrong or bits}.")
    return tuple(sorted(set(map(int, bits))))


class BitSelection(NamedTuple):
    """Which bits of a stored number are units.

    Attributes:
        format: a word of `FORMATS`.
        positions: the bits, 0 the lowest, ascending.
    """

    format: str
    positions: tuple[int, ...]


def select_bits(dtype: torch.dtype, name: str | None, chosen: Bits) -> BitSelection:
    """The chosen bits of numbers in a format; by default, in that of their tensor.

    Raises:
        LesionError: for an unknown format, or bits that it does not have.
    """
    name = format_of(dtype, name)
    try:
        return BitSelection(name, bit_positions(name, chosen))
    except ValueError as error:
        raise LesionError(str(error)) from None


def format_of(dtype: torch.dtype, name: str | None) -> str:
    """The name of a format; by default, the tensor's own.

    Raises:
        LesionError: for an unknown format.
    """
    return known_format(name or str(dtype).removeprefix("torch."))


def known_format(name: str) -> str:
    """A format whose bits are known.

    Raises:
        LesionError: for any other.
    """
    if name not in FORMATS:
        raise LesionError(
            f"format: bits are known of {', '.join(FORMATS)}, and the numbers are stored as "
            f"{name}. Give the lesion a format."
        )
    return name


class NumberFormat(NamedTuple):
    """How the numbers of one tensor are stored.

    Attributes:
        name: a word of `FORMATS`.
        dtype: of the tensor that they belong to.
        step: what 1 stands for in int8: the largest intact magnitude is 127.
    """

    name: str
    dtype: torch.dtype
    step: torch.Tensor

    @property
    def width(self) -> int:
        """Bits of a stored number."""
        return FORMATS[self.name]

    @property
    def own(self) -> bool:
        """Whether the tensor is kept in this format, so that nothing is rounded."""
        return self.name == str(self.dtype).removeprefix("torch.")

    def encode(self, tensor: torch.Tensor) -> torch.Tensor:
        """The stored numbers as signed integers of their size; a view where nothing is rounded."""
        import torch

        if self.name == "int8":
            return (tensor.float() / self.step).round().clamp(-128, 127).to(torch.int8)
        return tensor.to(getattr(torch, self.name)).view(self._integer)

    def decode(self, stored: torch.Tensor) -> torch.Tensor:
        """The values of stored numbers, in the tensor's type."""
        import torch

        if self.name == "int8":
            return (stored.float() * self.step).to(self.dtype)
        return stored.view(getattr(torch, self.name)).to(self.dtype)

    def masks(self, numbers: np.ndarray) -> torch.Tensor:
        """Bit masks, uint64, as integers of a stored number's size."""
        import torch

        return torch.from_numpy(numbers.astype(_UNSIGNED[self.width])).view(self._integer)

    @property
    def _integer(self) -> torch.dtype:
        import torch

        return {8: torch.int8, 16: torch.int16, 32: torch.int32}[self.width]


def format_of_tensor(intact: torch.Tensor, name: str) -> NumberFormat:
    """How a tensor is stored in a format."""
    import torch

    step = (intact.float().abs().max() / 127).clamp_min(torch.finfo(torch.float32).tiny)
    return NumberFormat(name, intact.dtype, step)

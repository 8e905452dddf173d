"""What happens to a destroyed unit: the values that replace its entries.

An effect is computed for the whole tensor from its intact values, and the destroyed units take
theirs from it; so what a unit becomes depends on its address alone, never on the dose or the way
to it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from lesion.damage.units import Population, Span
from lesion.errors import LesionError
from lesion.keys import priorities
from lesion.words import STRENGTHS

FORMATS = {
    "float32": (torch.float32, torch.int32),
    "bfloat16": (torch.bfloat16, torch.int16),
    "float16": (torch.float16, torch.int16),
    "int8": (torch.int8, torch.int8),
}
Key = tuple[int, tuple[str | int, ...]]  # seed, and the address of lesion and draw


@dataclass(frozen=True)
class Settings:
    """How an effect is set.

    Attributes:
        strength: noise in standard deviations of the tensor, factor of scale, bits of quantise.
        bit: which bit is flipped, 0 the lowest; None: a random one of each number.
        format: the stored number whose bit is flipped; None: the tensor's own.
    """

    strength: float | None = None
    bit: int | None = None
    format: str | None = None


def zero(intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key) -> torch.Tensor:
    """Exactly 0."""
    return intact.new_zeros(())


def noise(
    intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key
) -> torch.Tensor:
    """Gaussian noise is added, in standard deviations of the tensor."""
    from scipy.special import ndtri

    seed, address = key
    drawn = priorities(intact.numel(), seed, "noise", *address, *one.address, span.name)
    normal = torch.from_numpy(ndtri((drawn + 0.5) / 2**32)).reshape(intact.shape)
    spread = intact.double().std(correction=0)
    return (intact.double() + (by.strength or 0.0) * spread * normal.to(intact.device)).to(
        intact.dtype
    )


def shuffle(
    intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key
) -> torch.Tensor:
    """Each unit takes the values of another; with all destroyed, their population is permuted."""
    seed, address = key
    drawn = priorities(one.count, seed, "shuffle", *address, *one.address)
    other = torch.from_numpy(np.argsort(drawn, kind="stable")).to(intact.device)
    if span.axis is None:
        return intact.flatten()[other].view_as(intact)
    steps = torch.arange(span.width, device=intact.device)
    return intact.index_select(span.axis, (other[:, None] * span.width + steps).flatten())


def scale(
    intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key
) -> torch.Tensor:
    """Multiplied by a factor."""
    return intact * (by.strength or 0.0)


def quantise(
    intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key
) -> torch.Tensor:
    """Rounded to 2-8 bits, symmetric, by output channel (vectors as a whole)."""
    top = 2 ** (int(by.strength or 8) - 1) - 1
    value = intact.float()
    if value.dim() > 1:
        others = [axis for axis in range(value.dim()) if axis != span.channel]
        largest = value.abs().amax(others, keepdim=True)
    else:
        largest = value.abs().max()
    step = (largest / top).clamp_min(torch.finfo(torch.float32).tiny)
    return ((value / step).round().clamp(-top - 1, top) * step).to(intact.dtype)


def flip(intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key) -> torch.Tensor:
    """One bit of the stored number changes: a fault of the memory."""
    name = by.format or str(intact.dtype).removeprefix("torch.")
    if name not in FORMATS:
        raise LesionError(f"effect flip: knows {', '.join(FORMATS)}. The tensor is {name}.")
    dtype, integer = FORMATS[name]
    step = (intact.float().abs().max() / 127).clamp_min(torch.finfo(torch.float32).tiny)
    stored = (
        (intact.float() / step).round().clamp(-128, 127).to(torch.int8)
        if name == "int8"
        else intact.to(dtype)
    )
    bits = stored.element_size() * 8
    if by.bit is not None and by.bit >= bits:
        raise LesionError(f"bit: {name} has the bits 0-{bits - 1}. Got {by.bit}.")
    if by.bit is None:
        seed, address = key
        drawn = priorities(intact.numel(), seed, "flip", *address, *one.address, span.name)
        chosen = torch.from_numpy((drawn % bits).astype(np.int64)).reshape(intact.shape)
    else:
        chosen = torch.full(intact.shape, by.bit)
    mask = torch.bitwise_left_shift(torch.ones((), dtype=torch.int64), chosen.to(intact.device))
    flipped = torch.bitwise_xor(stored.view(integer), _wrapped(mask, bits).to(integer))
    if name == "int8":
        return (flipped.float() * step).to(intact.dtype)
    return flipped.view(dtype).to(intact.dtype)


def _wrapped(mask: torch.Tensor, bits: int) -> torch.Tensor:
    """The top bit of a signed integer is its most negative number."""
    return torch.where(mask == 2 ** (bits - 1), -(2 ** (bits - 1)), mask)


Values = Callable[[torch.Tensor, Population, Span, Settings, Key], torch.Tensor]


class Effect(NamedTuple):
    """An entry of `EFFECTS`.

    Attributes:
        values: intact tensor, population, span, settings, key -> replacement of its shape.
        strength: (smallest, largest) strength; None where there is none to set.
        default: the strength where a lesion names none; None: it must.
    """

    values: Values
    strength: tuple[float, float] | None = None
    default: float | None = None


EFFECTS = {
    "zero": Effect(zero),
    "noise": Effect(noise, STRENGTHS["noise"], 1.0),
    "shuffle": Effect(shuffle),
    "flip": Effect(flip),
    "quantise": Effect(quantise, STRENGTHS["quantise"]),
    "scale": Effect(scale, STRENGTHS["scale"]),
}

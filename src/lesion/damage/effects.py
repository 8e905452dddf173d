"""What happens to a destroyed unit: the values that replace its entries.

An effect is computed for the whole tensor from its intact values, and the destroyed units take
theirs from it; so what a unit becomes depends on its address alone, never on the dose or the way
to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from lesion.damage.formats import format_of, storage
from lesion.damage.units import Population, Span
from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.words import STRENGTHS

Key = tuple[int, tuple[str | int, ...]]  # seed, and the address of lesion and draw


@dataclass(frozen=True)
class Settings:
    """How an effect is set.

    Attributes:
        strength: noise in standard deviations of the tensor, factor of scale, bits of quantise.
        bit: which bit is flipped, 0 the lowest; None: a random one of each number.
        format: the stored number whose bit is flipped; None: the tensor's own type.
        means: id of a span -> what holds its units at their means, see `means.py`.
    """

    strength: float | None = None
    bit: int | None = None
    format: str | None = None
    means: Mapping[int, torch.Tensor] = field(default_factory=dict)


def zero(intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key) -> torch.Tensor:
    """Exactly 0; on the CPU, so that writing it anywhere waits for no other device."""
    return torch.zeros((), dtype=intact.dtype)


def ones(intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key) -> torch.Tensor:
    """Exactly 1; on the CPU as well."""
    return torch.ones((), dtype=intact.dtype)


def noise(
    intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key
) -> torch.Tensor:
    """Gaussian noise is added, in standard deviations of the tensor."""
    from scipy.special import ndtri

    seed, address = key
    drawn = random_uint32(intact.numel(), seed, "noise", *address, *one.address, span.name)
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
    drawn = random_uint32(one.count, seed, "shuffle", *address, *one.address)
    other = torch.from_numpy(np.argsort(drawn, kind="stable")).to(intact.device)
    if span.axis is None:
        return intact.flatten()[other].view_as(intact)
    steps = torch.arange(span.width, device=intact.device)
    return intact.index_select(span.axis, (other[:, None] * span.width + steps).flatten())


def check_partners(name: str, units: str, populations: Sequence[Population]) -> None:
    """Refuse a shuffle of units that have none to change places with.

    Raises:
        LesionError: if every population has a single unit.
    """
    if populations and all(one.count < 2 for one in populations):
        raise LesionError(
            f"{name}: effect shuffle exchanges {units} within their population, and each "
            "population of this model has a single one, so that nothing would change. Take "
            "another effect, or other units."
        )


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
    stored = storage(intact, format_of(intact.dtype, by.format))
    if by.bit is not None and by.bit >= stored.bits:
        raise LesionError(f"bit: {stored.format} has the bits 0-{stored.bits - 1}. Got {by.bit}.")
    if by.bit is None:
        seed, address = key
        drawn = random_uint32(intact.numel(), seed, "flip", *address, *one.address, span.name)
        chosen = (drawn % stored.bits).astype(np.uint64).reshape(intact.shape)
    else:
        chosen = np.full(intact.shape, by.bit, np.uint64)
    masks = stored.masks(np.uint64(1) << chosen).to(intact.device)
    return stored.decode(stored.encode(intact) ^ masks)


def mean(intact: torch.Tensor, one: Population, span: Span, by: Settings, key: Key) -> torch.Tensor:
    """What holds the unit's activation at its mean, measured beforehand; the rest stays."""
    return by.means.get(id(span), intact)


Values = Callable[[torch.Tensor, Population, Span, Settings, Key], torch.Tensor]


class Effect(NamedTuple):
    """An entry of `EFFECTS`.

    Attributes:
        values: intact tensor, population, span, settings, key -> replacement of its shape.
        strength: (smallest, largest) strength; None where there is none to set.
        default: the strength where a lesion names none; None: it must.
        on_bits: stored numbers, masks -> stored numbers, where the units are bits; None where
            that makes no sense.
        measured: whether activations on calibration examples are needed, see `means.py`.
    """

    values: Values
    strength: tuple[float, float] | None = None
    default: float | None = None
    on_bits: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None
    measured: bool = False


EFFECTS = {
    "zero": Effect(zero, on_bits=lambda stored, masks: stored & ~masks),
    "one": Effect(ones, on_bits=torch.bitwise_or),
    "mean": Effect(mean, measured=True),
    "noise": Effect(noise, STRENGTHS["noise"], 1.0),
    "shuffle": Effect(shuffle),
    "flip": Effect(flip, on_bits=torch.bitwise_xor),
    "quantise": Effect(quantise, STRENGTHS["quantise"]),
    "scale": Effect(scale, STRENGTHS["scale"]),
}

"""What happens to a destroyed unit: the values that replace its entries.

An effect is computed for the whole tensor from its intact values, and destroyed units take their
entries from it. So the values of a unit depend on its address alone, not on the dose or on the
doses before it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np

from lesion.damage.formats import FORMATS, format_of, format_of_tensor, known_format
from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.schema.entries import Entry, table
from lesion.schema.fields import Between, OneOf, doc

if TYPE_CHECKING:
    import torch

    from lesion.damage.population import Population, UnitTensor


class Target(NamedTuple):
    """Where an effect is applied, and its source of randomness.

    Attributes:
        population: the units that are ordered together.
        tensor: one of the tensors in which they own entries.
        seed, address: of the lesion and its draw.
        mean: what holds the units' activation at its mean, of the tensor's shape or a scalar. None
            where the tensor stays as it is, and for effects without `needs_activations`.
    """

    population: Population
    tensor: UnitTensor
    seed: int
    address: tuple[str | int, ...]
    mean: torch.Tensor | None = None

    def draw(self, count: int, purpose: str) -> np.ndarray:
        """Random numbers of this tensor: uint32 (count,); equal arguments give equal numbers."""
        where = (*self.address, *self.population.address, self.tensor.name)
        return random_uint32(count, self.seed, purpose, *where)

    def draw_units(self, purpose: str) -> np.ndarray:
        """One random number for each unit, equal in all its tensors: uint32 (units,)."""
        where = (*self.address, *self.population.address)
        return random_uint32(self.population.count, self.seed, purpose, *where)


class Effect(Entry):
    """What happens to a destroyed unit.

    A subclass defines `values(intact, target)`, for units that are bits `on_bits(stored, masks)`,
    or both. Subclasses with parameters are frozen dataclasses.

    Attributes:
        dose: the parameter that the dose sets under `dose_is: strength`; "" where there is none.
        needs_activations: whether mean activations on calibration examples are measured first.
        values: intact tensor, target -> replacement of its shape, or a scalar on the CPU.
        on_bits: stored integers, masks -> stored integers.
    """

    dose: ClassVar[str] = ""
    needs_activations: ClassVar[bool] = False
    values: ClassVar[Any] = None
    on_bits: ClassVar[Any] = None

    def at_dose(self, dose: float) -> Effect:
        """The effect with the dose as its strength."""
        return dataclasses.replace(self, **{self.dose: float(dose)})

    def stored_as(self, name: str | None) -> Effect:
        """The effect on a memory that holds numbers in a format; None: in the tensors' own.

        Raises:
            LesionError: for a bit that the format does not have.
        """
        return self

    def check(self, name: str, units: str, populations: Sequence[Population]) -> None:
        """Refuse populations on which the effect changes nothing.

        Raises:
            LesionError: with the name of the lesion.
        """


@dataclass(frozen=True)
class Zero(Effect):
    """Destroyed units become exactly 0; bits are stuck at 0."""

    word = "zero"

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """0 on the CPU, so that writing it does not wait for another device."""
        return intact.new_zeros((), device="cpu")

    def on_bits(self, stored: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The bits of the masks are 0."""
        return stored & ~masks


@dataclass(frozen=True)
class One(Effect):
    """Destroyed units become exactly 1; bits are stuck at 1."""

    word = "one"

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """1 on the CPU."""
        return intact.new_ones((), device="cpu")

    def on_bits(self, stored: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The bits of the masks are 1."""
        return stored | masks


@dataclass(frozen=True)
class Mean(Effect):
    """Activations are held at their mean over 128 training examples; weights at the tensor's."""

    word, needs_activations = "mean", True
    source = "Wang et al. 2023 for heads"

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """What holds the activation at its mean; other tensors of the unit stay."""
        return intact if target.mean is None else target.mean


@dataclass(frozen=True)
class Noise(Effect):
    """Gaussian noise is added."""

    word, random, dose = "noise", True, "strength"
    strength: Annotated[
        float | None, Between(0, 1000000.0), doc("standard deviations of the tensor (default: 1)")
    ] = None

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """Normal numbers of the tensor's own address are added."""
        import torch
        from scipy.special import ndtri

        drawn = target.draw(intact.numel(), "noise")
        normal = torch.from_numpy(ndtri((drawn + 0.5) / 2**32)).reshape(intact.shape)
        spread = intact.double().std(correction=0)
        strength = 1.0 if self.strength is None else self.strength
        noisy = intact.double() + strength * spread * normal.to(intact.device)
        return noisy.to(intact.dtype)


@dataclass(frozen=True)
class Shuffle(Effect):
    """Units take each other's values; at dose 1 their population is permuted."""

    word, random = "shuffle", True
    refuses: ClassVar = {"units: layers": "the tensors of layers differ in shape"}

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """Each unit has the values of another unit of its population."""
        order = np.argsort(target.draw_units("shuffle"), kind="stable")
        return target.tensor.permuted(intact, order)

    def check(self, name: str, units: str, populations: Sequence[Population]) -> None:
        """Refuse populations of a single unit each.

        Raises:
            LesionError: with the name of the lesion.
        """
        if populations and all(population.count < 2 for population in populations):
            raise LesionError(
                f"{name}: effect shuffle exchanges {units} within their population, and each "
                "population of this model has a single one, so that nothing would change. Take "
                "another effect, or other units."
            )


@dataclass(frozen=True)
class Flip(Effect):
    """One bit of the stored number changes, as in faulty memory; the default of units bits."""

    word = "flip"
    bit: Annotated[
        int | None,
        Between(0),
        doc("which bit, 0 the lowest (default: a random one of each number)"),
    ] = None
    format: Annotated[
        str | None, OneOf(FORMATS), doc("of the stored number (default: the checkpoint's)")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        name = self.format or "float32"
        if self.bit is not None and not 0 <= self.bit < FORMATS[name]:
            raise ValueError(f"bit: {name} has the bits 0-{FORMATS[name] - 1}. Got {self.bit}.")

    def stored_as(self, name: str | None) -> Effect:
        """The flip in the memory's format, if the lesion has none."""
        if self.format or not name:
            return self
        try:
            return dataclasses.replace(self, format=known_format(name))
        except ValueError as error:
            raise LesionError(str(error)) from None

    @property
    def random(self) -> bool:
        """Whether the bit is drawn."""
        return self.bit is None

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """The numbers with one bit changed, in their format."""
        stored = format_of_tensor(intact, format_of(intact.dtype, self.format))
        if self.bit is not None and self.bit >= stored.width:
            raise LesionError(f"bit: {stored.name} has the bits 0-{stored.width - 1}. "
                              f"Got {self.bit}.")  # fmt: skip
        if self.bit is None:
            drawn = target.draw(intact.numel(), "flip")
            chosen = (drawn % stored.width).astype(np.uint64).reshape(intact.shape)
        else:
            chosen = np.full(intact.shape, self.bit, np.uint64)
        masks = stored.masks(np.uint64(1) << chosen).to(intact.device)
        return stored.decode(stored.encode(intact) ^ masks)

    def on_bits(self, stored: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The bits of the masks change."""
        return stored ^ masks


@dataclass(frozen=True)
class Quantise(Effect):
    """Rounded, symmetric, by output channel."""

    word, dose = "quantise", "strength"
    example: ClassVar = {"strength": 4}
    strength: Annotated[float, Between(2, 8), doc("bits kept, a whole number")]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strength % 1:
            raise ValueError("strength: must be a whole number of bits.")

    def at_dose(self, dose: float) -> Effect:
        """The effect with the dose, rounded down, as the number of bits."""
        return Quantise(float(int(dose)))

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """The nearest value on the grid of each channel; vectors are one channel."""
        top = 2 ** (int(self.strength or 8) - 1) - 1
        value = intact.float()
        if value.dim() > 1:
            others = [axis for axis in range(value.dim()) if axis != target.tensor.channel]
            largest = value.abs().amax(others, keepdim=True)
        else:
            largest = value.abs().max()
        step = (largest / top).clamp_min(TINY)
        return ((value / step).round().clamp(-top - 1, top) * step).to(intact.dtype)


@dataclass(frozen=True)
class Scale(Effect):
    """Multiplied by a factor."""

    word, dose = "scale", "strength"
    example: ClassVar = {"strength": 0.5}
    strength: Annotated[float, Between(-1000000.0, 1000000.0), doc("the factor")]

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """The product."""
        return intact * self.strength


TINY = float(np.finfo(np.float32).tiny)
EFFECTS = table(Zero, One, Mean, Noise, Shuffle, Flip, Quantise, Scale)

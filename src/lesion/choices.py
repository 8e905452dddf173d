"""Which words of a lesion go together, and what follows from them."""

from typing import Protocol

from lesion.errors import LesionError
from lesion.words import BIT_EFFECTS, BITS, FORMATS, MANTISSAS, STRENGTHS

Bits = str | tuple[int, ...] | None
"""Of units bits: a word of `words.BITS`, numbers (0 the lowest), or None for all."""


class Choices(Protocol):
    """What is looked at of a lesion, be it a study's or the engine's."""

    @property
    def units(self) -> str: ...  # noqa: D102
    @property
    def order(self) -> str: ...  # noqa: D102
    @property
    def effect(self) -> str: ...  # noqa: D102
    @property
    def dose_is(self) -> str: ...  # noqa: D102
    @property
    def strength(self) -> float | None: ...  # noqa: D102
    @property
    def bit(self) -> int | None: ...  # noqa: D102
    @property
    def format(self) -> str | None: ...  # noqa: D102
    @property
    def file(self) -> str | None: ...  # noqa: D102
    @property
    def bits(self) -> Bits: ...  # noqa: D102
    @property
    def size_matched(self) -> bool: ...  # noqa: D102


def default_effect(units: str) -> str:
    """What happens to a destroyed unit where a lesion does not say."""
    return "flip" if units == "bits" else "zero"


def default_scope(order: str) -> str:
    """Over what an ordering runs where a lesion does not say: a list is one, over the model."""
    return "model" if order == "listed" else "site"


def places(stored: str, bits: Bits) -> tuple[int, ...]:
    """The bits of a format that are meant, 0 the lowest, ascending.

    Raises:
        LesionError: for bits that the format does not have.

    Example:
        >>> places("bfloat16", "exponent")
        (7, 8, 9, 10, 11, 12, 13, 14)
    """
    width = FORMATS[stored]
    mantissa = MANTISSAS.get(stored)
    if bits is None:
        return tuple(range(width))
    if bits == "sign":
        return (width - 1,)
    if isinstance(bits, str) and bits in BITS:
        if mantissa is None:
            raise LesionError(f"bits: {stored} has no {bits}. Give numbers from 0-{width - 1}.")
        return tuple(range(mantissa, width - 1) if bits == "exponent" else range(mantissa))
    wrong = [bit for bit in bits if not (isinstance(bit, int) and 0 <= bit < width)]
    if wrong or not bits:
        raise LesionError(f"bits: {stored} has the bits 0-{width - 1}. Got {wrong or bits}.")
    return tuple(sorted(set(map(int, bits))))


def is_random(one: Choices) -> bool:
    """Whether different draws of a lesion differ."""
    drawn = one.effect in ("noise", "shuffle") or (one.effect == "flip" and one.bit is None)
    ordered = one.dose_is == "fraction" and one.order in ("random", "focal")
    return ordered or drawn


def check(one: Choices) -> None:
    """Refuse choices that do not go together, with the reason.

    Raises:
        LesionError: naming the key.
    """
    low, high = STRENGTHS.get(one.effect, (0.0, 0.0))
    by_strength = one.dose_is == "strength"
    of_bits = one.units == "bits"
    wrong = {
        f"effect {one.effect} has no strength; only {', '.join(STRENGTHS)} have.": (
            one.effect not in STRENGTHS and (one.strength is not None or by_strength)
        ),
        "strength: is what the dose sets, since dose_is is strength; leave it out.": (
            by_strength and one.strength is not None
        ),
        f"strength: effect {one.effect} needs one, from {low:g} to {high:g}.": (
            one.effect in ("quantise", "scale") and one.strength is None and not by_strength
        ),
        f"strength: must be from {low:g} to {high:g}. Got {one.strength}.": (
            one.strength is not None and not low <= one.strength <= high
        ),
        "strength: must be a whole number of bits.": (
            one.effect == "quantise" and (one.strength or 0) % 1 != 0
        ),
        f"bit and format belong to effect flip. Got effect {one.effect}.": (
            one.effect != "flip" and (one.bit is not None or one.format is not None) and not of_bits
        ),
        f"effect: bits take {', '.join(BIT_EFFECTS)}. Got {one.effect}.": (
            of_bits and one.effect not in BIT_EFFECTS
        ),
        "order: bits have no order but random; say which with bits "
        f"({', '.join(BITS)}, numbers).": (of_bits and one.order != "random"),
        "bit: is for other units; of units bits, say which with bits.": (
            of_bits and one.bit is not None
        ),
        f"bits: belongs to units bits. Got units {one.units}.": (
            one.bits is not None and not of_bits
        ),
        "size_matched: bits are drawn at random already.": of_bits and one.size_matched,
        f"bit: {one.format or 'float32'} has the bits 0-{FORMATS[one.format or 'float32'] - 1}. "
        f"Got {one.bit}.": (
            one.bit is not None and not 0 <= one.bit < FORMATS[one.format or "float32"]
        ),
        "file: order listed needs one, and no other order has one.": (
            (one.order == "listed") != (one.file is not None)
        ),
        "order: a strength hits every unit, so it has no order; leave it at random.": (
            by_strength and one.order != "random"
        ),
        "effect: shuffle makes no sense for layers, whose tensors differ in shape.": (
            one.units == "layers" and one.effect == "shuffle"
        ),
    }
    for message, applies in wrong.items():
        if applies:
            raise LesionError(message)
    if of_bits:
        places(one.format or "float32", one.bits)

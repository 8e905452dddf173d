"""The roles of tensors, and which part of a model a lesion may reach."""

from dataclasses import dataclass
from typing import Any

from lesion import shorthand
from lesion.schema.fields import field
from lesion.words import (
    PARTS,
    TENSORS,
)


@dataclass(frozen=True)
class Where:
    """The part of a model that a lesion may reach."""

    layers: Any = field(
        "all, first, middle, last, a list or a range",
        "all",
        short=shorthand.layers,
        shape=shorthand.LAYERS_SHAPE,
    )
    parts: tuple[str, ...] | None = field(
        "roles of tensors (default: what suits the units)",
        None,
        choices=PARTS,
        short=shorthand.words,
        shape=shorthand.words_shape(PARTS, or_none=True),
    )
    tensors: tuple[str, ...] = field(
        "matrices, biases or both",
        tuple(TENSORS),
        choices=TENSORS,
        short=shorthand.tensors,
        shape=shorthand.words_shape(TENSORS),
    )

"""The roles of tensors, and which part of a model a lesion may reach."""

from dataclasses import dataclass
from typing import Annotated, Any

from lesion import shorthand
from lesion.schema import Expand, OneOf, Spec, doc
from lesion.words import (
    PARTS,
    TENSORS,
)


@dataclass(frozen=True)
class Where(Spec):
    """The part of a model that a lesion may reach."""

    layers: Annotated[
        Any,
        doc("all, first, middle, last, a list or a range"),
        Expand(shorthand.layers, shorthand.LAYERS_SHAPE),
    ] = "all"
    parts: Annotated[
        tuple[Annotated[str, OneOf(PARTS)], ...] | None,
        doc("roles of tensors (default: what suits the units)"),
        Expand(shorthand.words, shorthand.words_shape(PARTS, or_none=True)),
    ] = None
    tensors: Annotated[
        tuple[Annotated[str, OneOf(TENSORS)], ...],
        doc("matrices, biases or both"),
        Expand(shorthand.words, shorthand.words_shape(TENSORS)),
    ] = tuple(TENSORS)

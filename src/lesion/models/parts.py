"""The roles of tensors, and which part of a model a lesion may reach."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from lesion.schema import Expand, OneOf, Spec, doc, shortened
from lesion.schema.lists import as_list, words, words_shape

PARTS = {
    "embeddings": "word, position, type and language embeddings",
    "query": "projection of each token to its query",
    "key": "projection of each token to its key",
    "value": "projection of each token to its value",
    "attention_output": "projection of the concatenated heads back to the residual stream",
    "mlp_in": "first matrix of the feed-forward block",
    "mlp_out": "second matrix of the feed-forward block",
    "norms": "scale and shift of the normalisation layers",
    "pooler": "projection of the first token before a head",
    "classifier": "the head of a fine-tuned classifier",
    "mlm_head": "the head that predicts masked words, without the matrix it shares with embeddings",
}
SIX_MATRICES = ("query", "key", "value", "attention_output", "mlp_in", "mlp_out")
TENSORS = {
    "weight": "matrices, and the scales of norms",
    "bias": "bias vectors, and the shifts of norms",
}

LAYERS = ("all", "first", "middle", "last")
LAYERS_SHAPE = {
    "anyOf": [
        {"enum": list(LAYERS)},
        {"type": "integer"},
        {"type": "string", "pattern": r"^\d+-\d+$"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
    ]
}


def sorted_tensors(value: Any) -> Any:
    """`bias`, [bias, weight] -> a list in the order of `TENSORS`, each word once.

    The order of a list in a study does not change the damage. Unknown words stay, at the end.
    """
    value = words(value)
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        return value
    known = list(TENSORS)
    places = {word: known.index(word) if word in known else len(known) for word in value}
    return sorted(places, key=places.__getitem__)


def expand_layers(value: Any) -> Any:
    """`all`, `first`, `middle`, `last`, 3, -1, [0, 1], "6-9" -> a word or a tuple of numbers.

    Negative numbers count from the end: -1 is the last layer.
    """
    value = as_list(value)
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)-(\d+)", value)):
        low, high = int(match[1]), int(match[2])
        if low <= high:
            return tuple(range(low, high + 1))
    numbers = (value,) if isinstance(value, int) else value
    if isinstance(numbers, list | tuple) and numbers and all(_is_whole(n) for n in numbers):
        return tuple(sorted(set(numbers)))
    if isinstance(value, str) and value in LAYERS:
        return value
    raise ValueError(
        f"must be {', '.join(LAYERS)}, a layer, a list of layers or a range such as 6-9 "
        f"(zero-based, inclusive). Got {shortened(value)}."
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Where(Spec):
    """The part of a model that a lesion may reach."""

    layers: Annotated[
        Any,
        doc("all, first, middle, last, a list or a range"),
        Expand(expand_layers, LAYERS_SHAPE),
    ] = "all"
    parts: Annotated[
        tuple[Annotated[str, OneOf(PARTS)], ...] | None,
        doc("roles of tensors (default: what suits the units)"),
        Expand(words, words_shape(PARTS, or_none=True)),
    ] = None
    tensors: Annotated[
        tuple[Annotated[str, OneOf(TENSORS)], ...],
        doc("matrices, biases or both"),
        Expand(sorted_tensors, words_shape(TENSORS)),
    ] = tuple(TENSORS)

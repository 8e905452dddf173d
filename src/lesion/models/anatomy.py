"""Where each family of transformers keeps its parts.

`FAMILIES` is the whole knowledge: a literal table from `config.model_type` to module paths. A
part may consist of several modules; `{n}` stands for the layer. Paths under `body` start at the
base model (`model.base_model`), paths under `head` at the model with its head; a path that a
particular model lacks (a head it was not loaded with) is passed over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lesion.errors import LesionError
from lesion.words import LAYERS, PARTS


@dataclass(frozen=True)
class Family:
    """Module paths of one `model_type`."""

    body: dict[str, tuple[str, ...]]
    head: dict[str, tuple[str, ...]]


FAMILIES: dict[str, Family] = {
    "bert": Family(
        body={
            "embeddings": (
                "embeddings.word_embeddings",
                "embeddings.position_embeddings",
                "embeddings.token_type_embeddings",
            ),
            "query": ("encoder.layer.{n}.attention.self.query",),
            "key": ("encoder.layer.{n}.attention.self.key",),
            "value": ("encoder.layer.{n}.attention.self.value",),
            "attention_output": ("encoder.layer.{n}.attention.output.dense",),
            "mlp_in": ("encoder.layer.{n}.intermediate.dense",),
            "mlp_out": ("encoder.layer.{n}.output.dense",),
            "norms": (
                "embeddings.LayerNorm",
                "encoder.layer.{n}.attention.output.LayerNorm",
                "encoder.layer.{n}.output.LayerNorm",
            ),
            "pooler": ("pooler.dense",),
        },
        head={
            "classifier": ("classifier",),
            "mlm_head": (
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
                "cls.predictions.decoder",
            ),
        },
    ),
    "xlm": Family(
        body={
            "embeddings": ("embeddings", "position_embeddings", "lang_embeddings"),
            "query": ("attentions.{n}.q_lin",),
            "key": ("attentions.{n}.k_lin",),
            "value": ("attentions.{n}.v_lin",),
            "attention_output": ("attentions.{n}.out_lin",),
            "mlp_in": ("ffns.{n}.lin1",),
            "mlp_out": ("ffns.{n}.lin2",),
            "norms": ("layer_norm_emb", "layer_norm1.{n}", "layer_norm2.{n}"),
        },
        head={
            "classifier": ("sequence_summary.summary",),
            "mlm_head": ("pred_layer.proj",),
        },
    ),
}


@dataclass(frozen=True, eq=False)
class Site:
    """One module of one part: the tensors that a lesion may touch.

    Attributes:
        layer: zero-based, None outside the layers.
        part: a word of `words.PARTS`.
        index: position of the module within its part and layer.
        path: full module path in the model, for people.
        weight: the matrix (or the vector of scales), None where it is shared with another part.
        bias: None where there is none.
        axis: dimension of `weight` that runs over the output units.
    """

    layer: int | None
    part: str
    index: int
    path: str
    weight: torch.Tensor | None
    bias: torch.Tensor | None
    axis: int

    @property
    def name(self) -> str:
        """Short name: `layer 3 mlp_in`, with the module's own name where a part has several."""
        where = f"layer {self.layer} " if self.layer is not None else ""
        return f"{where}{self.part}" + (f".{self.index}" if self.index else "")


def family_of(model: nn.Module) -> Family:
    """The table entry of a model.

    Raises:
        LesionError: for a model whose family is not in the table.
    """
    config: Any = getattr(model, "config", None)
    kind = getattr(config, "model_type", None)
    if kind not in FAMILIES:
        raise LesionError(
            f"model_type {kind!r} is not a family that Lesion knows. Known: "
            f"{', '.join(FAMILIES)}. Add its module paths to FAMILIES in lesion/models/anatomy.py."
        )
    return FAMILIES[kind]


def depth(model: nn.Module) -> int:
    """Number of layers."""
    return int(model.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]


def sites(model: nn.Module) -> list[Site]:
    """Every site of a model, in the order of `PARTS`, layers ascending; shared tensors once."""
    family = family_of(model)
    body = getattr(model, "base_model", model)
    found: list[Site] = []
    seen: set[int] = set()
    for part in PARTS:
        for root, table in ((body, family.body), (model, family.head)):
            found += _sites_of(root, part, table.get(part, ()), depth(model), seen)
    return found


def select(model: nn.Module, layers: Any, parts: Sequence[str]) -> list[Site]:
    """The sites of the chosen parts in the chosen layers.

    Sites outside the layers (embeddings, heads) are chosen by their part alone, except when
    `layers` narrows a part that also lives in layers (norms).

    Raises:
        LesionError: if a layer does not exist or nothing is selected.
    """
    numbers = layer_numbers(layers, depth(model))
    everywhere = layers == "all"
    everything = sites(model)
    layered = {site.part for site in everything if site.layer is not None}
    chosen = [
        site
        for site in everything
        if site.part in parts
        and (
            site.layer in numbers
            if site.layer is not None
            else everywhere or site.part not in layered
        )
    ]
    missing = [part for part in parts if not any(site.part == part for site in chosen)]
    if missing:
        there = sorted({site.part for site in everything}, key=list(PARTS).index)
        raise LesionError(
            f"where.parts: {type(model).__name__} has no {', '.join(missing)} in the selected "
            f"layers. It has {', '.join(there)}."
        )
    return chosen


def layer_numbers(layers: Any, count: int) -> frozenset[int]:
    """Words, a number or a list of numbers to zero-based layers.

    `middle` is the third of the layers that follows the lower half: 6-9 of 12.

    Raises:
        LesionError: if a layer does not exist.
    """
    if layers in LAYERS and isinstance(layers, str):
        start = count // 2
        return {
            "all": frozenset(range(count)),
            "first": frozenset({0}),
            "middle": frozenset(range(start, start + max(1, round(count / 3)))),
            "last": frozenset({count - 1}),
        }[layers]
    numbers = frozenset({layers} if isinstance(layers, int) else layers)
    absent = sorted(number for number in numbers if not 0 <= number < count)
    if absent:
        raise LesionError(
            f"where.layers: the model has layers 0-{count - 1}. Got {', '.join(map(str, absent))}."
        )
    return numbers


def _sites_of(
    root: nn.Module, part: str, paths: Sequence[str], count: int, seen: set[int]
) -> Iterator[Site]:
    for index, path in enumerate(paths):
        layers: Sequence[int | None] = range(count) if "{n}" in path else (None,)
        for layer in layers:
            full = path.replace("{n}", str(layer))
            module = _module(root, full)
            if module is None:
                continue
            tensors = [_fresh(getattr(module, name, None), seen) for name in ("weight", "bias")]
            if any(tensor is not None for tensor in tensors):
                yield Site(layer, part, index, full, tensors[0], tensors[1], _axis(module))


def _module(root: nn.Module, path: str) -> nn.Module | None:
    try:
        return root.get_submodule(path)
    except AttributeError:
        return None


def _fresh(tensor: Any, seen: set[int]) -> torch.Tensor | None:
    """The tensor if no earlier site has it: an output matrix tied to the embeddings is theirs."""
    if not isinstance(tensor, torch.Tensor) or id(tensor) in seen:
        return None
    seen.add(id(tensor))
    return tensor


def _axis(module: nn.Module) -> int:
    """Linear keeps (out, in); Conv1D (in, out); a table of embeddings (words, out)."""
    return 1 if isinstance(module, Conv1D | nn.Embedding) else 0

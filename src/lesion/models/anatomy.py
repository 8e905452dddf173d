"""The sites of a model: which tensors play which part in which layer.

Where the modules are is said by the table in `lesion.models.families`; here its paths become the
live tensors of one model. A tensor belongs to one site only. What a family keeps in one tensor
(query, key and value of GPT-2 and ModernBERT) is shown as views of it: writing to a view writes
to the model, and a view need not be contiguous.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lesion.errors import LesionError
from lesion.models.families import FAMILIES, Family
from lesion.words import LAYERS, PARTS

_BLOCK = re.compile(r"^(.*)\[(\d+)/(\d+)\]$")
_WRITERS = ("attention_output", "mlp_out", "embeddings", "norms")
_HEADS = ("pooler", "classifier", "mlm_head")


@dataclass(frozen=True, eq=False)
class Site:
    """One module of one part (or one block of it): the tensors that a lesion may touch.

    Attributes:
        layer: zero-based, None outside the layers; 0 for all layers of a model that share weights.
        part: a word of `words.PARTS`.
        index: position of the module within its part and layer.
        path: module path, from the base model or from the model with its head, for people.
        weight: the matrix (or the vector of scales), None where it is shared with another part.
        bias: None where there is none.
        axis: dimension of `weight` that runs over the output units; `bias` has only dimension 0.
        heads: number of attention heads whose equal slices lie side by side along the output
            units, for `attention_output` along its inputs (`in_axis`); None outside attention.
            With grouped queries, `key` and `value` have fewer heads than `query`.
        stream: where the residual stream runs in `weight`: along its inputs ("in": the module
            reads the stream), its outputs ("out": it writes to the stream, so its bias too), or
            not at all (None).
        module: holds the tensors.
        block: (k, m) if the tensors are block k of m of the module's; None if they are whole.
    """

    layer: int | None
    part: str
    index: int
    path: str
    weight: torch.Tensor | None
    bias: torch.Tensor | None
    axis: int
    heads: int | None
    stream: str | None
    module: nn.Module
    block: tuple[int, int] | None

    @property
    def name(self) -> str:
        """Short name: `layer 3 mlp_in`, with the module's own name where a part has several."""
        where = f"layer {self.layer} " if self.layer is not None else ""
        return f"{where}{self.part}" + (f".{self.index}" if self.index else "")

    @property
    def in_axis(self) -> int:
        """Dimension of `weight` that runs over the inputs: the other one."""
        return 1 - self.axis

    def grad(self, tensor: str) -> torch.Tensor | None:
        """Gradient of `weight` or `bias`, of the same shape; None where none was computed.

        A view has no gradient of its own: this is the same block of the whole tensor's.
        """
        whole = getattr(self.module, tensor)
        return None if whole.grad is None else _view(whole.grad, tensor, self.axis, self.block)


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
            f"{', '.join(FAMILIES)}. Add its module paths to FAMILIES in lesion/models/families.py."
        )
    return FAMILIES[kind]


def depth(model: nn.Module) -> int:
    """Number of layers with weights of their own."""
    return int(getattr(model.config, family_of(model).layers))


def sites(model: nn.Module) -> list[Site]:
    """Every site of a model, in the order of `PARTS`, layers ascending; shared tensors once."""
    family = family_of(model)
    body = getattr(model, "base_model", model)
    found: list[Site] = []
    seen: set[tuple[int, tuple[int, int] | None]] = set()
    for part in PARTS:
        for root, table in ((body, family.body), (model, family.head)):
            paths = table.get(part, ())
            if part == "classifier" and paths and _module(root, paths[-1]) is None:
                continue
            # What stands behind a pooler reads the pooler.
            reads = part != "classifier" or all(site.part != "pooler" for site in found)
            found += _sites_of(model, root, part, paths, reads, seen)
    return found


def hidden_axes(site: Site) -> dict[str, int]:
    """Along which axis of its tensors ("weight", "bias") a site has the residual stream.

    A tensor that is not there, or in which the stream does not run, is left out: the narrow
    tables of ELECTRA and ALBERT, biases of query or mlp_in, the inner layers of a head.

    Example:
        >>> hidden_axes(sites(bert)[0])
        {'weight': 1}
    """
    if site.stream == "in":
        axes = {"weight": site.in_axis}
    else:
        axes = {"weight": site.axis, "bias": 0} if site.stream == "out" else {}
    return {name: axis for name, axis in axes.items() if getattr(site, name) is not None}


def select(model: nn.Module, layers: Any, parts: Sequence[str]) -> list[Site]:
    """The sites of the chosen parts in the chosen layers.

    Sites outside the layers (embeddings, heads) are chosen by their part alone, except when
    `layers` narrows a part that also lives in layers (norms).

    Raises:
        LesionError: if a layer does not exist, shares its weights with the others, or nothing is
            selected.
    """
    _check_shared(model, layers)
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


def _check_shared(model: nn.Module, layers: Any) -> None:
    """One layer of many that are one cannot be hit alone."""
    count, total = depth(model), int(model.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
    numbers = [layers] if isinstance(layers, int) else layers
    words = isinstance(layers, str) and layers != "all"
    if count < total and (words or (numbers != "all" and not set(numbers) <= set(range(count)))):
        sets = "one set" if count == 1 else f"{count} sets"
        raise LesionError(
            f"where.layers: the {total} layers of {type(model).__name__} share {sets} of weights, "
            f"so that no layer can be damaged alone. Set layers to all. Got {layers!r}."
        )


def _sites_of(
    model: nn.Module,
    root: nn.Module,
    part: str,
    paths: Sequence[str],
    reads: bool,
    seen: set[tuple[int, tuple[int, int] | None]],
) -> Iterator[Site]:
    config: Any = model.config
    for index, path in enumerate(paths):
        layers: Sequence[int | None] = range(depth(model)) if "{n}" in path else (None,)
        for layer in layers:
            full = path.replace("{n}", str(layer))
            place, block = _split(full)
            module = _module(root, place)
            if module is None:
                continue
            axis = _axis(module)
            weight, bias = (_fresh(module, name, axis, block, seen) for name in ("weight", "bias"))
            stream = _stream(part, weight, axis, config.hidden_size) if reads else None
            reads = reads and part not in _HEADS
            if weight is not None or bias is not None:
                heads = _heads(config, part)
                yield Site(
                    layer, part, index, full, weight, bias, axis, heads, stream, module, block
                )


def _heads(config: Any, part: str) -> int | None:
    every = config.num_attention_heads
    grouped = getattr(config, "num_key_value_heads", None) or every
    heads = {"query": every, "attention_output": every, "key": grouped, "value": grouped}
    return heads.get(part)


def _stream(part: str, weight: torch.Tensor | None, axis: int, hidden: int) -> str | None:
    """What is not as wide as the stream (tables of ELECTRA, norms of a head) is not on it."""
    if part in _WRITERS:
        return "out" if weight is not None and weight.shape[axis] == hidden else None
    return "in"


def _split(path: str) -> tuple[str, tuple[int, int] | None]:
    """`attn.Wqkv[0/3]` to its module and the block that is meant."""
    found = _BLOCK.match(path)
    return (found[1], (int(found[2]), int(found[3]))) if found else (path, None)


def _module(root: nn.Module, path: str) -> nn.Module | None:
    try:
        return root.get_submodule(path)
    except AttributeError:
        return None


def _fresh(
    module: nn.Module,
    name: str,
    axis: int,
    block: tuple[int, int] | None,
    seen: set[tuple[int, tuple[int, int] | None]],
) -> torch.Tensor | None:
    """The tensor if no earlier site has it: an output matrix tied to the embeddings is theirs."""
    tensor = getattr(module, name, None)
    if not isinstance(tensor, torch.Tensor) or (id(tensor), block) in seen:
        return None
    seen.add((id(tensor), block))
    return _view(tensor, name, axis, block)


def _view(
    tensor: torch.Tensor, name: str, axis: int, block: tuple[int, int] | None
) -> torch.Tensor:
    """A block of the output units; the tensor itself where it is whole."""
    if block is None:
        return tensor
    along = axis if name == "weight" else 0
    size = tensor.shape[along] // block[1]
    return tensor.detach().narrow(along, block[0] * size, size)


def _axis(module: nn.Module) -> int:
    """Linear keeps (out, in); Conv1D (in, out); a table of embeddings (words, out)."""
    return 1 if isinstance(module, Conv1D | nn.Embedding) else 0

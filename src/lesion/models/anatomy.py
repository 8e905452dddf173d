"""The sites of a model: which tensors play which part in which layer.

The paths to modules are in `lesion.models.families`; here they become the live tensors of one
model. A tensor belongs to one site only. Several parts in one tensor (query, key and value of GPT-2
and ModernBERT) are views of it: writing to a view writes to the model, and a view need not be
contiguous.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from lesion.errors import LesionError
from lesion.models.parts import LAYERS, PARTS
from lesion.models.places import check_writable, layer_count, paths, places

_WRITERS = ("attention_output", "mlp_out", "embeddings", "norms")
HEADS = ("pooler", "classifier", "mlm_head")


@dataclass(frozen=True, eq=False)
class Site:
    """One module of one part (or one block of it): the tensors that a lesion may touch.

    Attributes:
        layer: zero-based, None outside the layers; 0 for all layers of a model that share weights.
        part: a word of `models.parts.PARTS`.
        index: position of the module within its part and layer.
        path: module path, from the base model or from the model with its head, for people.
        weight: the matrix (or the vector of scales), None where it is shared with another part.
        bias: None if the module has no bias.
        axis: dimension of `weight` that runs over the output units; `bias` has only dimension 0.
        heads: number of attention heads whose equal slices lie side by side along the output
            units, for `attention_output` along its inputs (`in_axis`); None outside attention.
            With grouped queries, `key` and `value` have fewer heads than `query`.
        stream: where the residual stream runs in `weight`: along its inputs ("in": the module
            reads the stream), its outputs ("out": it writes to the stream, so its bias too), or
            not at all (None).
        module: holds the tensors.
        block: (k, m) if the tensors are block k of m of the module's; None if they are whole.
        module_name: the module's name in `model.named_modules()`.
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
    module_name: str = ""

    @property
    def name(self) -> str:
        """Short name: `layer 3 mlp_in`, with the module's own name where a part has several."""
        return _name(self.layer, self.part, self.index)

    @property
    def in_axis(self) -> int:
        """Dimension of `weight` that runs over the inputs: the other one."""
        return 1 - self.axis

    @property
    def called(self) -> str:
        """Its name, and its path among the modules."""
        return f"{self.name} ({self.path})"

    @property
    def stream_axes(self) -> dict[str, int]:
        """Along which axis of its tensors ("weight", "bias") it has the residual stream.

        A missing tensor, or one in which the stream does not run, is left out: the narrow
        tables of ELECTRA and ALBERT, biases of query or mlp_in, the inner layers of a head.

        Example:
            >>> sites(bert)[0].stream_axes
            {'weight': 1}
        """
        if self.stream == "in":
            axes = {"weight": self.in_axis}
        else:
            axes = {"weight": self.axis, "bias": 0} if self.stream == "out" else {}
        return {name: axis for name, axis in axes.items() if getattr(self, name) is not None}

    def own(self, tensor: str) -> torch.Tensor | None:
        """The module's current `weight` or `bias`, whole; None if it has none.

        An attribute of a module need not be a tensor that it holds: a parametrization computes it
        anew at each access.
        """
        parameter = self.module._parameters.get(tensor)
        return self.module._buffers.get(tensor) if parameter is None else parameter

    def live(self, tensor: str) -> torch.Tensor | None:
        """As `own`, but only the block that belongs to the site."""
        whole = self.own(tensor)
        return None if whole is None else self.block_of(whole, tensor)

    def parameter(self, tensor: str) -> str:
        """The name of its `weight` or `bias` among the model's parameters."""
        return f"{self.module_name}.{tensor}"

    def block_of(self, whole: torch.Tensor, tensor: str) -> torch.Tensor:
        """The site's block of something of the shape of the module's `weight` or `bias`: a view."""
        return _view(whole, tensor, self.axis, self.block)

    def grad(self, tensor: str) -> torch.Tensor | None:
        """Gradient of `weight` or `bias`, of the same shape; None where none was computed.

        A view has no gradient of its own: this is the same block of the whole tensor's.
        """
        whole = getattr(self.module, tensor)
        return None if whole.grad is None else _view(whole.grad, tensor, self.axis, self.block)


def sites(model: nn.Module) -> list[Site]:
    """Every site of a model, in the order of `PARTS`, layers ascending; shared tensors once."""
    collected: list[Site] = []
    seen: set[tuple[int, tuple[int, int] | None]] = set()
    names = {module: name for name, module in model.named_modules()}
    for root, part, listed in paths(model):
        # What stands behind a pooler reads the pooler.
        reads = part != "classifier" or all(site.part != "pooler" for site in collected)
        collected += _sites_of(model, root, part, listed, reads, seen, names)
    return collected


def select_sites(model: nn.Module, layers: Any, parts: Sequence[str]) -> list[Site]:
    """The sites of the chosen parts in the chosen layers.

    Sites outside the layers (embeddings, heads) are chosen by their part alone, except when
    `layers` narrows a part that also lives in layers (norms).

    Raises:
        LesionError: if a layer does not exist, shares its weights with the others, or nothing is
            selected; if a selected module keeps its numbers in another form (quantised, or
            wrapped in an adapter), so that it would be passed over.
    """
    _check_shared(model, layers)
    numbers = layer_numbers(layers, layer_count(model))
    everywhere = layers == "all"
    everything = sites(model)
    if not everything:
        raise LesionError(
            f"{type(model).__name__} has none of the modules that the family "
            f"{model.config.model_type} names. If it wraps a model (PEFT, DataParallel), give the "  # type: ignore[union-attr]
            "model inside, with adapters merged into its weights."
        )
    layered = {site.part for site in everything if site.layer is not None}

    def wanted(part: str, layer: int | None) -> bool:
        outside = everywhere or part not in layered
        return part in parts and (outside if layer is None else layer in numbers)

    for root, part, listed in paths(model):
        for layer, index, full, module, _ in places(model, root, listed):
            if wanted(part, layer):
                check_writable(f"{_name(layer, part, index)} ({full})", module)
    chosen = [site for site in everything if wanted(site.part, site.layer)]
    missing = [part for part in parts if not any(site.part == part for site in chosen)]
    if missing:
        present = sorted({site.part for site in everything}, key=list(PARTS).index)
        raise LesionError(
            f"where.parts: {type(model).__name__} has no {', '.join(missing)} in the selected "
            f"layers. It has {', '.join(present)}."
        )
    return chosen


def layer_numbers(layers: Any, count: int) -> frozenset[int]:
    """Words, a number or a list of numbers to zero-based layers; -1 is the last.

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
    absent = sorted(number for number in numbers if not -count <= number < count)
    if absent:
        raise LesionError(
            f"where.layers: the model has layers 0-{count - 1}. Got {', '.join(map(str, absent))}."
        )
    return frozenset(number % count for number in numbers)


def _check_shared(model: nn.Module, layers: Any) -> None:
    """Refuse a single layer of a model whose layers share their weights."""
    count, total = layer_count(model), int(model.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
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
    listed: Sequence[str],
    reads: bool,
    seen: set[tuple[int, tuple[int, int] | None]],
    names: Mapping[nn.Module, str],
) -> Iterator[Site]:
    config: Any = model.config
    for layer, index, full, module, block in places(model, root, listed):
        axis = _axis(module)
        weight, bias = (_unshared(module, name, axis, block, seen) for name in ("weight", "bias"))
        stream = _stream(part, weight, axis, config.hidden_size) if reads else None
        reads = reads and part not in HEADS
        if weight is not None or bias is not None:
            heads = _heads(config, part)
            yield Site(layer, part, index, full, weight, bias, axis, heads, stream, module, block,
                       names[module])  # fmt: skip


def _name(layer: int | None, part: str, index: int) -> str:
    where = f"layer {layer} " if layer is not None else ""
    return f"{where}{part}" + (f".{index}" if index else "")


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


def _unshared(
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

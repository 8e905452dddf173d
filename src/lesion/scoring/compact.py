"""The two blocks of a post-norm encoder layer without their dead units.

The weights are the live ones of the model, so that damage needs no copy of it. Where whole output
units are dead (a zero row), a block is compacted before it is used: smaller matrices that compute
the same function.

- A zeroed MLP neuron outputs the constant act(bias). The constant is folded into the bias of the
  next layer.
- So does a dead value row, because attention weights sum to 1.
- A dead key row adds the same number to every score of a query, which the softmax removes. A dead
  query row without a bias adds nothing. Both rows are left out in either case.
- A dead output row leaves its dimension of the stream unchanged.

Dead units are looked up for all blocks together: a pass waits for a GPU twice, not a dozen times a
block.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

LiveMasks = tuple[torch.Tensor, ...]  # bool (units,) of each linear map of a block, on the CPU
COPY_COST = 64  # tokens for which multiplying with a number costs about as much as copying it


class Attention(NamedTuple):
    """The modules of an attention block."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear
    norm: nn.LayerNorm
    heads: int


class Mlp(NamedTuple):
    """The modules of an MLP block."""

    inner: nn.Linear
    outer: nn.Linear
    norm: nn.LayerNorm
    activation: Callable[[torch.Tensor], torch.Tensor]


class LinearMap(NamedTuple):
    """A linear map: the live tensors of a module, or a compact version of them.

    Attributes:
        scatter: int64 (all outputs,), the computed output of each, before the bias; None where all
            are computed in their order.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    scatter: torch.Tensor | None = None

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """(tokens, inputs) -> (tokens, outputs), a new tensor."""
        if self.scatter is None:
            return functional.linear(states, self.weight, self.bias)
        return add(functional.linear(states, self.weight).index_select(1, self.scatter), self.bias)


class CompactAttention(NamedTuple):
    """An attention block ready to run; `heads`, int64, are those that are left."""

    query: LinearMap
    key: LinearMap
    value: LinearMap
    output: LinearMap
    heads: torch.Tensor
    scale: float


class CompactMlp(NamedTuple):
    """An MLP block ready to run."""

    inner: LinearMap
    outer: LinearMap


def add(new: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The sum, in the more exact of two dtypes; in place if they are equal."""
    return new.add_(other) if new.dtype == other.dtype else new + other


def live_units(blocks: Sequence[Attention | Mlp]) -> list[LiveMasks]:
    """Which units of each block are not dead: of its linear maps, in the order of its fields.

    A query row counts as dead only without a bias, a key row only with a finite one.
    """
    maps = [(block, linear) for block in blocks for linear in _linear_maps(block)]
    always = [_always_live(block, linear) for block, linear in maps]
    live = iter(~dead for dead in dead_rows([linear.weight for _, linear in maps], always))
    return [tuple(next(live) for _ in _linear_maps(block)) for block in blocks]


def _linear_maps(block: Attention | Mlp) -> list[nn.Linear]:
    return [module for module in block if isinstance(module, nn.Linear)]


def _always_live(block: Attention | Mlp, linear: nn.Linear) -> torch.Tensor | None:
    """Rows that stay whatever their weights are: bool (rows,)."""
    if isinstance(block, Attention) and linear is block.query:
        return linear.bias != 0
    if isinstance(block, Attention) and linear is block.key:
        return ~linear.bias.isfinite()
    return None


def dead_rows(
    weights: Sequence[torch.Tensor], always_live: Sequence[torch.Tensor | None]
) -> list[torch.Tensor]:
    """Which rows of each matrix are zero throughout and may be left out: bool (rows,), on the CPU.

    The first few numbers of a row decide most of them.
    """
    first = [(weight[:, :16] == 0).all(1) for weight in weights]
    dead = _to_cpu(
        [
            mask if live is None else mask & ~live
            for mask, live in zip(first, always_live, strict=True)
        ]
    )
    suspects = {n: mask.nonzero().flatten() for n, mask in enumerate(dead) if mask.any()}
    whole = [(weights[n][_to_device(rows, weights[n])] == 0).all(1) for n, rows in suspects.items()]
    for (n, rows), zero in zip(suspects.items(), _to_cpu(whole), strict=True):
        dead[n][rows] = zero
    return dead


def _to_cpu(masks: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Vectors on the CPU, waiting once for the device."""
    if not masks:
        return []
    return list(torch.cat(list(masks)).cpu().split([len(mask) for mask in masks]))


def _to_device(indices: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Indices on the device of a tensor. CUDA copies its argument before it returns."""
    return indices.to(like.device, non_blocking=like.device.type == "cuda")


def compact_attention(block: Attention, tokens: int, live: LiveMasks) -> CompactAttention:
    """An attention block without its dead units, where leaving them out is faster."""
    size = block.value.weight.shape[0] // block.heads
    queries, keys, values, live_outputs = live
    scoring = (queries & keys).view(block.heads, size)
    values = values.view(block.heads, size) & live_outputs.any()
    heads = values.any(1).nonzero().flatten()
    value = LinearMap(block.value.weight, block.value.bias)
    kept: torch.Tensor | None = None
    if _pays(_rows_per_head(values) * len(heads), values.numel(), tokens):
        kept = _to_device(_kept_rows(values, heads), block.value.weight)
        value = _rows(block.value, kept)
    else:
        heads = torch.arange(block.heads)
    query, key = [LinearMap(linear.weight, linear.bias) for linear in (block.query, block.key)]
    if kept is not None or _pays(_rows_per_head(scoring) * block.heads, scoring.numel(), tokens):
        rows = _to_device(_kept_rows(scoring, heads), block.query.weight)
        query, key = [_rows(linear, rows) for linear in (block.query, block.key)]
    output = _output(block.output, live_outputs, kept, block.value.bias, tokens)
    return CompactAttention(query, key, value, output, _to_device(heads, value.weight), size**-0.5)


def compact_mlp(block: Mlp, tokens: int, live: LiveMasks) -> CompactMlp:
    """An MLP block without its dead units, where leaving them out is faster."""
    live_neurons, live_outputs = live
    kept = _rounded(live_neurons & live_outputs.any())
    if not _pays(len(kept), len(block.inner.weight), tokens):
        inner = LinearMap(block.inner.weight, block.inner.bias)
        return CompactMlp(inner, _output(block.outer, live_outputs, None, block.inner.bias, tokens))
    kept = _to_device(kept, block.inner.weight)
    constant = block.activation(block.inner.bias)
    outer = _output(block.outer, live_outputs, kept, constant, tokens)
    return CompactMlp(_rows(block.inner, kept), outer)


def _pays(kept: int, total: int, tokens: int) -> bool:
    """Whether leaving out saves more than copying what is kept costs."""
    return (total - kept) * tokens > COPY_COST * kept


def _rows_per_head(live: torch.Tensor) -> int:
    """How many rows are kept of every head, the same for all: a multiple of 8 if there are so many.

    Args:
        live: bool (heads, rows).
    """
    most = int(live.sum(1).max()) if len(live) else 0
    return min(-(-most // 8) * 8, live.shape[1])


def _kept_rows(live: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
    """The live rows of some heads, filled up with dead ones to the same number in each."""
    selected, size = live[heads], live.shape[1]
    order = selected.byte().argsort(dim=1, descending=True, stable=True)
    order = order[:, : _rows_per_head(selected)]
    return (heads[:, None] * size + order.sort(1).values).flatten()


def _rounded(live: torch.Tensor, more: int = 0) -> torch.Tensor:
    """The live rows and at least `more` others, filled up with dead ones to a multiple of 16."""
    count = min(-(-(int(live.sum()) + more) // 16) * 16, len(live))
    order = live.byte().argsort(descending=True, stable=True)[:count]
    return order.sort().values


def _rows(linear: nn.Linear, kept: torch.Tensor) -> LinearMap:
    return LinearMap(linear.weight[kept], linear.bias[kept])


def _output(
    linear: nn.Linear,
    live: torch.Tensor,
    inputs: torch.Tensor | None,
    constant: torch.Tensor,
    tokens: int,
) -> LinearMap:
    """The map behind units of which some are left out: their constants go into the bias.

    Args:
        live: bool (outputs,), the rows that are not zero, on the CPU.
        inputs: int64, the units that are left; None for all.
        constant: (units,), the output of each unit if its row is dead.
    """
    weight: torch.Tensor = linear.weight
    bias: torch.Tensor = linear.bias
    scatter: torch.Tensor | None = None
    if inputs is not None:
        with torch.autocast(weight.device.type, enabled=False):
            bias = bias + weight @ constant.index_fill(0, inputs, 0)
    kept = _rounded(live, more=1)  # a dead one among them stands for all that are left out
    if _pays(len(kept), len(live), tokens):
        indices = kept.new_full((len(live),), int(live[kept].byte().argmin()))
        indices[kept] = torch.arange(len(kept))
        weight, scatter = weight[_to_device(kept, weight)], _to_device(indices, weight)
    if inputs is not None:
        weight = weight[:, inputs]
    return LinearMap(weight, bias, scatter)

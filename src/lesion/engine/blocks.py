"""The two blocks of a post-norm encoder layer, on packed rows, with dead units left out.

The weights are the live ones of the model, so that damage needs no copy of it. Where whole output
units are dead (a zero row), a block is made lean before it is used: smaller matrices that compute
the same function.

- A dead neuron of the MLP says a constant, act(bias): it becomes part of the next bias.
- A dead value row likewise, since attention weights sum to 1.
- A dead key row adds the same to every score of a query, which the softmax takes out again; a dead
  query row with no bias adds nothing. Either way both rows go.
- A dead output row leaves its dimension of the stream alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from lesion.engine.packing import Pack

Run = Callable[[torch.Tensor, Pack], torch.Tensor]  # (tokens, width) -> the same
Bias = Callable[[int], torch.Tensor]
COPY = 64  # tokens for which multiplying with a number costs about as much as copying it


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


class Map(NamedTuple):
    """A linear map: the live tensors of a module, or a lean version of them.

    Attributes:
        spread: int64 (all outputs,), which of the computed outputs each is, before the bias; None
            where all are computed in their order.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    spread: torch.Tensor | None = None

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """(tokens, inputs) -> (tokens, outputs), a new tensor."""
        if self.spread is None:
            return functional.linear(states, self.weight, self.bias)
        return functional.linear(states, self.weight).index_select(1, self.spread).add_(self.bias)


class LeanAttention(NamedTuple):
    """An attention block ready to run; `heads`, int64, are those that are left."""

    query: Map
    key: Map
    value: Map
    output: Map
    heads: torch.Tensor
    scale: float


class LeanMlp(NamedTuple):
    """An MLP block ready to run."""

    inner: Map
    outer: Map


def ready(block: Attention | Mlp, tokens: int, bias: Bias | None = None) -> Run:
    """A block as a function of packed states.

    Args:
        tokens: how many it will be run on.
        bias: length -> what is added to the scores, (1, heads, length, length).
    """
    norm = block.norm
    if isinstance(block, Attention):
        attention = lean_attention(block, tokens)
        return lambda states, pack: norm(
            attention.output(attended(attention, states, pack, bias)).add_(states)
        )
    mlp, activation = lean_mlp(block, tokens), block.activation
    return lambda states, pack: norm(mlp.outer(activation(mlp.inner(states))).add_(states))


def attended(
    lean: LeanAttention, states: torch.Tensor, pack: Pack, bias: Bias | None = None
) -> torch.Tensor:
    """What the heads say before the output map: (tokens, width) -> (tokens, values)."""
    heads = len(lean.heads)
    if not heads:
        return states.new_empty(len(states), 0)
    query, key, value = (
        one(states).view(len(states), heads, -1) for one in (lean.query, lean.key, lean.value)
    )
    wide, said = max(query.shape[2], value.shape[2]), value.shape[2]
    query, key, value = (_widened(one, wide) for one in (query, key, value))
    parts = []
    for stretch in pack.stretches:
        shape = (stretch.rows, stretch.length, heads, wide)
        asked, known, told = (
            one[stretch.tokens].view(shape).transpose(1, 2) for one in (query, key, value)
        )
        added = _added(stretch.mask, bias(stretch.length)[:, lean.heads] if bias else None)
        found = functional.scaled_dot_product_attention(
            asked, known, told, attn_mask=added, scale=lean.scale
        )
        parts.append(found.transpose(1, 2)[..., :said].reshape(-1, heads * said))
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _widened(one: torch.Tensor, wide: int) -> torch.Tensor:
    """Zeros up to a common width, which change neither scores nor sums."""
    missing = wide - one.shape[2]
    return functional.pad(one, (0, missing)) if missing else one


def _added(mask: torch.Tensor | None, bias: torch.Tensor | None) -> torch.Tensor | None:
    """What is added to the scores, (rows or 1, heads or 1, length or 1, length)."""
    if mask is None:
        return bias
    if bias is None:
        return mask[:, None, None, :]
    return bias.masked_fill(~mask[:, None, None, :], -torch.inf)


def dead_rows(weight: torch.Tensor) -> torch.Tensor:
    """Which rows are zero throughout: bool (rows,). Most are told by their first few numbers."""
    dead = (weight[:, :16] == 0).all(1)
    suspects = dead.nonzero().flatten()
    if len(suspects):
        dead[suspects] = (weight[suspects] == 0).all(1)
    return dead


def lean_attention(block: Attention, tokens: int) -> LeanAttention:
    """An attention block without its dead units, where leaving them out is faster."""
    size = block.value.weight.shape[0] // block.heads
    heard = ~dead_rows(block.output.weight)
    values = ~dead_rows(block.value.weight).view(block.heads, size) & heard.any()
    heads = values.any(1).nonzero().flatten()
    value = Map(block.value.weight, block.value.bias)
    chosen: torch.Tensor | None = None
    if _worth(_kept(values) * len(heads), values.numel(), tokens):
        chosen = _chosen(values, heads)
        value = _rows(block.value, chosen)
    else:
        heads = torch.arange(block.heads, device=heads.device)
    keys = _scoring(block).view(block.heads, size)
    query, key = [Map(one.weight, one.bias) for one in (block.query, block.key)]
    if chosen is not None or _worth(_kept(keys) * block.heads, keys.numel(), tokens):
        scoring = _chosen(keys, heads)
        query, key = [_rows(one, scoring) for one in (block.query, block.key)]
    output = _output(block.output, heard, chosen, block.value.bias, tokens)
    return LeanAttention(query, key, value, output, heads, size**-0.5)


def lean_mlp(block: Mlp, tokens: int) -> LeanMlp:
    """An MLP block without its dead units, where leaving them out is faster."""
    heard = ~dead_rows(block.outer.weight)
    chosen = _padded(~dead_rows(block.inner.weight) & heard.any())
    if not _worth(len(chosen), len(block.inner.weight), tokens):
        inner = Map(block.inner.weight, block.inner.bias)
        return LeanMlp(inner, _output(block.outer, heard, None, block.inner.bias, tokens))
    constant = block.activation(block.inner.bias)
    outer = _output(block.outer, heard, chosen, constant, tokens)
    return LeanMlp(_rows(block.inner, chosen), outer)


def _worth(kept: int, total: int, tokens: int) -> bool:
    """Whether leaving out saves more than copying what is kept costs."""
    return (total - kept) * tokens > COPY * kept


def _scoring(block: Attention) -> torch.Tensor:
    """The rows of query and key that may tell one score from another: bool (rows,)."""
    key = ~dead_rows(block.key.weight) | ~block.key.bias.isfinite()
    return key & ~(dead_rows(block.query.weight) & (block.query.bias == 0))


def _kept(alive: torch.Tensor) -> int:
    """So many rows are kept of every head, the same for all: a multiple of 8 where there are."""
    most = int(alive.sum(1).max()) if len(alive) else 0
    return min(-(-most // 8) * 8, alive.shape[1])


def _chosen(alive: torch.Tensor, heads: torch.Tensor) -> torch.Tensor:
    """The live rows of some heads, filled up with dead ones to the same number in each."""
    mine, size = alive[heads], alive.shape[1]
    order = mine.byte().argsort(dim=1, descending=True, stable=True)[:, : _kept(mine)]
    return (heads[:, None] * size + order.sort(1).values).flatten()


def _padded(alive: torch.Tensor, more: int = 0) -> torch.Tensor:
    """The live rows and at least so many more, filled up with dead ones to a multiple of 16."""
    count = min(-(-(int(alive.sum()) + more) // 16) * 16, len(alive))
    order = alive.byte().argsort(descending=True, stable=True)[:count]
    return order.sort().values


def _rows(linear: nn.Linear, chosen: torch.Tensor) -> Map:
    return Map(linear.weight[chosen], linear.bias[chosen])


def _output(
    linear: nn.Linear,
    alive: torch.Tensor,
    inputs: torch.Tensor | None,
    constant: torch.Tensor,
    tokens: int,
) -> Map:
    """The map behind units of which some are left out: what they say goes into the bias.

    Args:
        alive: bool (outputs,), the rows that are not zero.
        inputs: int64, the units that are left; None for all.
        constant: (units,), what each unit says if its row is dead.
    """
    weight: torch.Tensor = linear.weight
    bias: torch.Tensor = linear.bias
    spread: torch.Tensor | None = None
    if inputs is not None:
        bias = bias + weight @ constant.index_fill(0, inputs, 0)
    chosen = _padded(alive, more=1)  # a dead one among them stands for all that are left out
    if _worth(len(chosen), len(alive), tokens):
        weight = weight[chosen]
        spread = chosen.new_full((len(alive),), int(alive[chosen].byte().argmin()))
        spread[chosen] = torch.arange(len(chosen), device=weight.device)
    if inputs is not None:
        weight = weight[:, inputs]
    return Map(weight, bias, spread)

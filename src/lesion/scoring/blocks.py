"""The two blocks of a post-norm encoder layer, on packed rows, with dead units left out.

The weights are the live ones of the model, so that damage needs no copy of it. Where whole output
units are dead (a zero row), a block is made lean before it is used: smaller matrices that compute
the same function.

- A dead neuron of the MLP says a constant, act(bias): it becomes part of the next bias.
- A dead value row likewise, since attention weights sum to 1.
- A dead key row adds the same to every score of a query, which the softmax takes out again; a dead
  query row with no bias adds nothing. Either way both rows go.
- A dead output row leaves its dimension of the stream alone.

Which units are dead is found out for all blocks together: a GPU is waited for twice a pass, not a
dozen times a block. Under autocast products are in bfloat16, the stream of states stays float32.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from lesion.scoring.packing import Pack

Run = Callable[[torch.Tensor, Pack], torch.Tensor]  # (tokens, width) -> the same
Bias = Callable[[int], torch.Tensor]
Alive = tuple[torch.Tensor, ...]  # bool (units,) of each map of a block, on the CPU
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
        return plus(functional.linear(states, self.weight).index_select(1, self.spread), self.bias)


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


def ready(block: Attention | Mlp, tokens: int, alive: Alive, bias: Bias | None = None) -> Run:
    """A block as a function of packed states.

    Args:
        tokens: how many it will be run on.
        alive: its units that are left, see `living`.
        bias: length -> what is added to the scores, (1, heads, length, length).
    """
    norm = block.norm
    if isinstance(block, Attention):
        attention = lean_attention(block, tokens, alive)
        return lambda states, pack: norm(
            plus(attention.output(attended(attention, states, pack, bias)), states)
        )
    mlp, activation = lean_mlp(block, tokens, alive), block.activation
    return lambda states, pack: norm(plus(mlp.outer(activation(mlp.inner(states))), states))


def plus(fresh: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
    """The sum, in the more exact of two dtypes; in place where they are one."""
    return fresh.add_(more) if fresh.dtype == more.dtype else fresh + more


def attended(
    lean: LeanAttention, states: torch.Tensor, pack: Pack, bias: Bias | None = None
) -> torch.Tensor:
    """What the heads say before the output map: (tokens, width) -> (tokens, values)."""
    heads = len(lean.heads)
    if not heads:
        return states.new_empty(len(states), 0)
    states = _cast(states)
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


def _cast(states: torch.Tensor) -> torch.Tensor:
    """As autocast would for each of several products, but once."""
    kind = states.device.type
    if not torch.is_autocast_enabled(kind):
        return states
    return states.to(torch.get_autocast_dtype(kind))


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


def living(blocks: Sequence[Attention | Mlp]) -> list[Alive]:
    """Which units of each block are not dead: of the maps in the order of its fields.

    A query row counts as dead only without a bias, a key row only with a finite one.
    """
    maps = [(block, one) for block in blocks for one in _linear(block)]
    needed = [_needed(block, one) for block, one in maps]
    alive = iter(~one for one in dead_rows([one.weight for _, one in maps], needed))
    return [tuple(next(alive) for _ in _linear(block)) for block in blocks]


def _linear(block: Attention | Mlp) -> list[nn.Linear]:
    return [one for one in block if isinstance(one, nn.Linear)]


def _needed(block: Attention | Mlp, one: nn.Linear) -> torch.Tensor | None:
    """Rows that stay whatever their weights are: bool (rows,)."""
    if isinstance(block, Attention) and one is block.query:
        return one.bias != 0
    if isinstance(block, Attention) and one is block.key:
        return ~one.bias.isfinite()
    return None


def dead_rows(
    weights: Sequence[torch.Tensor], needed: Sequence[torch.Tensor | None]
) -> list[torch.Tensor]:
    """Which rows of each matrix are zero throughout and not needed: bool (rows,), on the CPU.

    Most are told by their first few numbers.
    """
    first = [(one[:, :16] == 0).all(1) for one in weights]
    dead = _fetched(
        [one if must is None else one & ~must for one, must in zip(first, needed, strict=True)]
    )
    suspects = {n: one.nonzero().flatten() for n, one in enumerate(dead) if one.any()}
    whole = [(weights[n][_sent(rows, weights[n])] == 0).all(1) for n, rows in suspects.items()]
    for (n, rows), told in zip(suspects.items(), _fetched(whole), strict=True):
        dead[n][rows] = told
    return dead


def _fetched(masks: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Vectors on the CPU, waiting once for the device."""
    if not masks:
        return []
    return list(torch.cat(list(masks)).cpu().split([len(one) for one in masks]))


def _sent(indices: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
    """Indices where a tensor is. CUDA copies what it is given before it returns."""
    return indices.to(to.device, non_blocking=to.device.type == "cuda")


def lean_attention(block: Attention, tokens: int, alive: Alive) -> LeanAttention:
    """An attention block without its dead units, where leaving them out is faster."""
    size = block.value.weight.shape[0] // block.heads
    queries, keys, values, heard = alive
    scoring = (queries & keys).view(block.heads, size)
    values = values.view(block.heads, size) & heard.any()
    heads = values.any(1).nonzero().flatten()
    value = Map(block.value.weight, block.value.bias)
    chosen: torch.Tensor | None = None
    if _worth(_kept(values) * len(heads), values.numel(), tokens):
        chosen = _sent(_chosen(values, heads), block.value.weight)
        value = _rows(block.value, chosen)
    else:
        heads = torch.arange(block.heads)
    query, key = [Map(one.weight, one.bias) for one in (block.query, block.key)]
    if chosen is not None or _worth(_kept(scoring) * block.heads, scoring.numel(), tokens):
        rows = _sent(_chosen(scoring, heads), block.query.weight)
        query, key = [_rows(one, rows) for one in (block.query, block.key)]
    output = _output(block.output, heard, chosen, block.value.bias, tokens)
    return LeanAttention(query, key, value, output, _sent(heads, value.weight), size**-0.5)


def lean_mlp(block: Mlp, tokens: int, alive: Alive) -> LeanMlp:
    """An MLP block without its dead units, where leaving them out is faster."""
    speaking, heard = alive
    chosen = _padded(speaking & heard.any())
    if not _worth(len(chosen), len(block.inner.weight), tokens):
        inner = Map(block.inner.weight, block.inner.bias)
        return LeanMlp(inner, _output(block.outer, heard, None, block.inner.bias, tokens))
    chosen = _sent(chosen, block.inner.weight)
    constant = block.activation(block.inner.bias)
    outer = _output(block.outer, heard, chosen, constant, tokens)
    return LeanMlp(_rows(block.inner, chosen), outer)


def _worth(kept: int, total: int, tokens: int) -> bool:
    """Whether leaving out saves more than copying what is kept costs."""
    return (total - kept) * tokens > COPY * kept


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
        alive: bool (outputs,), the rows that are not zero, on the CPU.
        inputs: int64, the units that are left; None for all.
        constant: (units,), what each unit says if its row is dead.
    """
    weight: torch.Tensor = linear.weight
    bias: torch.Tensor = linear.bias
    spread: torch.Tensor | None = None
    if inputs is not None:
        with torch.autocast(weight.device.type, enabled=False):
            bias = bias + weight @ constant.index_fill(0, inputs, 0)
    chosen = _padded(alive, more=1)  # a dead one among them stands for all that are left out
    if _worth(len(chosen), len(alive), tokens):
        places = chosen.new_full((len(alive),), int(alive[chosen].byte().argmin()))
        places[chosen] = torch.arange(len(chosen))
        weight, spread = weight[_sent(chosen, weight)], _sent(places, weight)
    if inputs is not None:
        weight = weight[:, inputs]
    return Map(weight, bias, spread)

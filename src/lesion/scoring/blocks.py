"""The two blocks of a post-norm encoder layer as functions of packed states.

Both are run without their dead units (`lesion.scoring.compact`). Under autocast products are in
bfloat16, the stream of states stays float32.
"""

from collections.abc import Callable

import torch
from torch.nn import functional

from lesion.scoring.compact import (
    Attention,
    CompactAttention,
    LiveMasks,
    Mlp,
    add,
    compact_attention,
    compact_mlp,
)
from lesion.scoring.packing import Pack

Run = Callable[[torch.Tensor, Pack], torch.Tensor]  # (tokens, width) -> the same
Bias = Callable[[int], torch.Tensor]


def block_function(
    block: Attention | Mlp, tokens: int, live: LiveMasks, bias: Bias | None = None
) -> Run:
    """A block as a function of packed states.

    Args:
        tokens: how many it will be run on.
        live: its units that are left, see `live_units`.
        bias: length -> what is added to the scores, (1, heads, length, length).
    """
    norm = block.norm
    if isinstance(block, Attention):
        attention = compact_attention(block, tokens, live)
        return lambda states, pack: norm(
            add(attention.output(attention_values(attention, states, pack, bias)), states)
        )
    mlp, activation = compact_mlp(block, tokens, live), block.activation
    return lambda states, pack: norm(add(mlp.outer(activation(mlp.inner(states))), states))


def attention_values(
    block: CompactAttention, states: torch.Tensor, pack: Pack, bias: Bias | None = None
) -> torch.Tensor:
    """The outputs of the heads before the output map: (tokens, width) -> (tokens, values)."""
    heads = len(block.heads)
    if not heads:
        return states.new_empty(len(states), 0)
    states = _cast(states)
    query, key, value = (
        linear(states).view(len(states), heads, -1)
        for linear in (block.query, block.key, block.value)
    )
    head_width, value_width = max(query.shape[2], value.shape[2]), value.shape[2]
    query, key, value = (_padded_width(each, head_width) for each in (query, key, value))
    outputs = []
    for segment in pack.segments:
        shape = (segment.rows, segment.length, heads, head_width)
        q, k, v = (each[segment.tokens].view(shape).transpose(1, 2) for each in (query, key, value))
        added = _added(segment.mask, bias(segment.length)[:, block.heads] if bias else None)
        attended = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=added, scale=block.scale
        )
        values = attended.transpose(1, 2)[..., :value_width]
        outputs.append(values.reshape(-1, heads * value_width))
    return torch.cat(outputs) if len(outputs) > 1 else outputs[0]


def _cast(states: torch.Tensor) -> torch.Tensor:
    """As autocast would for each of several products, but once."""
    kind = states.device.type
    if not torch.is_autocast_enabled(kind):
        return states
    return states.to(torch.get_autocast_dtype(kind))


def _padded_width(states: torch.Tensor, width: int) -> torch.Tensor:
    """Zeros up to a common width, which change neither scores nor sums."""
    missing = width - states.shape[2]
    return functional.pad(states, (0, missing)) if missing else states


def _added(mask: torch.Tensor | None, bias: torch.Tensor | None) -> torch.Tensor | None:
    """What is added to the scores, (rows or 1, heads or 1, length or 1, length)."""
    if mask is None:
        return bias
    if bias is None:
        return mask[:, None, None, :]
    return bias.masked_fill(~mask[:, None, None, :], -torch.inf)

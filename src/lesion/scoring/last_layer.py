"""The last layer of an encoder, only at the positions that the head reads.

A classifier reads one token of each row, and a hidden word is one token. A query is made only
there; keys and values are not made for every token: with W the key matrix of a head, q · Wx is
(qW) · x, and the weighted sum of values is the value of the weighted sum. These few products are
computed in float32 under autocast too: rounding qW would cost more than rounding q and Wx does.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional

from lesion.scoring.compact import add
from lesion.scoring.encoders import Encoder
from lesion.scoring.packing import Pack


def last_layer(
    encoder: Encoder, packs: Sequence[Pack], states: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Outputs of the last layer at the positions that are read: (positions, width).

    Args:
        states: outputs of the layer below for all tokens of each pack, float32 (tokens, width).
    """
    attention, mlp = encoder.layers[-1]
    selected = [each[pack.position_index] for each, pack in zip(states, packs, strict=True)]
    read_states = torch.cat(selected)
    with torch.autocast(read_states.device.type, enabled=False):
        values = _head_values(encoder, packs, states, read_states)
    attended = attention.norm(add(attention.output(values), read_states))
    return mlp.norm(add(mlp.outer(mlp.activation(mlp.inner(attended))), attended))


def _head_values(
    encoder: Encoder,
    packs: Sequence[Pack],
    states: Sequence[torch.Tensor],
    read_states: torch.Tensor,
) -> torch.Tensor:
    """The outputs of the heads before the output map: (positions, values)."""
    attention, _ = encoder.layers[-1]
    heads, width = attention.heads, read_states.shape[1]
    query = functional.linear(read_states, attention.query.weight, attention.query.bias)
    size = query.shape[1] // heads
    query = query.view(-1, heads, size) * size**-0.5
    keys = attention.key.weight.view(heads, size, width)
    queries = torch.bmm(query.transpose(0, 1), keys).transpose(0, 1)  # (positions, heads, width)
    constant = (query * attention.key.bias.view(heads, size)).sum(2)
    counts = [len(pack.position_index) for pack in packs]
    parts = zip(states, packs, queries.split(counts), constant.split(counts), strict=True)
    attended = torch.cat([_attended(encoder, *part) for part in parts])
    matrices = attention.value.weight.view(heads, size, width).transpose(1, 2)
    values = torch.bmm(attended.transpose(0, 1), matrices).transpose(0, 1).flatten(1)
    return values.add_(attention.value.bias)


def _attended(
    encoder: Encoder,
    states: torch.Tensor,
    pack: Pack,
    queries: torch.Tensor,
    constant: torch.Tensor,
) -> torch.Tensor:
    """The states that each head attends to from each position: (positions, heads, width)."""
    count, heads, width = pack.positions.shape[1], queries.shape[1], queries.shape[2]
    attended, row = [], 0
    for segment in pack.segments:
        selected = slice(row * count, (row + segment.rows) * count)
        tokens = states[segment.tokens].view(segment.rows, segment.length, width)
        q = queries[selected].reshape(segment.rows, count * heads, width)
        scores = torch.bmm(q, tokens.transpose(1, 2))
        scores = scores.view(segment.rows, count, heads, -1)
        scores += constant[selected].view(segment.rows, count, heads, 1)
        if encoder.bias:
            bias = encoder.bias(segment.length)[0]  # (heads, length, length)
            scores += bias[:, pack.positions[row : row + segment.rows]].permute(1, 2, 0, 3)
        if segment.mask is not None:
            scores.masked_fill_(~segment.mask[:, None, None, :], -torch.inf)
        weights = scores.softmax(-1).view(segment.rows, count * heads, -1)
        attended.append(torch.bmm(weights, tokens).view(-1, heads, width))
        row += segment.rows
    return torch.cat(attended)

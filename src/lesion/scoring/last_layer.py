"""The last layer of an encoder, only where the head reads.

A classifier reads one token of each row, and a hidden word is one token. There a query is made;
keys and values are not made for every token: with W the key matrix of a head, q · Wx is (qW) · x,
and the weighted sum of values is the value of the weighted sum. These few products are computed in
float32 under autocast too: rounding qW would cost more than rounding q and Wx does.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional

from lesion.scoring.blocks import plus
from lesion.scoring.encoders import Encoder
from lesion.scoring.packing import Pack


def last_layer(
    encoder: Encoder, packs: Sequence[Pack], states: Sequence[torch.Tensor]
) -> torch.Tensor:
    """What the last layer says at the places that are read: (rows * reads, width).

    Args:
        states: what the layer below says about all tokens of each pack, float32 (tokens, width).
    """
    attention, mlp = encoder.layers[-1]
    here = torch.cat([one[pack.reads] for one, pack in zip(states, packs, strict=True)])
    with torch.autocast(here.device.type, enabled=False):
        said = _said(encoder, packs, states, here)
    found = attention.norm(plus(attention.output(said), here))
    return mlp.norm(plus(mlp.outer(mlp.activation(mlp.inner(found))), found))


def _said(
    encoder: Encoder,
    packs: Sequence[Pack],
    states: Sequence[torch.Tensor],
    here: torch.Tensor,
) -> torch.Tensor:
    """What the heads say before the output map, from the states here: (reads, values)."""
    attention, _ = encoder.layers[-1]
    heads, width = attention.heads, here.shape[1]
    query = functional.linear(here, attention.query.weight, attention.query.bias)
    size = query.shape[1] // heads
    query = query.view(-1, heads, size) * size**-0.5
    keys = attention.key.weight.view(heads, size, width)
    asked = torch.bmm(query.transpose(0, 1), keys).transpose(0, 1)  # (reads, heads, width)
    constant = (query * attention.key.bias.view(heads, size)).sum(2)
    counts = [len(pack.reads) for pack in packs]
    questions = zip(states, packs, asked.split(counts), constant.split(counts), strict=True)
    seen = torch.cat([_seen(encoder, *one) for one in questions])
    values = attention.value.weight.view(heads, size, width).transpose(1, 2)
    said = torch.bmm(seen.transpose(0, 1), values).transpose(0, 1).flatten(1)
    return said.add_(attention.value.bias)


def _seen(
    encoder: Encoder,
    states: torch.Tensor,
    pack: Pack,
    asked: torch.Tensor,
    constant: torch.Tensor,
) -> torch.Tensor:
    """What each head attends to from each place, in states: (reads, heads, width)."""
    reads, heads, width = pack.places.shape[1], asked.shape[1], asked.shape[2]
    parts, row = [], 0
    for stretch in pack.stretches:
        mine = slice(row * reads, (row + stretch.rows) * reads)
        tokens = states[stretch.tokens].view(stretch.rows, stretch.length, width)
        questions = asked[mine].reshape(stretch.rows, reads * heads, width)
        scores = torch.bmm(questions, tokens.transpose(1, 2))
        scores = scores.view(stretch.rows, reads, heads, -1)
        scores += constant[mine].view(stretch.rows, reads, heads, 1)
        if encoder.bias:
            bias = encoder.bias(stretch.length)[0]  # (heads, length, length)
            scores += bias[:, pack.places[row : row + stretch.rows]].permute(1, 2, 0, 3)
        if stretch.mask is not None:
            scores.masked_fill_(~stretch.mask[:, None, None, :], -torch.inf)
        weights = scores.softmax(-1).view(stretch.rows, reads * heads, -1)
        parts.append(torch.bmm(weights, tokens).view(-1, heads, width))
        row += stretch.rows
    return torch.cat(parts)

"""Blocks as functions of packed states, against the same modules applied whole."""

import pytest
import torch

from lesion.scoring.blocks import block_function
from lesion.scoring.compact import Attention, Mlp, live_units
from tests.scoring.small import HEADS, WIDTH, destroy

MANY = 10**6  # tokens: leaving units out pays


def whole_attention(block: Attention, states: torch.Tensor, packed) -> torch.Tensor:
    """Row by row, head by head, by the definition."""
    found = []
    for segment in packed.segments:
        for row in states[segment.tokens].view(segment.rows, segment.length, WIDTH):
            query, key, value = (
                one(row).view(-1, HEADS, WIDTH // HEADS)
                for one in (block.query, block.key, block.value)
            )
            scores = torch.einsum("ihd,jhd->hij", query, key) / (WIDTH // HEADS) ** 0.5
            values = torch.einsum("hij,jhd->ihd", scores.softmax(-1), value).flatten(1)
            found.append(block.norm(row + block.output(values)))
    return torch.cat(found)


def whole_mlp(block: Mlp, states: torch.Tensor, packed) -> torch.Tensor:
    return block.norm(states + block.outer(block.activation(block.inner(states))))


def run(block: Attention | Mlp):
    return block_function(block, MANY, live_units([block])[0])


ROWS = {
    "none": [],
    "few": [0, 3, 17],
    "most": [n for n in range(WIDTH) if n % 7],
    "one head": list(range(WIDTH // HEADS)),
    "all": list(range(WIDTH)),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("part", ["query", "key", "value", "output"])
def test_attention_without_dead_rows_is_the_same_function(
    attention, states, packed, part, rows, bias
):
    destroy(getattr(attention, part), rows, bias)
    found = run(attention)(states, packed)
    assert torch.allclose(found, whole_attention(attention, states, packed), atol=1e-5)


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_attention_with_dead_rows_everywhere_is_the_same_function(attention, states, packed, rows):
    for shift, part in enumerate(("query", "key", "value", "output")):
        destroy(getattr(attention, part), [(row + shift) % WIDTH for row in rows], shift % 2 == 0)
    found = run(attention)(states, packed)
    assert torch.allclose(found, whole_attention(attention, states, packed), atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("part", ["inner", "outer"])
def test_an_mlp_without_dead_rows_is_the_same_function(mlp, states, packed, part, rows, bias):
    destroy(getattr(mlp, part), rows, bias)
    found = run(mlp)(states, packed)
    assert torch.allclose(found, whole_mlp(mlp, states, packed), atol=1e-5)

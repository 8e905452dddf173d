"""Lean blocks against the same modules applied whole, and that they are lean."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lesion.scoring import blocks
from lesion.scoring.blocks import Attention, Mlp, dead_rows, living, ready
from lesion.scoring.packing import pack

WIDTH, HEADS, INNER, MANY = 32, 2, 64, 10**6


class Tokenizer:
    pad_token_id, eos_token_id = 0, None


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    made = nn.Linear(inputs, outputs)
    with torch.no_grad():
        for tensor in made.parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3)
    return made.requires_grad_(False)


@pytest.fixture
def attention(generator) -> Attention:
    four = [linear(WIDTH, WIDTH, generator) for _ in range(4)]
    return Attention(*four, nn.LayerNorm(WIDTH).requires_grad_(False), HEADS)


@pytest.fixture
def mlp(generator) -> Mlp:
    inner, outer = linear(WIDTH, INNER, generator), linear(INNER, WIDTH, generator)
    return Mlp(inner, outer, nn.LayerNorm(WIDTH).requires_grad_(False), functional.gelu)


@pytest.fixture
def packed():
    rows = [{"input_ids": [1] * length} for length in (5, 3, 3, 1)]
    return pack(rows, Tokenizer(), None, torch.device("cpu"), 1)


@pytest.fixture
def states(generator, packed) -> torch.Tensor:
    return torch.randn(packed.tokens, WIDTH, generator=generator)


def whole_attention(block: Attention, states: torch.Tensor, packed) -> torch.Tensor:
    """Row by row, head by head, by the definition."""
    found = []
    for stretch in packed.stretches:
        for row in states[stretch.tokens].view(stretch.rows, stretch.length, WIDTH):
            query, key, value = (
                one(row).view(-1, HEADS, WIDTH // HEADS)
                for one in (block.query, block.key, block.value)
            )
            scores = torch.einsum("ihd,jhd->hij", query, key) / (WIDTH // HEADS) ** 0.5
            said = torch.einsum("hij,jhd->ihd", scores.softmax(-1), value).flatten(1)
            found.append(block.norm(row + block.output(said)))
    return torch.cat(found)


def whole_mlp(block: Mlp, states: torch.Tensor, packed) -> torch.Tensor:
    return block.norm(states + block.outer(block.activation(block.inner(states))))


def run(block: Attention | Mlp):
    return ready(block, MANY, living([block])[0])


def lean(block: Attention | Mlp, tokens: int):
    make = blocks.lean_attention if isinstance(block, Attention) else blocks.lean_mlp
    return make(block, tokens, living([block])[0])


def kill(module: nn.Linear, rows, bias: bool = True) -> None:
    module.weight[rows] = 0
    if bias:
        module.bias[rows] = 0


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
    kill(getattr(attention, part), rows, bias)
    found = run(attention)(states, packed)
    assert torch.allclose(found, whole_attention(attention, states, packed), atol=1e-5)


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_attention_with_dead_rows_everywhere_is_the_same_function(attention, states, packed, rows):
    for shift, part in enumerate(("query", "key", "value", "output")):
        kill(getattr(attention, part), [(row + shift) % WIDTH for row in rows], shift % 2 == 0)
    found = run(attention)(states, packed)
    assert torch.allclose(found, whole_attention(attention, states, packed), atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("part", ["inner", "outer"])
def test_an_mlp_without_dead_rows_is_the_same_function(mlp, states, packed, part, rows, bias):
    kill(getattr(mlp, part), rows, bias)
    found = run(mlp)(states, packed)
    assert torch.allclose(found, whole_mlp(mlp, states, packed), atol=1e-5)


def test_dead_neurons_are_left_out(mlp, attention):
    kill(mlp.inner, slice(0, 40))
    found = lean(mlp, MANY)
    assert found.inner.weight.shape == (32, WIDTH), "24 alive, filled up to a multiple of 16"
    assert found.outer.weight.shape == (WIDTH, 32)
    kill(attention.value, slice(0, 16))
    found = lean(attention, MANY)
    assert found.heads.tolist() == [1]
    assert [one.weight.shape[0] for one in (found.query, found.key, found.value)] == [16, 16, 16]
    assert found.output.weight.shape == (WIDTH, 16)


def test_nothing_is_computed_for_a_block_that_says_nothing(mlp, attention):
    kill(mlp.outer, slice(None))
    kill(attention.output, slice(None))
    assert lean(mlp, MANY).inner.weight.shape[0] == 0
    assert len(lean(attention, MANY).heads) == 0


def test_where_copying_costs_more_the_live_weights_are_used(mlp, attention):
    kill(mlp.inner, slice(0, 40))
    kill(attention.value, slice(0, 16))
    assert lean(mlp, 1).inner.weight is mlp.inner.weight
    assert lean(attention, 1).value.weight is attention.value.weight


def test_a_row_is_dead_only_if_it_is_zero_to_its_end():
    weight = torch.zeros(4, 40)
    weight[1, 39], weight[3, 0] = 1, float("nan")
    (dead,) = dead_rows([weight], [None])
    assert dead.tolist() == [True, False, True, False]


def test_however_many_blocks_a_device_is_asked_twice_what_is_dead(attention, mlp, monkeypatch):
    asked, own = [], blocks._fetched
    monkeypatch.setattr(blocks, "_fetched", lambda masks: asked.append(masks) or own(masks))
    kill(mlp.inner, slice(0, 40))
    kill(attention.query, 3)
    kill(attention.key, 4)
    found = living([mlp, attention] * 5)
    assert len(asked) == 2
    assert [len(one) for one in found] == [2, 4] * 5
    assert found[0][0].tolist() == [False] * 40 + [True] * 24
    assert [int((~one).nonzero()) for one in found[1][:2]] == [3, 4]

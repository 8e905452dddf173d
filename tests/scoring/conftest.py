"""Small blocks, and packed states for them."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lesion.scoring.compact import Attention, Mlp
from lesion.scoring.packing import Pack, pack
from tests.scoring.small import HEADS, INNER, WIDTH, batcher


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
def packed() -> Pack:
    return pack([{"input_ids": [1] * length} for length in (5, 3, 3, 1)], batcher(), 1)


@pytest.fixture
def states(generator, packed) -> torch.Tensor:
    return torch.randn(packed.tokens, WIDTH, generator=generator)

import pytest
import torch

from lesion.scoring.blocks import block_function
from lesion.scoring.compact import live_units
from lesion.scoring.encoders import encoder_of
from lesion.scoring.last_layer import last_layer
from lesion.scoring.packing import pack
from tests.scoring.small import batcher, built


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("per_row", [1, 2])
@pytest.mark.parametrize("name", ["bert", "mpnet"])
def test_the_last_layer_at_some_positions_is_the_whole_layer_there(name, per_row, padded, tmp_path):
    model, _ = built(name, tmp_path)
    encoder = encoder_of(model, "classification")
    generator = torch.Generator().manual_seed(0)
    packs = []
    for lengths in ((7, 5, 5), (4,)):
        rows = [{"input_ids": [5] * n, "positions": [n - 1, n - 3][:per_row]} for n in lengths]
        packs.append(pack(rows, batcher(), per_row, padded))
    states = [torch.randn(one.tokens, 32, generator=generator) for one in packs]
    with torch.inference_mode():
        found = last_layer(encoder, packs, states)
        expected = []
        for one, pack_ in zip(states, packs, strict=True):
            for block in encoder.layers[-1]:
                one = block_function(block, 1, live_units([block])[0], encoder.bias)(one, pack_)
            expected.append(one[pack_.position_index])
    assert torch.allclose(found, torch.cat(expected), atol=1e-5)

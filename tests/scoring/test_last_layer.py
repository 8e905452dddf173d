import pytest
import torch

from lesion.scoring.blocks import living, ready
from lesion.scoring.encoders import encoder_of
from lesion.scoring.last_layer import last_layer
from lesion.scoring.packing import pack
from tests.scoring.small import CPU, built


class Tokenizer:
    pad_token_id, eos_token_id = 0, None


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("reads", [1, 2])
@pytest.mark.parametrize("name", ["bert", "mpnet"])
def test_the_last_layer_at_some_places_is_the_whole_layer_there(name, reads, padded, tmp_path):
    model, _ = built(name, tmp_path)
    encoder = encoder_of(model, "classification")
    generator = torch.Generator().manual_seed(0)
    packs = []
    for lengths in ((7, 5, 5), (4,)):
        rows = [{"input_ids": [5] * n, "positions": [n - 1, n - 3][:reads]} for n in lengths]
        packs.append(pack(rows, Tokenizer(), None, CPU, reads, padded))
    states = [torch.randn(one.tokens, 32, generator=generator) for one in packs]
    with torch.inference_mode():
        found = last_layer(encoder, packs, states)
        expected = []
        for one, pack_ in zip(states, packs, strict=True):
            for block in encoder.layers[-1]:
                one = ready(block, 1, living([block])[0], encoder.bias)(one, pack_)
            expected.append(one[pack_.reads])
    assert torch.allclose(found, torch.cat(expected), atol=1e-5)

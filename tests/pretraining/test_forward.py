"""The written-out forward pass of training is that of the model itself."""

import numpy as np
import torch

from lesion.keys import random_uint32
from lesion.pretraining import corpus
from lesion.pretraining.forward import masked_logits
from lesion.pretraining.initial import initial_model
from tests.pretraining.test_pretrain import ROWS, tiny


def test_logits_and_gradients_at_the_masked_places_are_those_of_hugging_face() -> None:
    rows = corpus.with_special_tokens(ROWS[:6])
    batch = corpus.mask(rows, random_uint32(rows.size, 0, "test").reshape(rows.shape), 3)
    found, expected = initial_model(tiny(), 0, ROWS), initial_model(tiny(), 0, ROWS)
    logits = masked_logits(found, batch)
    whole = expected(input_ids=batch.ids).logits.flatten(0, 1)[batch.positions]
    assert torch.allclose(logits, whole, atol=1e-5)
    for made in (logits, whole):
        torch.nn.functional.cross_entropy(made, batch.targets).backward()
    pairs = zip(found.parameters(), expected.parameters(), strict=True)
    assert all(torch.allclose(a.grad, b.grad, atol=1e-6) for a, b in pairs if b.grad is not None)
    assert np.isfinite(logits.detach().numpy()).all()

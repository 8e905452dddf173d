import numpy as np
import pytest

from lesion.damage.lesion import Lesion
from lesion.scoring import encoder_pass
from lesion.scoring.encoder_pass import chunks
from lesion.scoring.packing import pack
from lesion.scoring.scorer import Scorer
from tests.scoring.small import Small, batcher, built


@pytest.fixture
def bert(tmp_path):
    return built("bert", tmp_path)


HISTORY = (
    Lesion("neurons", layers="last"),
    Lesion(layers=1),
    Lesion(parts=("mlp_in",), layers="last"),
    Lesion("words", parts=("embeddings",)),
    Lesion(parts=("classifier",)),
    Lesion("neurons", layers=(1, 2)),
)


@pytest.mark.parametrize(("cache", "chunk"), [(2**28, 2**27), (20_000, 4000), (0, 4000)])
def test_bits_do_not_depend_on_what_was_scored_before(bert, cache, chunk, monkeypatch):
    """Whole or resumed, with or without a cache: a new scorer has computed nothing yet."""
    monkeypatch.setattr(encoder_pass, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(encoder_pass, "CACHE_BYTES", cache)
    model, tokenizer = bert
    score = Scorer(model, tokenizer, Small(), batch_tokens=60)
    for lesion in HISTORY:
        for draw in (0, 1):
            with lesion.opened(model, draw) as wound:
                for dose in (0.2, 0.4, 0.8):
                    wound.deepen(dose)
                    new = Scorer(model, tokenizer, Small(), batch_tokens=60)
                    assert np.array_equal(score(), new()), (lesion, draw, dose)
    assert np.array_equal(score(), Scorer(model, tokenizer, Small(), batch_tokens=60)())


def test_layers_below_the_damage_are_computed_once(bert, monkeypatch):
    model, tokenizer = bert
    score, steps = Scorer(model, tokenizer, Small()), []
    original = encoder_pass.EncoderPass._step
    monkeypatch.setattr(
        encoder_pass.EncoderPass,
        "_step",
        lambda self, step, *a: steps.append(step) or original(self, step, *a),
    )
    score()
    assert steps == [0, 1, 2, 3, 4], "embeddings, two blocks for two layers; the top has its own"
    with Lesion(layers="last").opened(model) as wound:
        for dose in (0.2, 0.4, 0.6):
            steps.clear()
            wound.deepen(dose)
            score()
    assert steps == []
    with Lesion(layers=1, parts=("mlp_in",)).opened(model) as wound:
        for dose in (0.2, 0.4):
            steps.clear()
            wound.deepen(dose)
            score()
    assert steps == [4], "the attention of the damaged layer is cached too"


def test_chunks_hold_every_pack_once_and_keep_to_their_bytes(monkeypatch):
    monkeypatch.setattr(encoder_pass, "CHUNK_BYTES", 4 * 10 * 8)  # ten tokens, eight wide
    packs = [pack([{"input_ids": [1] * length}], batcher(), 1) for length in (12, 5, 4, 3)]
    assert chunks(packs, 8) == [[0], [1, 2], [3]]

"""Which models are run block by block. That their outputs are right: test_scorer."""

import pytest
from torch import nn

from lesion.scoring.encoders import encoder_of
from tests.scoring.small import built


@pytest.mark.parametrize(("name", "modules"), [("bert", 4), ("electra", 5), ("mpnet", 4)])
def test_an_encoder_knows_what_its_embeddings_read(name, modules, tmp_path):
    """Words, positions, types and a norm; ELECTRA's widening; MPNet's distances, but no types."""
    model, _ = built(name, tmp_path)
    encoder = encoder_of(model, "classification")
    assert len(encoder.embedding_modules) == modules
    assert len(encoder.layers) == 3


def test_layers_that_share_their_weights_are_the_same_modules(tmp_path):
    model, _ = built("albert", tmp_path)
    (attention, mlp), _, (other, another) = encoder_of(model, "classification").layers
    assert attention == other
    assert mlp.inner is another.inner
    assert mlp.outer is another.outer


def why(model, head: str = "classification") -> str:
    found = encoder_of(model, head)
    assert isinstance(found, str)
    return found


def test_other_models_are_run_as_a_whole_for_a_named_reason(tmp_path):
    assert why(built("gpt2", tmp_path / "gpt2")[0]) == (
        "gpt2 with a classification head has no fast forward"
    )
    model, _ = built("bert", tmp_path / "bert")
    assert why(model, "causal") == "bert with a causal head has no fast forward"
    assert why(model.half()) == "the fast forward is for float32"
    model.float().config.is_decoder = True
    assert why(model) == (
        "BertForSequenceClassification has options that the fast forward does not support"
    )
    model.config.is_decoder = False
    model.bert.encoder.layer[1].output.dense = nn.Sequential(nn.Linear(48, 32))
    assert why(model) == (
        "BertForSequenceClassification has modules that the fast forward does not support"
    )

"""The contract of scoring, over all families: the model's own forward, example by example."""

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from lesion.damage.lesion import Lesion
from lesion.models.families import FAMILIES
from lesion.models.inputs import collate, language_id
from lesion.models.load import load_model
from lesion.scoring import scorer
from lesion.scoring.packing import pack
from lesion.scoring.scorer import Scorer
from lesion.tasks.masked import at_positions
from tests import families
from tests.conftest import SENTENCES
from tests.scoring.small import CPU, Small, built

EVERY_TIME = ("bert", "xlm", "mpnet", "gpt2")
CLASSIFIERS = [
    name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.slow)
    for name in families.NAMES
]
MASKED = [
    name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.slow)
    for name in families.MASKED
]
LESIONS = (
    *(Lesion(units) for units in ("weights", "neurons", "heads", "layers", "dimensions")),
    Lesion("neurons", tensors=("weight",)),
    Lesion("neurons", parts=("mlp_in", "value")),
    Lesion("neurons", "magnitude", "model"),
    Lesion(layers="last"),
    Lesion("neurons", effect="noise", strength=0.5),
    Lesion("neurons", effect="shuffle"),
    Lesion("weights", effect="flip", bit=20),
    Lesion("heads", effect="quantise", strength=3),
)
DOSES = (0.3, 0.8, 1.0)


def alone(model, tokenizer, task) -> np.ndarray:
    """The model's own forward, one example at a time."""
    language = language_id(model.config, "en")
    found = []
    for row in task.encode(tokenizer, model.config).rows:
        inputs = collate([row], tokenizer, language, CPU)
        with torch.no_grad():
            logits = model(**inputs).logits
        logits = at_positions(logits, [row]) if "positions" in row else logits
        logits = logits[..., row["candidates"]] if "candidates" in row else logits
        found.append(task.reduce(logits, [row])[0].numpy())
    return np.array(found)


def check(model, tokenizer, task, lesions) -> None:
    score = Scorer(model, tokenizer, task)
    assert bool(score.fallback_reason) == (FAMILIES[model.config.model_type].fast is None)
    for lesion in lesions:
        with lesion.opened(model, draw=1) as wound:
            for dose in DOSES:
                wound.deepen(dose)
                found = score()
                assert found.dtype == np.float32
                expected = alone(model, tokenizer, task)
                assert np.abs(found - expected).max() <= 1e-4, (lesion, dose)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classes_are_those_of_the_models_own_forward(name, tmp_path):
    shared = name == "albert"  # its layers share their weights: none can be damaged alone
    lesions = [one for one in LESIONS if one.layers == "all" or not shared]
    check(*built(name, tmp_path), Small(), lesions)


@pytest.mark.parametrize("name", MASKED)
def test_hidden_words_are_those_of_the_models_own_forward(name, tmp_path):
    check(*built(name, tmp_path, "mlm"), Small("mlm"), LESIONS[:2])


@pytest.mark.parametrize("name", MASKED)
def test_words_that_are_asked_are_those_among_all(name, tmp_path):
    model, tokenizer = built(name, tmp_path, "mlm")
    check(model, tokenizer, Small("mlm", words=(7, 5)), LESIONS[:1])
    chosen, every = (Scorer(model, tokenizer, Small("mlm", words))() for words in ((7, 5), ()))
    picked = [row[[number, 7, 5]] for number, row in enumerate(every)]
    assert np.abs(chosen - picked).max() <= 1e-5


def test_a_padded_layout_as_on_a_gpu_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(scorer, "pack", lambda *args: pack(*args[:3], padded=True))
    for name in ("bert", "mpnet"):
        check(*built(name, tmp_path / name), Small(), LESIONS[:2])


@pytest.mark.parametrize("batch_tokens", [1, 40])
def test_the_size_of_batches_does_not_matter(tmp_path, batch_tokens):
    model, tokenizer = built("bert", tmp_path)
    found = Scorer(model, tokenizer, Small(), batch_tokens)()
    assert np.abs(found - alone(model, tokenizer, Small())).max() <= 1e-5


@pytest.fixture
def bert(tmp_path):
    return built("bert", tmp_path)


def test_one_batch_alone_is_what_it_is_among_all(bert):
    model, tokenizer = bert
    score = Scorer(model, tokenizer, Small(), batch_tokens=60)
    parts = np.concatenate([score.forward(number) for number in range(len(score.tokens))])
    order = [row for batch in score._batches for row in batch]
    assert np.abs(parts - score()[order]).max() <= 1e-6


def test_where_numbers_overflow_the_models_own_forward_decides(bert):
    """A dead neuron does not stop NaN: 0 * NaN is NaN, so what is left out would have mattered."""
    model, tokenizer = bert
    plain = Scorer(model, tokenizer, Small(), batch_tokens=60, fast=False)
    score = Scorer(model, tokenizer, Small(), batch_tokens=60)
    layer = model.bert.encoder.layer[1]
    with torch.no_grad(), Lesion("neurons").applied(model, 0.7):
        layer.intermediate.dense.bias[0] = float("nan")
        assert np.isnan(score()).any()
        assert np.array_equal(score(), plain(), equal_nan=True)


def test_a_model_with_hooks_is_run_as_a_whole(bert):
    model, tokenizer = bert
    score = Scorer(model, tokenizer, Small())
    before = score()
    hook = model.bert.encoder.layer[0].register_forward_hook(lambda *args: args[2] * 0)
    assert np.abs(score() - before).max() > 1e-3
    hook.remove()
    assert np.array_equal(score(), before)


def test_a_model_with_a_replaced_forward_is_run_as_a_whole(bert):
    model, tokenizer = bert
    score = Scorer(model, tokenizer, Small())
    before = score()
    dense = model.bert.encoder.layer[0].output.dense
    dense.forward = lambda states: states.new_zeros(*states.shape[:-1], dense.out_features)
    assert np.abs(score() - before).max() > 1e-3
    del dense.forward
    assert np.array_equal(score(), before)


def test_a_xlm_without_its_language_is_another_model(tiny_xlm):
    """Why `langs` matter: leaving them out changes the scores."""
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_xlm), load_model(str(tiny_xlm))
    inputs = {"input_ids": tokenizer(SENTENCES[0], return_tensors="pt")["input_ids"]}
    with torch.no_grad():
        without = model(**inputs).logits
        with_ = model(**inputs, langs=torch.zeros_like(inputs["input_ids"])).logits
    assert not torch.allclose(without, with_, atol=1e-4)

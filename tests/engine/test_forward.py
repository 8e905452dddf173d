"""The contract of scoring, over all families: the model's own forward, example by example."""

from functools import partial

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from lesion.damage.lesion import Lesion
from lesion.engine import forward, passage
from lesion.engine.encoders import KINDS
from lesion.engine.forward import Scorer
from lesion.engine.packing import pack
from lesion.models.inputs import collate, language_of
from lesion.models.load import load_model
from lesion.tasks.base import Encoded
from lesion.tasks.classify import has_token_types
from lesion.tasks.masked import at
from tests import families
from tests.conftest import SENTENCES

EVERY_TIME = ("bert", "xlm", "mpnet", "gpt2")
CLASSIFIERS = [
    name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.slow)
    for name in families.NAMES
]
MASKED = [
    name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.slow)
    for name in families.MASKED
]
TEXTS = [*zip(SENTENCES[:8], SENTENCES[4:], strict=True)]
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


class Small:
    """Pairs of sentences; with head mlm a token of each is read."""

    name, kind, metrics, classes, language, digest = "small", "", (), ("0", "1"), "en", ""

    def __init__(self, head: str = "classification") -> None:
        self.head = head

    def encode(self, tokenizer, config):
        made = tokenizer(*map(list, zip(*TEXTS, strict=True)))
        names = ["input_ids"]
        if "token_type_ids" in made and has_token_types(config):
            names.append("token_type_ids")
        rows = [
            dict(zip(names, row, strict=True)) for row in zip(*map(made.get, names), strict=True)
        ]
        if self.head == "mlm":
            rows = [{**row, "read": [1 + n % 4]} for n, row in enumerate(rows)]
        return Encoded(rows)

    def read(self, logits, rows):
        return logits.flatten(1)

    def gather(self, outputs, encoded):
        return outputs


def built(name: str, folder, head: str = "classification"):
    path = families.build(name, folder, head)
    return load_model(str(path), head=head), AutoTokenizer.from_pretrained(path)


def alone(model, tokenizer, task) -> np.ndarray:
    """The model's own forward, one example at a time."""
    language = language_of(model.config, "en")
    found = []
    for row in task.encode(tokenizer, model.config).rows:
        inputs = collate([row], tokenizer, language, torch.device("cpu"))
        with torch.no_grad():
            logits = model(**inputs).logits
        found.append(task.read(at(logits, [row]) if "read" in row else logits, [row])[0].numpy())
    return np.array(found)


def check(model, tokenizer, task, lesions) -> None:
    score = Scorer(model, tokenizer, task)
    assert bool(score.note) == (model.config.model_type not in KINDS)
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
    check(*built(name, tmp_path), Small(), LESIONS)


@pytest.mark.parametrize("name", MASKED)
def test_hidden_words_are_those_of_the_models_own_forward(name, tmp_path):
    check(*built(name, tmp_path, "mlm"), Small("mlm"), LESIONS[:2])


def test_a_padded_layout_as_on_a_gpu_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(forward, "pack", lambda *args: pack(*args[:5], padded=True))
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


HISTORY = (
    Lesion("neurons", layers="last"),
    Lesion(layers=1),
    Lesion(parts=("mlp_in",), layers="last"),
    Lesion("words", parts=("embeddings",)),
    Lesion(parts=("classifier",)),
    Lesion("neurons", layers=(1, 2)),
)


@pytest.mark.parametrize("kept", [2**28, 20_000, 0])
@pytest.mark.parametrize("wave", [2**27, 4000])
def test_bits_do_not_depend_on_what_was_scored_before(bert, kept, wave, monkeypatch):
    """Whole or resumed, with or without what is kept: a fresh scorer knows nothing."""
    monkeypatch.setattr(passage, "WAVE_BYTES", wave)
    monkeypatch.setattr(passage, "KEPT_BYTES", kept)
    model, tokenizer = bert
    score = Scorer(model, tokenizer, Small(), batch_tokens=60)
    for lesion in HISTORY:
        for draw in (0, 1):
            with lesion.opened(model, draw) as wound:
                for dose in (0.2, 0.4, 0.8):
                    wound.deepen(dose)
                    fresh = Scorer(model, tokenizer, Small(), batch_tokens=60)
                    assert np.array_equal(score(), fresh()), (lesion, draw, dose)
    assert np.array_equal(score(), Scorer(model, tokenizer, Small(), batch_tokens=60)())


def test_layers_below_the_damage_are_computed_once(bert, monkeypatch):
    model, tokenizer = bert
    score, steps = Scorer(model, tokenizer, Small()), []
    own = passage.Passage._step
    monkeypatch.setattr(
        passage.Passage, "_step", lambda self, step, *a: steps.append(step) or own(self, step, *a)
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
    assert steps == [4], "the attention of the damaged layer is kept too"


def test_one_batch_alone_is_what_it_is_among_all(bert):
    model, tokenizer = bert
    score = Scorer(model, tokenizer, Small(), batch_tokens=60)
    parts = np.concatenate([score.forward(number) for number in range(len(score.tokens))])
    order = [row for batch in score._batches for row in batch]
    assert np.abs(parts - score()[order]).max() <= 1e-6


def test_where_numbers_overflow_the_models_own_forward_says(bert):
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


def test_in_another_precision_a_model_is_run_as_a_whole(bert):
    model, tokenizer = bert
    score, plain = (Scorer(model, tokenizer, Small(), fast=fast) for fast in (True, False))
    before = score()
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(score(), plain(), equal_nan=True)
    assert np.array_equal(score(), before)


def test_the_note_says_why_a_model_is_run_as_a_whole(tmp_path, bert):
    model, tokenizer = built("gpt2", tmp_path / "gpt2")
    assert Scorer(model, tokenizer, Small()).note == (
        "gpt2 with a classification head has no fast forward"
    )
    model, tokenizer = bert
    assert Scorer(model, tokenizer, Small()).note == ""
    half = partial(Scorer, model.half(), tokenizer, Small())
    assert half().note == "the fast forward is for float32"
    model.float().config.is_decoder = True
    assert Scorer(model, tokenizer, Small()).note == (
        "BertForSequenceClassification has options that the fast forward does not know"
    )


def test_a_xlm_without_its_language_is_another_model(tiny_xlm):
    """Why `langs` matter: leaving them out changes the scores."""
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_xlm), load_model(str(tiny_xlm))
    inputs = {"input_ids": tokenizer(SENTENCES[0], return_tensors="pt")["input_ids"]}
    with torch.no_grad():
        without = model(**inputs).logits
        with_ = model(**inputs, langs=torch.zeros_like(inputs["input_ids"])).logits
    assert not torch.allclose(without, with_, atol=1e-4)

import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lesion.analysis import scores
from lesion.errors import LesionError
from lesion.models import load
from lesion.models.hush import silence_transformers
from lesion.scoring.scorer import Scorer
from lesion.tasks.lm import RunningText, unigram_nats, windows
from lesion.tasks.load import load_task
from lesion.tasks.spec import TaskSpec
from tests import families

LINES = (
    "the old sailor told a long story .",
    "a dog ran  across the wide street .",
    "",
    "nobody heard the small bird sing .",
    "rain fell on the quiet town all night .",
)
TEXT = "\n".join(LINES)
WORDS = TEXT.split()


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "novel.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=families.CAUSAL)
def folder(request, tmp_path_factory) -> Path:
    return families.build(request.param, tmp_path_factory.mktemp(request.param), "causal")


def hugging_face(folder: Path, text: str, context: str) -> tuple[float, int]:
    """Loss and tokens of a text after its context, by the model's own forward with labels."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with silence_transformers():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    known = len(tokenizer(context, add_special_tokens=False)["input_ids"])
    inner = tokenizer(text, add_special_tokens=False)["input_ids"]
    ids, labels = torch.tensor([[first, *inner]]), torch.tensor([[first, *inner]])
    labels[:, : 1 + known] = -100
    with torch.inference_mode():
        mean = model(input_ids=ids, labels=labels).loss.item()
    return mean * (len(inner) - known), len(inner) - known


@pytest.mark.parametrize("stride", [8, 5])
@pytest.mark.parametrize("batch_tokens", [1, 4096])
def test_outputs_are_those_of_the_plain_forward_with_labels(
    folder, text, stride, batch_tokens, untouched_randomness
):
    task = RunningText("novel", text, 8, stride)
    model = load.load_model(str(folder), head="causal")
    found = Scorer(model, AutoTokenizer.from_pretrained(folder), task, batch_tokens)()
    assert found.dtype == np.float32
    assert found.shape == (len(task.evaluated), 3)
    for window, (nats, tokens, _) in zip(task.evaluated, found, strict=True):
        loss, count = hugging_face(folder, window.text, window.text[: window.start])
        assert tokens == count > 0
        assert nats == pytest.approx(loss, rel=1e-5)


def test_perplexity_over_the_text_is_that_of_the_sums_of_hugging_face(folder, text):
    task = RunningText("novel", text, 8, 4)
    model = load.load_model(str(folder), head="causal")
    outputs = Scorer(model, AutoTokenizer.from_pretrained(folder), task)()
    sums = [hugging_face(folder, w.text, w.text[: w.start]) for w in task.evaluated]
    nats, tokens = np.sum(sums, axis=0)

    def score(name):
        return scores.score(name, outputs, task.targets, kind="lm")

    assert score("perplexity") == pytest.approx(np.exp(nats / tokens), rel=1e-5)
    everything = len("\n".join(line for line in LINES if line).encode())  # windows overlap
    assert score("bits_per_byte") == pytest.approx(nats / np.log(2) / everything, rel=1e-5)


def test_chance_is_the_entropy_of_the_tokens(folder, text):
    task = RunningText("novel", text, 8)
    model = load.load_model(str(folder), head="causal")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    outputs = Scorer(model, tokenizer, task)()
    ids = [
        token
        for window in task.evaluated
        for token in tokenizer(window.text, add_special_tokens=False)["input_ids"]
    ]
    shares = np.unique(ids, return_counts=True)[1] / len(ids)
    entropy = -(shares * np.log(shares)).sum()
    found = scores.chance("nats_per_token", task.targets, 3, kind="lm", outputs=outputs)
    assert found == pytest.approx(entropy, rel=1e-6)


def test_what_the_best_constant_answer_costs_adds_up_to_the_entropy():
    found = unigram_nats([[7, 7], [], [7, 9]])
    assert found == pytest.approx([-2 * np.log(0.75), 0, -np.log(0.75) - np.log(0.25)])


@pytest.mark.parametrize(("length", "stride"), [(8, 8), (8, 5), (7, 1), (100, 100), (100, 3)])
def test_every_word_is_predicted_once(text, length, stride):
    found = windows(text, length, stride)
    assert [word for w in found for word in w.text[w.start :].split()] == WORDS
    for number, window in enumerate(found):
        words = window.text.split()
        assert words == WORDS[number * stride :][:length]
        assert number == 0 or len(window.text[: window.start].split()) == length - stride


def test_a_window_keeps_the_text_between_its_words(text):
    assert windows(text, 16, 16)[0].text == (
        "the old sailor told a long story .\na dog ran  across the wide street ."
    )


def test_bytes_are_those_of_what_is_predicted(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("été à la mer\n", encoding="utf-8")
    assert RunningText("t", path, 3, 2).targets.tolist() == [len("été à la".encode()), len(" mer")]
    assert RunningText("t", path, 2).targets.tolist() == [len("été à".encode()), len("la mer")]


def test_a_few_examples_are_a_sample_of_the_whole_text_in_its_order(text):
    every = windows(text, 2, 2)
    few = RunningText("t", text, 2, examples=4).evaluated
    fewer = RunningText("t", text, 2, examples=2).evaluated
    places = [every.index(window) for window in few]
    assert places == sorted(places) and set(fewer) < set(few)
    assert places != [0, 1, 2, 3]
    assert RunningText("t", text, 2, examples=99).evaluated == tuple(every)


@pytest.mark.parametrize(("suffix", "opener"), [(".xz", lzma.open), (".gz", gzip.open)])
def test_compressed_texts_are_read_alike(text, suffix, opener):
    path = Path(f"{text}{suffix}")
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(TEXT)
    assert RunningText("a", path, 8).digest == RunningText("b", text, 8).digest
    assert RunningText("a", path, 9).digest != RunningText("b", text, 8).digest
    assert RunningText("a", path, 8, 7).digest != RunningText("b", text, 8).digest


def test_a_window_longer_than_the_model_reads_is_refused_with_what_fits(text, tmp_path):
    folder = families.build("gpt2", tmp_path / "gpt2", "causal", max_position_embeddings=16)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = load.load_config(load.resolve(str(folder)))
    with pytest.raises(LesionError) as caught:
        RunningText("novel", text, 20).encode(tokenizer, config)
    assert str(caught.value) == (
        "Task 'novel': a window of 20 words has 21 tokens, but the model reads at most 16. "
        "Set length to 15 words or less."
    )
    assert len(RunningText("novel", text, 15).encode(tokenizer, config)) == 3


def test_a_slow_tokenizer_is_refused(text):
    class Slow:
        is_fast = False

    with pytest.raises(LesionError) as caught:
        RunningText("novel", text).encode(Slow(), None)
    assert str(caught.value) == (
        "Task 'novel': cannot tell which words a token belongs to with Slow, a slow tokenizer. "
        "Give a model with a fast tokenizer (a tokenizer.json)."
    )


def test_a_tokenizer_without_a_first_and_a_last_token_is_refused(text, tmp_path):
    folder = families.build("gpt2", tmp_path / "gpt2", "causal")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.bos_token = tokenizer.eos_token = None
    with pytest.raises(LesionError) as caught:
        RunningText("novel", text).encode(tokenizer, None)
    assert str(caught.value) == (
        "Task 'novel': the tokenizer names no token that begins or ends a text, so that a "
        "window's first word cannot be predicted. Name one in tokenizer_config.json (bos_token)."
    )


def test_an_empty_text_is_refused(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(" \n\n")
    with pytest.raises(LesionError) as caught:
        windows(path, 8, 8)
    assert str(caught.value) == f"{path}: has no words. Give a text with one paragraph a line."


def test_a_study_says_length_and_stride_in_words(text):
    spec = TaskSpec("novel", "lm", file=str(text), length=9, stride=3, examples=5)
    assert load_task(spec) == RunningText("novel", text, 9, 3, 5)
    assert load_task(TaskSpec("novel", "lm", file=str(text))) == RunningText("novel", text)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"kind": "lm", "file": "a", "stride": 200},
            "stride: must be at most the length (128), or words would be left out. Got 200.",
        ),
        ({"kind": "cloze", "length": 9}, "length: belongs to kind lm. Got kind cloze."),
    ],
)
def test_keys_that_make_no_sense_are_refused(keys, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- the whole message is compared
        TaskSpec("novel", **keys)
    assert str(caught.value) == message

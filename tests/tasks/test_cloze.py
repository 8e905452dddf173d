import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from lesion.analysis import scores
from lesion.errors import LesionError
from lesion.models.inputs import collate
from lesion.tasks.cloze import WORDS, Cloze, cloze_items
from lesion.tasks.masked import at_positions

SENTENCES = (
    "the old sailor told a long story .",
    "a dog ran across the wide street .",
    "nobody heard the small bird sing .",
    "rain fell on the quiet town all night .",
)
TEXT = "".join(
    " ".join(SENTENCES[(start + step) % 4] for step in range(4)) + "\n" for start in range(4)
)


@pytest.fixture(scope="module")
def bert(tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertForMaskedLM(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model.eval(), tokenizer


@pytest.fixture
def text(tmp_path) -> Path:
    path = tmp_path / "novel.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@torch.inference_mode()
def scored(task, model, tokenizer):
    encoded = task.encode(tokenizer, model.config)
    inputs = ("input_ids", "token_type_ids")
    visible = [{key: row[key] for key in inputs if key in row} for row in encoded.rows]
    logits = model(**collate(visible, tokenizer, None, torch.device("cpu"))).logits
    return task.gather(
        task.reduce(at_positions(logits, encoded.rows), encoded.rows).numpy(), encoded
    )


@torch.inference_mode()
def naive(passage, model, tokenizer):
    """The word token by token from its left, found by putting the three stretches together."""
    pieces = [passage.text[: passage.start], passage.word, passage.text[passage.end :]]
    left, word, right = (
        tokenizer(piece, add_special_tokens=False)["input_ids"] for piece in pieces
    )
    correct, loss = 1.0, 0.0
    for place, token in enumerate(word):
        masks = [tokenizer.mask_token_id] * (len(word) - place)
        ids = [tokenizer.cls_token_id, *left, *word[:place], *masks, *right, tokenizer.sep_token_id]
        logits = model(input_ids=torch.tensor([ids])).logits[0, 1 + len(left) + place].double()
        correct *= float(logits.argmax() == token)
        loss -= torch.log_softmax(logits, -1)[token].item()
    return correct, loss


def test_outputs_are_those_of_a_naive_loop(bert, text, untouched_randomness):
    task = Cloze("novel", text)
    expected = [naive(passage, *bert) for passage in task.evaluated]
    found = scored(task, *bert)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_a_word_is_right_where_all_its_tokens_are_and_losses_add_up(bert, text):
    task = Cloze("novel", text)
    encoded = task.encode(bert[1], bert[0].config)
    owners = encoded.owners.example
    several = int(np.bincount(owners).argmax())
    assert (owners == several).sum() > 1
    outputs = np.ones((len(encoded), 2), dtype=np.float32)
    outputs[np.flatnonzero(owners == several)[0], 0] = 0
    found = task.gather(outputs, encoded)
    assert found[:, 0].tolist() == [float(i != several) for i in range(len(found))]
    assert found[:, 1].tolist() == np.bincount(owners).tolist()


def test_the_scores_and_their_chance_levels_are_those_of_words(bert, text):
    task = Cloze("novel", text)
    outputs = scored(task, *bert)
    shares = np.bincount(task.targets) / len(task.targets)
    assert scores.score("accuracy", outputs, task.targets, kind="cloze") == outputs[:, 0].mean()
    assert scores.chance("accuracy", task.targets, 2, kind="cloze") == shares.max()
    entropy = -(shares * np.log(shares)).sum()
    assert scores.chance("cross_entropy", task.targets, 2, kind="cloze") == pytest.approx(entropy)
    assert [task.classes[label] for label in task.targets] == [p.word for p in task.evaluated]


def test_a_passage_is_24_words_and_an_end_counts_from_12(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(
        " ".join(["word"] * (2 * WORDS + 11)) + "\n" + " ".join(["end"] * 12) + "\nno\n"
    )
    found = cloze_items(path, 100)
    lengths = sorted(len(passage.text.split()) for passage in found)
    assert lengths == [12, 24, 24]


def test_words_beside_an_apostrophe_or_a_hyphen_are_never_hidden(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(
        "".join(f"l'ami don’t vis-à-vis 1848 a_b {'-- ' * 8}été{i}\n" for i in range(9))
    )
    with pytest.raises(LesionError) as caught:
        cloze_items(path, 10)
    assert str(caught.value) == (
        f"{path}: has no paragraph of 12 words or more with one to hide. "
        "Give a text with one paragraph a line and spaces between words."
    )


def test_a_few_examples_are_the_first_of_many_and_a_passage_keeps_its_word(text, tmp_path):
    many, few = cloze_items(text, 100), cloze_items(text, 3)
    assert few == many[:3]
    shorter = tmp_path / "shorter.txt"
    shorter.write_text(TEXT.split("\n")[0] + "\n", encoding="utf-8")
    assert set(cloze_items(shorter, 100)) <= set(many)


@pytest.mark.parametrize(("suffix", "opener"), [(".xz", lzma.open), (".gz", gzip.open)])
def test_compressed_texts_are_read_alike(text, suffix, opener):
    path = Path(f"{text}{suffix}")
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(TEXT)
    assert Cloze("a", path).digest == Cloze("b", text).digest
    assert Cloze("a", path, examples=2).digest != Cloze("b", text).digest


def test_a_slow_tokenizer_is_refused(text):
    class Slow:
        is_fast = False

    with pytest.raises(LesionError) as caught:
        Cloze("novel", text).encode(Slow(), None)
    assert str(caught.value) == (
        "Task 'novel': cannot tell where the words of a text are with Slow, a slow tokenizer. "
        "Give a model with a fast tokenizer (a tokenizer.json)."
    )

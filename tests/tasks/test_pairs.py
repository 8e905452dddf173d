import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    XLMConfig,
    XLMTokenizer,
    XLMWithLMHeadModel,
)

from lesion.errors import LesionError
from lesion.models.inputs import collate
from lesion.tasks.examples import PairSet
from lesion.tasks.load import load_task
from lesion.tasks.masked import at_positions
from lesion.tasks.pairs import Pairs
from lesion.tasks.sources.pair_files import PairFile
from lesion.tasks.spec import TaskSpec

GOOD = ("the old sailor told a long story .", "rain fell on the quiet town .", "she reads books .")
BAD = ("the old sailor tell a long story .", "rain fell the on quiet town .", "she read a book .")


class Given:
    """Pairs that a test spells out."""

    def __init__(self, good, bad):
        self.good, self.bad = good, bad

    def read(self):
        labels = np.zeros(len(self.good), dtype=np.int64)
        return PairSet(tuple(self.good), tuple(self.bad), labels, (), "given")


def five_pairs(**fields):
    letters = tuple("abcde")
    columns = {"verb": letters, "number": ("one", "two") * 2 + ("one",)}
    return PairSet(letters, letters, np.zeros(5, np.int64), (), "given", columns=columns, **fields)


def test_columns_go_with_the_pairs_that_are_taken():
    pairs = five_pairs()
    few = pairs.first(3)
    assert few.columns == {"verb": ("a", "b", "c"), "number": ("one", "two", "one")}
    sampled = pairs.sample(3, "task")
    assert sampled.columns["verb"] == sampled.good
    assert len(sampled.columns["number"]) == 3
    assert PairSet(("a",), ("b",), np.zeros(1, np.int64), (), "given").columns == {}


def test_a_sample_of_ordered_pairs_is_the_first_ones():
    assert five_pairs(ordered=True).sample(2, "task").good == ("a", "b")
    chosen = [five_pairs().sample(2, f"task {k}").good for k in range(10)]
    assert any(good != ("a", "b") for good in chosen)


def test_columns_and_their_order_do_not_enter_the_digest():
    class Columns(Given):
        def read(self):
            return super().read()._replace(columns={"verb": ("tell",) * 3}, ordered=True)

    plain, columns = (Pairs("pairs", source(GOOD, BAD)).digest for source in (Given, Columns))
    assert plain == columns


def randomised(family, config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = family(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model.eval()


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
    return randomised(BertForMaskedLM, config), tokenizer


@pytest.fixture(scope="module")
def xlm(tiny_xlm):
    config = XLMConfig.from_pretrained(tiny_xlm)
    return randomised(XLMWithLMHeadModel, config), XLMTokenizer.from_pretrained(tiny_xlm)


@torch.inference_mode()
def scored(task, model, tokenizer, language=None):
    """The task's outputs, all rows in one batch through the plain forward."""
    encoded = task.encode(tokenizer, model.config)
    inputs = ("input_ids", "token_type_ids")
    visible = [{key: row[key] for key in inputs if key in row} for row in encoded.rows]
    logits = model(**collate(visible, tokenizer, language, torch.device("cpu"))).logits
    logits = at_positions(logits, encoded.rows)
    if "candidates" in encoded.rows[0]:
        words = torch.tensor([row["candidates"] for row in encoded.rows])
        logits = logits.gather(2, words[:, None])
    return task.gather(task.reduce(logits, encoded.rows).numpy(), encoded)


@torch.inference_mode()
def guess(model, tokenizer, ids, hidden, place, language=None):
    """log P of the token at one place, with the `hidden` places masked, one sentence at a time."""
    masked = torch.tensor([ids])
    masked[0, hidden] = tokenizer.mask_token_id
    extra = {} if language is None else {"langs": torch.full_like(masked, language)}
    logits = model(input_ids=masked, **extra).logits[0, place].double()
    return torch.log_softmax(logits, -1)[ids[place]].item()


def naive(model, tokenizer, text, words, language=None):
    """PLL-word-l2r by its definition; `words` are the places of the tokens of each word."""
    ids = tokenizer(text)["input_ids"]
    return sum(
        guess(model, tokenizer, ids, [later for later in word if later >= place], place, language)
        for word in words
        for place in word
    )


def bert_words(tokenizer, text):
    """Words from the spelling of WordPiece: a token with ## continues the one before."""
    words = []
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    for place, token in enumerate(tokens):
        if token.startswith("##"):
            words[-1].append(place)
        elif token not in ("[CLS]", "[SEP]"):
            words.append([place])
    return words


def test_pseudo_log_likelihoods_are_those_of_a_naive_loop_over_tokens(bert, untouched_randomness):
    model, tokenizer = bert
    expected = [
        [naive(model, tokenizer, text, bert_words(tokenizer, text)) for text in pair]
        for pair in zip(GOOD, BAD, strict=True)
    ]
    found = scored(Pairs("mine", Given(GOOD, BAD)), model, tokenizer)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_the_tokens_of_a_word_to_the_right_are_masked_too(bert):
    model, tokenizer = bert
    ids = tokenizer("cats sat")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[1:3] == ["cat", "##s"]
    rest = [[place] for place in range(3, len(ids) - 1)]
    by_hand = guess(model, tokenizer, ids, [1, 2], 1) + guess(model, tokenizer, ids, [2], 2)
    others = sum(guess(model, tokenizer, ids, word, word[0]) for word in rest)
    if len(rest) > 1:  # "sat" itself may be several tokens
        others = naive(model, tokenizer, "cats sat", [list(range(3, len(ids) - 1))])
    found = scored(Pairs("mine", Given(["cats sat"], ["sat cat"])), model, tokenizer)
    assert found[0, 0] == pytest.approx(by_hand + others, abs=1e-4)


def test_xlm_is_scored_by_the_words_that_its_tokens_end(xlm):
    model, tokenizer = xlm
    good, bad = "the cat sat on the mats", "the cat sat on the rugs"
    expected = []
    for text in (good, bad):
        words, open_word = [], []
        ids = tokenizer(text)["input_ids"]
        for place, token in enumerate(tokenizer.convert_ids_to_tokens(ids)[1:-1], start=1):
            open_word.append(place)
            if token.endswith("</w>"):
                words.append(open_word)
                open_word = []
        assert not open_word
        assert len(words) == 6
        expected.append(naive(model, tokenizer, text, words, language=0))
    found = scored(Pairs("mine", Given([good], [bad])), model, tokenizer, language=0)
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-3)


def test_word_scoring_reads_both_one_token_forms_from_one_row(bert):
    model, tokenizer = bert
    good, bad = "the cat sat on the mat .", "the dog sat on the mat ."
    task = Pairs("mine", Given([good], [bad]), scoring="word")
    (row,) = task.encode(tokenizer, model.config).rows
    assert row["positions"] == [2]
    assert tokenizer.convert_ids_to_tokens(row["candidates"]) == ["cat", "dog"]
    expected = [
        guess(model, tokenizer, tokenizer(text)["input_ids"], [2], 2) for text in (good, bad)
    ]
    ((left, right),) = scored(task, model, tokenizer)
    assert left - right == pytest.approx(expected[0] - expected[1], abs=1e-4)


def test_where_one_pair_needs_more_rows_all_give_log_probabilities(bert):
    model, tokenizer = bert
    pairs = Given(["the cat sat .", "the cat sat ."], ["the dog sat .", "the cats sat ."])
    found = scored(Pairs("mine", pairs, scoring="word"), model, tokenizer)
    one = Given(pairs.good[:1], pairs.bad[:1])
    alone = scored(Pairs("mine", one, scoring="word"), model, tokenizer)
    ids = tokenizer("the cat sat .")["input_ids"]
    assert found[0, 0] == pytest.approx(guess(model, tokenizer, ids, [2], 2), abs=1e-4)
    np.testing.assert_allclose(np.diff(found[0]), np.diff(alone[0]), rtol=0, atol=1e-4)


def test_word_scoring_of_forms_with_several_tokens_is_from_left_to_right(bert):
    model, tokenizer = bert
    good, bad = "the cat sat .", "the cats sat ."
    task = Pairs("mine", Given([good], [bad]), scoring="word")
    assert len(task.encode(tokenizer, model.config)) == 3
    ids = tokenizer(bad)["input_ids"]
    expected = [
        guess(model, tokenizer, tokenizer(good)["input_ids"], [2], 2),
        guess(model, tokenizer, ids, [2, 3], 2) + guess(model, tokenizer, ids, [3], 3),
    ]
    np.testing.assert_allclose(scored(task, model, tokenizer)[0], expected, rtol=0, atol=1e-4)


def test_a_context_that_both_sentences_share_is_one_row(bert):
    model, tokenizer = bert
    pair = Given(["the cat sat ."], ["the dog sat ."])
    tokens = sum(len(tokenizer(text)["input_ids"]) - 2 for text in (pair.good[0], pair.bad[0]))
    encoded = Pairs("mine", pair).encode(tokenizer, model.config)
    assert len(encoded) == tokens - 1
    assert [len(row["target"]) for row in encoded.rows].count(2) == 1


def test_two_tokenizers_can_be_encoded_before_either_is_gathered(bert, xlm):
    task = Pairs("mine", Given(GOOD, BAD))
    first = task.encode(bert[1], bert[0].config)
    second = task.encode(xlm[1], xlm[0].config)
    for encoded in (first, second):
        outputs = np.ones((len(encoded), 2), dtype=np.float32)
        counted = [np.bincount(encoded.owners.side)[side] for side in (0, 1)]
        assert task.gather(outputs, encoded).sum(0).tolist() == counted


def test_read_and_target_are_only_in_rows_and_a_batch_is_read_place_by_place():
    rows = [{"input_ids": [5, 6], "positions": [1]}, {"input_ids": [7, 8], "positions": [0, 1]}]
    states = torch.arange(8.0).reshape(2, 2, 2)
    assert at_positions(states, rows).tolist() == [[[2, 3], [2, 3]], [[4, 5], [6, 7]]]


def test_what_decides_the_scores_decides_the_digest():
    same = Pairs("a", Given(GOOD, BAD)), Pairs("b", Given(list(GOOD), list(BAD)), examples=3)
    others = Pairs("a", Given(GOOD, BAD), "word"), Pairs("a", Given(GOOD, BAD), examples=2)
    assert same[0].digest == same[1].digest
    assert len({same[0].digest, *(task.digest for task in others)}) == 3


def refused(call):
    with pytest.raises(LesionError) as caught:
        call()
    return str(caught.value)


def test_a_mistaken_scoring_is_refused():
    assert refused(lambda: Pairs("mine", Given(GOOD, BAD), "words")) == (
        "Task 'mine': scoring must be one of pll, word. Got 'words'. Did you mean 'word'?"
    )


def test_word_scoring_refuses_a_pair_where_a_word_is_only_added(bert):
    task = Pairs("mine", Given(["the cat sat ."], ["the cat ."]), "word")
    assert refused(lambda: task.encode(bert[1], bert[0].config)) == (
        "Task 'mine': scoring is word, but a word is only added or left out in 'the cat sat .' "
        "and 'the cat .'. Set scoring to pll."
    )


def test_a_sentence_longer_than_the_model_is_refused(bert):
    long = "cat " * 70
    task = Pairs("mine", Given([long], [long + "s"]))
    assert refused(lambda: task.encode(bert[1], bert[0].config)) == (
        "Task 'mine': a text has 72 tokens, but the model reads at most 64. Leave it out or "
        f"shorten it: {long[:60]!r}."
    )


def test_a_model_without_a_mask_is_refused(bert):
    class Unmasked:
        mask_token_id = None

    assert refused(lambda: Pairs("mine", Given(GOOD, BAD)).encode(Unmasked(), None)) == (
        "Task 'mine': needs a masked language model, but the tokenizer has no mask token. "
        "Choose a model such as BERT or XLM."
    )


def test_a_slow_tokenizer_that_does_not_tell_where_words_end_is_refused(bert):
    class Slow:
        mask_token_id, is_fast = 4, False

        def tokenize(self, text):
            return text.split()

    assert refused(lambda: Pairs("mine", Given(GOOD, BAD)).encode(Slow(), None)) == (
        "Task 'mine': cannot tell the words of Slow, a slow tokenizer. "
        "Give a model with a fast tokenizer (a tokenizer.json)."
    )


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def blimp(*pairs, **more):
    keys = ("sentence_good", "sentence_bad")
    return "".join(json.dumps(dict(zip(keys, pair, strict=True)) | more) + "\n" for pair in pairs)


def test_a_blimp_file_is_read_with_its_paradigms(tmp_path):
    text = blimp(("A cat sits.", "A cat sit."), UID="z") + blimp(("He is.", "He are."), UID="a")
    pairs = PairFile(written(tmp_path, "b.jsonl", text), label="UID").read()
    assert pairs.good == ("A cat sits.", "He is.")
    assert pairs.bad == ("A cat sit.", "He are.")
    assert (pairs.labels.tolist(), pairs.classes) == ([1, 0], ("a", "z"))
    assert PairFile(tmp_path / "b.jsonl").read().classes == ()


def test_a_clams_file_pairs_every_false_sentence_with_the_true_one_before_it(tmp_path):
    text = (
        "True\tla fille rit\nFalse\tla fille rient\n\nTrue\tils vont\nFalse\tils va\nFalse\til va\n"
    )
    pairs = PairFile(written(tmp_path, "simple.txt", text)).read()
    assert pairs.good == ("la fille rit", "ils vont", "ils vont")
    assert pairs.bad == ("la fille rient", "ils va", "il va")


@pytest.mark.parametrize("header", ["", "good\tbad\n", "sentence_good\tsentence_bad\n"])
def test_two_columns_are_read_with_and_without_a_header(tmp_path, header):
    pairs = PairFile(written(tmp_path, "p.tsv", header + 'He is "in".\tHe are "in".\n')).read()
    assert (pairs.good, pairs.bad) == (('He is "in".',), ('He are "in".',))


MISTAKES = {
    "p.tsv, line 2: expected 2 columns (first, second). Got 1. A text in a .tsv file may hold no "
    "tab and no line end; a quoted .csv file may.": "a\tb\nc\n",
    "p.tsv, line 2: both sentences are the same: 'c'.": "a\tb\nc\tc\n",
    "p.tsv: 2 lines lack a value: 1 (bad), 3 (good). Fill in what is missing or remove the lines; "
    "`missing: drop` in the task leaves them out.": "a\t \nc\td\n\tb\n",
    "p.tsv: 2 lines lack a value: 2 (good), 4 (bad). Fill in what is missing or remove the lines; "
    "`missing: drop` in the task leaves them out.": "True\t\nFalse\ta\nTrue\tb\nFalse\t\n",
    "p.tsv: has no pairs. Give a file with at least one.": "good\tbad\n",
    "p.tsv, line 2: must begin with True or False. Got 'Flase'.": "True\ta\nFlase\tb\n",
    "p.tsv, line 1: a True sentence needs a False one after it.": "True\ta\nTrue\tb\nFalse\tc\n",
    "p.tsv, line 3: a True sentence needs a False one after it.": "True\ta\nFalse\tb\nTrue\tc\n",
    "p.tsv, line 1: a False sentence needs a True one before it, in its block.": "False\ta\n",
    "p.tsv, line 4: a False sentence needs a True one before it, in its block.": (
        "True\ta\nFalse\tb\n\nFalse\tc\n"
    ),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_line_that_does_not_fit_is_named(tmp_path, message):
    path = written(tmp_path, "p.tsv", MISTAKES[message])
    assert refused(PairFile(path).read) == f"{tmp_path}/{message}"


def test_a_blimp_line_without_a_sentence_is_named(tmp_path):
    path = written(tmp_path, "b.jsonl", blimp(("a", "b")) + '{"sentence_good": "c"}\n')
    assert refused(PairFile(path).read) == (
        f"{path}: 1 line lacks a value: 2 (bad). Fill in what is missing or remove the lines; "
        "`missing: drop` in the task leaves them out."
    )
    path.write_text('{"sentence_good": "c", "sentence_bad": 5}\n')
    assert refused(PairFile(path).read) == f"{path}, line 1: sentence_bad must be text. Got 5."


def test_pairs_that_lack_a_sentence_or_paradigm_are_left_out_on_request_and_counted(tmp_path):
    lines = [("a", "b", "one"), (None, "d", "one"), ("e", "f", None), ("g", "h", "two")]
    keys = ("sentence_good", "sentence_bad", "UID")
    text = "".join(json.dumps(dict(zip(keys, line, strict=True))) + "\n" for line in lines)
    path = written(tmp_path, "b.jsonl", text)
    spec = TaskSpec("mine", "pairs", file=str(path), label="UID", missing="drop")
    task = load_task(spec)
    assert (task.evaluated.good, task.classes) == (("a", "g"), ("one", "two"))
    assert task.notes == (
        f"mine: left out 2 of 4 lines of {path} that lack a value (missing: drop).",
    )
    assert load_task(TaskSpec("mine", "pairs", file=str(path), missing="drop")).notes == (
        f"mine: left out 1 of 4 lines of {path} that lack a value (missing: drop).",
    )


def test_only_a_jsonl_file_has_paradigms(tmp_path):
    path = written(tmp_path, "p.tsv", "a\tb\n")
    assert refused(PairFile(path, label="UID").read) == (
        f"{path}: only a .jsonl file has a key for the paradigm. Got label 'UID': leave it out."
    )

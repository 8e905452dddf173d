"""Classification: what is encoded for a model, what is kept of its outputs, and the digest."""

from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoTokenizer

from lesion.errors import LesionError
from lesion.tasks.examples import Split
from lesion.tasks.load import TASKS, load_task
from lesion.tasks.spec import TaskSpec

SENTENCES = ("the cat sat on the mat .", "she reads a new book every week .", "rain fell .")


@pytest.fixture
def path(tmp_path):
    lines = [f"{text}\tthe dog ran .\t{i % 2}" for i, text in enumerate(SENTENCES)]
    path = tmp_path / "dev.tsv"
    path.write_text("\n".join(["s1\ts2\tlabel", *lines]))
    return path


def loaded(path, **given):
    return load_task(
        TaskSpec(
            **{"name": "mine", "dev": str(path), "text": ("s1", "s2"), "label": "label", **given}
        )
    )


@pytest.fixture(scope="module")
def bert(tiny_bert):
    return AutoTokenizer.from_pretrained(tiny_bert), AutoConfig.from_pretrained(tiny_bert)


@pytest.fixture(scope="module")
def xlm(tiny_xlm):
    return AutoTokenizer.from_pretrained(tiny_xlm), AutoConfig.from_pretrained(tiny_xlm)


def test_a_pair_is_encoded_as_the_tokenizer_encodes_it_alone(path, bert):
    rows = loaded(path).encode(*bert).rows

    for row, text in zip(rows, SENTENCES, strict=True):
        alone = bert[0](text, "the dog ran .")
        assert row == {name: alone[name] for name in ("input_ids", "token_type_ids")}
    assert {1} <= set(rows[0]["token_type_ids"])
    assert len({len(row["input_ids"]) for row in rows}) > 1, "rows must not be padded"


def test_a_single_text_is_encoded_without_a_second(path, bert):
    rows = loaded(path, text=("s1",)).encode(*bert).rows

    assert [row["input_ids"] for row in rows] == [bert[0](text)["input_ids"] for text in SENTENCES]


def test_long_texts_are_cut_to_the_length_of_the_task(path, bert):
    rows = loaded(path, max_length=9).encode(*bert).rows

    expected = bert[0](SENTENCES[0], "the dog ran .", truncation=True, max_length=9)
    assert rows[0]["input_ids"] == expected["input_ids"]
    assert max(len(row["input_ids"]) for row in rows) == 9


def test_a_model_without_token_types_is_given_none(path, bert, xlm):
    roberta_like = SimpleNamespace(type_vocab_size=1, max_position_embeddings=64)

    assert {tuple(row) for row in loaded(path).encode(*xlm).rows} == {("input_ids",)}
    assert {tuple(row) for row in loaded(path).encode(bert[0], roberta_like).rows} == {
        ("input_ids",)
    }


def test_an_example_that_the_model_cannot_hold_is_told(path, bert):
    path.write_text("s1\ts2\tlabel\n" + "cat " * 80 + "\tdog\t1\nb\tc\t0\n")

    with pytest.raises(LesionError) as caught:
        loaded(path, max_length=128).encode(*bert)

    assert str(caught.value).startswith("Task 'mine': an example has ")
    assert str(caught.value).endswith(
        " tokens, but the model reads at most 64. Set max_length to 64 or less. Got 128."
    )
    assert len(loaded(path, max_length=64).encode(*bert)) == 2


def test_fine_tuning_gets_the_rows_and_labels_of_a_split(path, bert, tmp_path):
    train = tmp_path / "train.tsv"
    train.write_text("s1\ts2\tlabel\ncat\tdog\t1\nrain\ttown\t0\nbird\tmat\t0\n")
    task = loaded(path, train=str(train))

    rows, labels = task.encode_split("train", *bert)
    some, _ = task.encode_split("train", *bert, examples=2)

    assert labels.tolist() == [1, 0, 0]
    assert rows[0]["input_ids"] == bert[0]("cat", "dog")["input_ids"]
    assert some == rows[:2]


def test_nothing_is_read_before_it_is_asked_for_and_the_training_set_only_for_its_classes(tmp_path):
    rte = tmp_path / "RTE"
    rte.mkdir()
    task = load_task(TaskSpec("rte"), tmp_path)  # the files are not there yet
    (rte / "dev.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n")

    assert task.targets.tolist() == [0]
    assert task.split("dev") is task.split("dev")


@pytest.mark.parametrize("fixture", ["bert", "xlm"])
def test_the_share_of_cut_examples_is_told_with_the_rows(path, fixture, request):
    tokenizer, config = request.getfixturevalue(fixture)
    whole = [len(tokenizer(text, "the dog ran .")["input_ids"]) for text in SENTENCES]
    for limit in (8, *whole, max(whole) - 1, 60):
        expected = sum(length > limit for length in whole) / 3
        assert loaded(path, max_length=limit).encode(tokenizer, config).cut == expected, limit
    assert loaded(path, max_length=min(whole)).encode(tokenizer, config).cut == 2 / 3


def test_the_share_is_that_of_the_model_s_own_limit_where_the_task_keeps_to_it(path, bert):
    path.write_text("s1\ts2\tlabel\n" + "cat " * 80 + "\tdog\t1\nb\tc\t0\n")
    assert bert[1].max_position_embeddings == 64
    assert loaded(path, max_length=64).encode(*bert).cut == 0.5


def test_what_a_tokenizer_says_of_long_texts_is_not_printed(path, bert, caplog):
    path.write_text("s1\ts2\tlabel\n" + "cat " * 600 + "\tdog\t1\nb\tc\t0\n")
    assert loaded(path, max_length=9).encode(*bert).cut == 0.5
    assert not caplog.records


def test_rows_for_fine_tuning_are_cut_as_well(path, bert):
    rows, _ = loaded(path, max_length=9).encode_split("dev", *bert)
    assert max(len(row["input_ids"]) for row in rows) == 9


def test_the_digest_covers_everything_that_decides_the_scores(path, tmp_path):
    whole = loaded(path).digest
    test = tmp_path / "test.tsv"
    test.write_bytes(path.read_bytes())
    others = [
        loaded(path, max_length=64).digest,
        loaded(path, examples=2).digest,
        loaded(path, text=("s1",)).digest,
        loaded(path, text=("s2", "s1")).digest,
        loaded(path, test=str(test), split="test").digest,
    ]
    content = path.read_text()
    for before, after in (
        ("rain", "Rain"),
        ("fell .\tthe dog ran .\t0", "fell .\tthe dog ran .\t1"),
    ):
        path.write_text(content.replace(before, after))
        others.append(loaded(path).digest)
    path.write_text(content)

    assert len(whole) == 32
    assert loaded(path, name="other").digest == whole
    assert len({whole, *others}) == 1 + len(others)


def test_texts_cannot_be_moved_between_examples_without_changing_the_digest():
    one, other = (
        Split((texts,), np.zeros(2, dtype=np.int64), "here") for texts in (("a", "bc"), ("ab", "c"))
    )

    assert one.digest != other.digest


def test_logits_are_kept_as_they_are_and_rows_are_examples(path):
    task = loaded(path)
    logits = torch.arange(6, dtype=torch.float32).reshape(3, 2)

    assert task.reduce(logits, []) is logits
    gathered = task.gather(logits.numpy().astype(np.float64), None)
    assert gathered.dtype == np.float32
    np.testing.assert_array_equal(gathered, logits.numpy())


def test_outputs_of_another_shape_are_refused(path):
    with pytest.raises(LesionError) as caught:
        loaded(path).gather(np.zeros((3, 5), dtype=np.float32), None)

    assert str(caught.value) == (
        "Task 'mine': expected outputs of shape (3, 2) (examples, classes). Got (3, 5). "
        "Is the model's head for this task?"
    )


def test_a_task_travels_to_a_worker_process(path):
    task = loaded(path)
    _ = task.targets

    copy = ForkingPickler.loads(ForkingPickler.dumps(task))

    assert copy.digest == task.digest
    assert copy.classes == task.classes


def test_a_task_says_what_it_is(path):
    task = loaded(path)

    assert (task.name, task.kind, task.head) == ("mine", "classify", "classification")
    assert task.metrics == ("accuracy", "balanced_accuracy", "f1", "mcc", "cross_entropy")


def test_an_unknown_name_without_files_lists_the_registered_ones():
    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec("mprc"))

    assert str(caught.value) == (
        "Task 'mprc': there is no registered task of this name, and no files are given. The names "
        f"are {', '.join(TASKS)}; a task of your own needs train and dev or test files, text "
        "and label. Did you mean 'mrpc'?"
    )


def test_an_unknown_split_lists_the_known_ones():
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- the whole message is compared
        TaskSpec("rte", split="validation")

    assert str(caught.value) == ("split: must be one of train, dev, test. Got 'validation'.")

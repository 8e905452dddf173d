"""Tasks whose examples are added as needed: their order, and their parts."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lesion.distraction.distraction import Distraction
from lesion.errors import LesionError
from lesion.models.load import load_model, load_tokenizer, resolve
from lesion.schema import Growing
from lesion.scoring.scorer import Scorer
from lesion.tasks.load import load_task, task
from lesion.tasks.parts import in_order
from lesion.tasks.spec import TaskSpec
from tests import labs


def spec(kind: str, tmp_path: Path, examples: object) -> TaskSpec:
    if kind == "classify":
        data = str(labs.write_pairs(tmp_path / "pairs.tsv", 40))
        return TaskSpec(
            "mine", train=data, dev=data, text=["s1", "s2"], label="same", examples=examples
        )
    if kind == "pairs":
        return TaskSpec("agreement-en", examples=examples)
    prose = str(labs.write_prose(tmp_path / "prose.txt"))
    more = {"length": 8} if kind == "lm" else {}
    if kind == "cloze":
        text = "".join(f"the {a} sat on the mat and a {b} ran across the street of the town .\n"
                       for a in labs.WORDS for b in labs.WORDS)  # fmt: skip
        (tmp_path / "prose.txt").write_text(text)
    return TaskSpec("prose", kind, file=prose, examples=examples, **more)


KINDS = ("classify", "pairs", "cloze", "lm")


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_may_say_how_many_examples_there_are_at_first_and_at_most(kind, tmp_path):
    whole = load_task(spec(kind, tmp_path, {"from": 8, "to": 32}))
    fixed = load_task(spec(kind, tmp_path, 32))
    assert len(whole.targets) == len(fixed.targets) == 32
    columns = [sorted(zip(*each.texts.values(), strict=True)) for each in (whole, fixed)]
    assert columns[0] == columns[1], "the same examples"
    assert whole.texts != fixed.texts, "in another order"
    assert whole.digest != fixed.digest


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_a_task_has_these_examples_and_no_others(kind, tmp_path):
    whole = load_task(spec(kind, tmp_path, {"from": 8, "to": 32}))
    part = whole.part(8, 20)
    assert part.kind == whole.kind and len(part.targets) == 12
    for name, texts in whole.texts.items():
        assert part.texts[name] == texts[8:20]
    assert len(whole.targets) == 32, "the whole stays"


def test_the_first_of_more_examples_are_those_of_fewer(tmp_path):
    few, many = (load_task(spec("pairs", tmp_path, {"from": 24, "to": 600})).part(0, n)
                 for n in (100, 300))  # fmt: skip
    assert many.texts["good"][:100] == few.texts["good"]


def test_every_beginning_has_roughly_the_shares_of_the_labels(tmp_path):
    pairs = load_task(spec("pairs", tmp_path, {"from": 24, "to": 600}))
    labelled = load_task(spec("classify", tmp_path, {"from": 8, "to": 40}))
    for whole, most in ((pairs, 1.5), (labelled, 1.0)):
        shares = np.bincount(whole.targets) / len(whole.targets)
        for n in range(1, len(whole.targets)):
            counts = np.bincount(whole.targets[:n], minlength=len(shares))
            assert np.abs(counts - n * shares).max() <= most


def test_parts_keep_the_training_examples(tmp_path):
    part = load_task(spec("classify", tmp_path, {"from": 8, "to": 32})).part(0, 8)
    assert len(part.split("train")) == 40
    assert "training" in part.offers


def test_a_task_that_is_too_small_or_has_no_parts_is_refused(tmp_path):
    with pytest.raises(LesionError) as caught:
        load_task(spec("classify", tmp_path, {"from": 41, "to": 50}))
    assert str(caught.value) == (
        "Task 'mine': has 40 examples, and examples.from is 41. Give a smaller one."
    )

    class Whole:
        name, kind, targets = "odd", "odd", np.zeros(50)

    with pytest.raises(LesionError, match="'odd': examples of kind odd cannot be added as needed"):
        in_order(Whole(), Growing(4, 8))


def test_rows_in_python_are_not_added_as_needed():
    with pytest.raises(LesionError, match="Task 'films': examples: of rows in Python it is a numb"):
        task([{"text": "good", "label": "pos"}], "films", examples={"from": 2, "to": 8})


def test_a_part_of_running_text_has_the_baseline_of_the_whole(tmp_path):
    whole = load_task(spec("lm", tmp_path, {"from": 4, "to": 32}))
    tokenizer, config = load_tokenizer(resolve("twin/en-0", None)), SimpleNamespace()
    tokenizer.eos_token = "[SEP]"
    every, part = (each.encode(tokenizer, config) for each in (whole, whole.part(4, 16)))
    assert np.array_equal(part.baseline, every.baseline[4:16])
    assert np.array_equal(part.tokens, every.tokens[4:16])


def test_parts_scored_one_by_one_are_the_whole_within_rounding():
    """Equal bits cannot be had: products of matrices are rounded differently in other batches."""
    whole = load_task(TaskSpec("agreement-en", examples={"from": 24, "to": 72}))
    model, tokenizer = (
        load_model("twin/en-0", head="mlm"),
        load_tokenizer(resolve("twin/en-0", None)),
    )
    parts = [Scorer(model, tokenizer, whole, part=part)() for part in ((0, 24), (24, 72))]
    found, wanted = np.concatenate(parts), Scorer(model, tokenizer, whole)()
    assert np.allclose(found, wanted, rtol=0, atol=1e-4)
    again = Scorer(model, tokenizer, whole, part=(24, 72))()
    assert np.array_equal(again, parts[1]), "the same part has the same bits"


def test_a_distracted_example_is_the_same_in_every_part(tmp_path, tiny_bert):
    whole = load_task(spec("classify", tmp_path, {"from": 8, "to": 40}))
    tokenizer = load_tokenizer(resolve(str(tiny_bert), None))
    read = []
    with Distraction("drop").open(whole, tokenizer, read.append, draw=1) as wound:
        receipt = wound.deepen(0.4)
        distracted = read[-1]
    part = distracted.part(8, 40)
    assert part.texts["text_1"] == distracted.texts["text_1"][8:]
    assert receipt.sites == 80, "the proof is of all texts"

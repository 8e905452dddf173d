"""Tasks on examples that are in Python already."""

import pickle

import numpy as np
import pandas as pd
import pytest

import lesion
from lesion.errors import LesionError
from lesion.results import Run
from lesion.study.files import parse_study, write_study
from lesion.study.variants import limited
from lesion.tasks.load import load_task, task
from lesion.tasks.spec import TaskSpec
from tests import labs

ROWS = [
    {"s1": "a film", "s2": "a good film", "y": "pos"},
    {"s1": "it", "s2": "it was bad", "y": "neg"},
    {"s1": "the end", "s2": "the end .", "y": "pos"},
]
PAIRS = [("The man is ill.", "The man are ill."), ("The men are ill.", "The men is ill.")]


class Dataset:
    """The part of `datasets.Dataset` that is used."""

    column_names = ("s1", "s2", "y")

    class Labels:
        names = ("neg", "pos")

    features = {"s1": None, "s2": None, "y": Labels()}  # noqa: RUF012

    def __getitem__(self, name):
        values = [row[name] for row in ROWS]
        return np.array([self.Labels.names.index(v) for v in values]) if name == "y" else values


FORMS = {
    "list": ROWS,
    "frame": pd.DataFrame(ROWS),
    "columns": {key: [row[key] for row in ROWS] for key in ROWS[0]},
    "dataset": Dataset(),
}


def made(frame, **keys):
    return task(frame, "mine", **{"text": ["s1", "s2"], "label": "y", **keys})


@pytest.mark.parametrize("form", FORMS)
def test_rows_in_python_are_the_task_that_a_file_of_them_is(form, tmp_path):
    pd.DataFrame(ROWS).to_csv(tmp_path / "rows.csv", index=False)
    spec = TaskSpec("mine", dev=str(tmp_path / "rows.csv"), text=("s1", "s2"), label="y")
    found, wanted = made(FORMS[form]), load_task(spec)
    assert (found.digest, found.classes, found.split_name) == (
        wanted.digest, wanted.classes, wanted.split_name,
    )  # fmt: skip
    assert found.offers == {"examples", "texts"}


def test_pairs_in_python_are_the_task_that_a_file_of_them_is(tmp_path):
    (tmp_path / "pairs.tsv").write_text("".join(f"{good}\t{bad}\n" for good, bad in PAIRS))
    found = task(pd.DataFrame(PAIRS, columns=["good", "bad"]), "mine", kind="pairs")
    spec = TaskSpec("mine", "pairs", file=str(tmp_path / "pairs.tsv"))
    assert found.digest == load_task(spec).digest
    named = task([{"good": "a", "bad": "b", "which": "x"}], "mine", kind="pairs", label="which")
    assert (named.classes, named.scoring) == (("x",), "pll")


def test_training_rows_give_the_classes_and_may_train_a_head():
    train = [{"s1": "t", "s2": "u", "y": label} for label in ("neg", "neutral", "pos")]
    found = made(ROWS, train=train, max_length=16)
    assert (found.classes, found.targets.tolist()) == (("neg", "neutral", "pos"), [2, 0, 2])
    assert "training" in found.offers and found.max_length == 16
    assert found.split("train").labels.tolist() == [0, 1, 2]
    assert pickle.loads(pickle.dumps(found)).digest == found.digest  # noqa: S301


@pytest.mark.parametrize(
    ("frame", "keys", "message"),
    [
        (ROWS, {"text": ["s3"]},
         "Task 'mine': there is no column 's3'. The columns are 's1', 's2', 'y'."),
        ([*ROWS, {"s1": "a", "s2": None, "y": "neg"}], {},
         "Task 'mine': 1 row lacks a value: 3 (s2). Fill in what is missing or remove the rows; "
         "`missing: drop` in the task leaves them out."),
        ([], {}, "Task 'mine': has no examples. Give at least one row."),
        ("rows.csv", {}, "Task 'mine': needs a pandas frame, a datasets.Dataset or a list of "
         "dicts. Got 'rows.csv'."),
        (ROWS, {"text": []}, "Task 'mine': text must name one or two columns. Got []."),
        (ROWS, {"label": None}, "Task 'mine': label must name the column of the labels."),
        (ROWS[:1], {}, "Task 'mine': the column 'y' holds one label only ('pos'). "
         "A classification needs at least two."),
        (ROWS, {"train": [*ROWS[::2], {"s1": "a", "s2": "b", "y": "x"}]},
         "Task 'mine', row 1: the label 'neg' is not in the training set (its train examples). "
         "Its labels are 'pos', 'x'."),
        (ROWS, {"kind": "cloze", "text": None, "label": None},
         "Task 'mine'.text: unknown key. Allowed: examples, language, cluster, strata, columns, "
         "file.\nTask 'mine'.label: unknown key. Allowed: examples, language, cluster, strata, "
         "columns, file."),
        ([{"s1": "a", "s2": "b", "y": 1.5}], {},
         "Task 'mine', row 0: the column 'y' must hold a name or a whole number. Got 1.5."),
    ],
)  # fmt: skip
def test_what_is_no_task_is_refused(frame, keys, message):
    with pytest.raises(LesionError) as caught:
        made(frame, **keys)
    assert str(caught.value) == message


def test_a_kind_that_reads_a_text_takes_no_rows():
    with pytest.raises(LesionError) as caught:
        task(ROWS, "mine", kind="lm")
    assert str(caught.value) == "Task 'mine': kind lm is made of a file, not of rows."


def test_rows_that_lack_a_value_are_dropped_where_that_is_wanted():
    for gap in (None, float("nan"), pd.NA, " "):
        found = made([*ROWS, {"s1": "a", "s2": gap, "y": "neg"}], missing="drop")
        assert found.digest == made(ROWS).digest


def live(tiny_bert, tmp_path, examples=24):
    data = labs.write_pairs(tmp_path / "pairs.tsv", examples)
    found = task(pd.read_csv(data, sep="\t"), "mine", text=["s1", "s2"], label="same")
    return {**labs.study(tiny_bert, data), "tasks": [found]}


def test_a_task_from_python_is_run_recorded_by_its_digest_and_resumed_with_itself(
    tiny_bert, tmp_path
):
    study = live(tiny_bert, tmp_path)
    run = lesion.run(study, tmp_path / "run", workers=2)
    (spec,) = Run(tmp_path / "run").study.tasks
    assert (spec.name, spec.kind, spec.digest) == ("mine", "classify", study["tasks"][0].digest)
    before = run.progress()
    again = lesion.run(study, tmp_path / "run", workers=1)
    assert again.progress() == before and len(run.curves())
    with pytest.raises(LesionError) as caught:
        lesion.run(Run(tmp_path / "run").study, tmp_path / "run")
    assert str(caught.value) == (
        f"Task 'mine': its examples came from Python (digest {spec.digest}), and only their digest "
        "is recorded. Resume from Python with the same task: "
        "lesion.run({..., 'tasks': [task]}, out=...)."
    )


def test_a_run_is_not_resumed_with_other_rows(tiny_bert, tmp_path):
    lesion.run(live(tiny_bert, tmp_path), tmp_path / "run", workers=1)
    with pytest.raises(LesionError, match=r"Changed:\n  tasks\[0\]\.digest: "):
        lesion.run(live(tiny_bert, tmp_path, 20), tmp_path / "run", workers=1)


def test_a_live_task_stands_in_a_study_with_its_own_keys(tiny_bert, tmp_path):
    found = made(ROWS, max_length=64, examples=2)
    study = parse_study({**labs.study(tiny_bert, tmp_path), "tasks": [found]})
    (spec,) = study.tasks
    assert (spec.max_length, spec.examples, spec.task) == (64, 2, found)
    (fewer,) = limited(study, 1).tasks
    assert (len(fewer.task.targets), fewer.examples) == (1, 1)
    assert fewer.digest != spec.digest
    assert write_study(study).count("digest: ") == 1

"""Labelled files of the user's own."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lesion.errors import LesionError
from lesion.tasks.load import load_task
from lesion.tasks.sources.files import ordered
from lesion.tasks.spec import TaskSpec

TRAIN = "s1\ts2\tlabel\na\tb\tyes\nc\td\tno\ne\tf\tmaybe\n"
REMEDY = "Fill in what is missing or remove the rows; `missing: drop` in the task leaves them out."
TEST = "s1\ts2\tlabel\ng\th\tno\ni\tj\tyes\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.tsv").write_text(TRAIN)
    (tmp_path / "test.tsv").write_text(TEST)
    return tmp_path


def spec(folder, **given):
    files = {"train": str(folder / "train.tsv"), "test": str(folder / "test.tsv")}
    return TaskSpec(**{"name": "mine", "text": ("s1", "s2"), "label": "label", **files, **given})


def test_classes_are_the_sorted_labels_of_the_training_set(folder):
    task = load_task(spec(folder))

    assert task.classes == ("maybe", "no", "yes")
    assert task.targets.tolist() == [1, 2]
    assert task.evaluated.texts == (("g", "i"), ("h", "j"))
    assert task.evaluated.origin == str(folder / "test.tsv")
    assert task.split("train").labels.tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "-1", "9"], ("-1", "9", "10")),
        (["0.5", "10", "2"], ("0.5", "2", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        (["b", "B", "a"], ("B", "a", "b")),
    ],
)
def test_labels_are_ordered_as_numbers_only_if_all_are_numbers(labels, expected):
    assert ordered(labels) == expected


def test_dev_is_evaluated_where_it_is_given_and_the_test_file_otherwise(folder):
    dev = str(folder / "train.tsv")

    assert load_task(spec(folder)).split_name == "test"
    assert load_task(spec(folder, dev=dev)).split_name == "dev"
    assert load_task(spec(folder, dev=dev, split="test")).split_name == "test"
    assert load_task(spec(folder, dev=dev, test=None)).split_name == "dev"
    assert load_task(spec(folder, dev=dev, split="dev")).split_name == "dev"


def test_without_a_training_file_the_classes_are_those_of_the_evaluated_one(folder):
    assert load_task(spec(folder, train=None)).classes == ("no", "yes")
    both = spec(folder, train=None, dev=str(folder / "train.tsv"), split="dev")
    assert load_task(both).classes == ("maybe", "no", "yes")


def test_a_single_column_of_text_is_enough(folder):
    task = load_task(spec(folder, text=("s1",)))

    assert task.evaluated.texts == (("g", "i"),)


def test_a_file_that_is_not_found_is_looked_for_in_the_data_folder(folder, monkeypatch):
    monkeypatch.chdir("/")
    task = load_task(spec(folder, train="train.tsv", test="test.tsv"), folder)

    assert task.targets.tolist() == [1, 2]


def test_labels_of_json_and_parquet_may_be_numbers_and_truth_values(tmp_path):
    lines = [{"t": "a", "label": True}, {"t": "b", "label": False}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    pq.write_table(
        pa.table({"t": ["a", "b", "c"], "label": [10.0, 9.0, 10.0]}), tmp_path / "b.parquet"
    )

    truths = load_task(TaskSpec("m", dev=str(tmp_path / "a.jsonl"), text=("t",), label="label"))
    numbers = load_task(TaskSpec("m", dev=str(tmp_path / "b.parquet"), text=("t",), label="label"))

    assert (truths.classes, truths.targets.tolist()) == (("false", "true"), [1, 0])
    assert (numbers.classes, numbers.targets.tolist()) == (("9", "10"), [1, 0, 1])


def test_the_same_data_in_two_formats_has_the_same_digest(folder):
    rows = [line.split("\t") for line in TEST.splitlines()[1:]]
    columns = dict(zip(("s1", "s2", "label"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "test.parquet")

    tsv = load_task(spec(folder))
    parquet = load_task(spec(folder, test=str(folder / "test.parquet")))

    assert tsv.digest == parquet.digest


def test_a_label_that_is_not_in_the_training_set_is_told_with_its_line(folder):
    (folder / "test.tsv").write_text(TEST + "k\tl\tmayby\n")

    with pytest.raises(LesionError) as caught:
        _ = load_task(spec(folder)).targets

    assert str(caught.value) == (
        f"{folder}/test.tsv, line 4: the label 'mayby' is not in the training set "
        f"({folder}/train.tsv). Its labels are 'maybe', 'no', 'yes'. Did you mean 'maybe'?"
    )


def test_a_wrong_column_lists_those_that_there_are(folder):
    with pytest.raises(LesionError) as caught:
        _ = load_task(spec(folder, text=("s1", "s22"))).targets

    assert str(caught.value) == (
        f"{folder}/test.tsv: there is no column 's22'. The columns are 's1', 's2', 'label'. "
        "Did you mean 's2'?"
    )


GAPS = "s1\ts2\tlabel\ng\th\tno\n\tb\tyes\na\t \t\ni\tj\tyes\nk\tl\t\n"


def test_all_missing_values_are_told_at_once_with_their_lines_and_columns(folder):
    (folder / "test.tsv").write_text(GAPS)

    with pytest.raises(LesionError) as caught:
        _ = load_task(spec(folder)).targets

    assert str(caught.value) == (
        f"{folder}/test.tsv: 3 lines lack a value: 3 (s1), 4 (s2, label), 6 (label). Fill in what "
        "is missing or remove the lines; `missing: drop` in the task leaves them out."
    )


def test_of_many_missing_values_twenty_lines_are_named(folder):
    (folder / "test.tsv").write_text("s1\ts2\tlabel\n" + "a\tb\t\n" * 30)

    with pytest.raises(LesionError, match=r"30 lines lack a value: 2 .*, 21 \(label\) and 10 more"):
        _ = load_task(spec(folder)).targets


def test_rows_that_lack_a_value_are_left_out_on_request_and_counted(folder):
    (folder / "test.tsv").write_text(GAPS)
    (folder / "train.tsv").write_text(TRAIN + "g\t\tyes\n")
    task = load_task(spec(folder, missing="drop"))

    assert task.evaluated.texts == (("g", "i"), ("h", "j"))
    assert [task.classes[label] for label in task.targets] == ["no", "yes"]
    assert task.split("train").labels.tolist() == [2, 1, 0]
    assert task.notes == (
        f"mine: left out 1 of 4 lines of {folder}/train.tsv that lack a value (missing: drop).",
        f"mine: left out 3 of 5 lines of {folder}/test.tsv that lack a value (missing: drop).",
    )
    (folder / "clean.tsv").write_text(TEST)
    clean = load_task(spec(folder, test=str(folder / "clean.tsv"), missing="drop"))
    assert clean.digest == task.digest
    assert len(clean.notes) == 1
    assert load_task(spec(folder, train=None, test=str(folder / "clean.tsv"))).notes == ()


def test_a_sample_is_taken_of_the_rows_that_are_left(folder):
    (folder / "test.tsv").write_text(GAPS)
    task = load_task(spec(folder, missing="drop", examples=1))

    assert task.evaluated.texts[0] in (("g",), ("i",))
    assert len(task.notes) == 1


def test_a_file_without_one_whole_row_is_refused(folder):
    (folder / "test.tsv").write_text("s1\ts2\tlabel\na\tb\t\n")

    with pytest.raises(LesionError) as caught:
        _ = load_task(spec(folder, missing="drop")).targets

    assert str(caught.value) == f"{folder}/test.tsv: has no examples: every line lacks a value."


def test_one_column_of_text_may_be_given_without_a_list(folder):
    assert load_task(spec(folder, text="s1")).evaluated.texts == (("g", "i"),)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"t": ["a", None], "y": [0, 1]},
            ": 1 row lacks a value: 2 (t). " + REMEDY,
        ),
        (
            {"t": ["a", "b"], "y": [0, None]},
            ": 1 row lacks a value: 2 (y). " + REMEDY,
        ),
        ({"t": [1, 2], "y": [0, 1]}, ", row 1: the column 't' must hold a text. Got 1."),
        (
            {"t": ["a", "b"], "y": [0.0, 0.25]},
            ", row 2: the column 'y' must hold a name or a whole number. Got 0.25.",
        ),
    ],
)
def test_values_of_a_parquet_file_are_checked_and_told_with_their_row(tmp_path, values, message):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table(values), path)

    with pytest.raises(LesionError) as caught:
        _ = load_task(TaskSpec("mine", dev=str(path), text=("t",), label="y")).targets

    assert str(caught.value) == f"{path}{message}"


def test_one_label_only_is_no_classification(folder):
    (folder / "train.tsv").write_text("s1\ts2\tlabel\na\tb\tyes\n")

    with pytest.raises(LesionError) as caught:
        _ = load_task(spec(folder)).classes

    assert str(caught.value) == (
        f"{folder}/train.tsv: the column 'label' holds one label only ('yes'). "
        "A classification needs at least two."
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": ()}, "text must name one or two columns. Got []."),
        ({"text": ("a", "b", "c")}, "text must name one or two columns. Got ['a', 'b', 'c']."),
        ({"label": None}, "label must name the column of the labels."),
        (
            {"test": None},
            "has no file for the split 'dev'. It gives train; add `dev: FILE` to the task, or "
            "choose another split.",
        ),
        (
            {"split": "dev"},
            "has no file for the split 'dev'. It gives train, test; add `dev: FILE` to the task, "
            "or choose another split.",
        ),
    ],
)
def test_an_entry_that_cannot_work_is_told_before_any_file_is_read(tmp_path, given, message):
    with pytest.raises(LesionError) as caught:
        load_task(spec(tmp_path / "nowhere", **given))

    assert str(caught.value) == f"Task 'mine': {message}"


def test_a_missing_training_file_stops_fine_tuning_only(folder):
    task = load_task(spec(folder, train=None))

    assert len(task.evaluated) == 2
    with pytest.raises(LesionError) as caught:
        task.split("train")
    assert str(caught.value) == (
        "Task 'mine': has no file for the split 'train'. It gives test; add `train: FILE` to the "
        "task, or choose another split."
    )

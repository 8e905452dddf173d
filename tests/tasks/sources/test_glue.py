"""GLUE's own files: its layouts, its oddities, and the counts of the real thing."""

import os
from pathlib import Path

import numpy as np
import pytest

from lesion.errors import LesionError
from lesion.tasks.load import TASKS, load_task
from lesion.tasks.sources.glue import GLUE
from lesion.tasks.spec import TaskSpec

MRPC_HEADER = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
HEADERS = {
    "mnli": "index\tpromptID\tgenre\tsentence1\tsentence2\tlabel1\tgold_label\n",
    "qnli": "index\tquestion\tsentence\tlabel\n",
    "qqp": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n",
    "rte": "index\tsentence1\tsentence2\tlabel\n",
    "sst2": "sentence\tlabel\n",
    "wnli": "index\tsentence1\tsentence2\tlabel\n",
}
# One example of each class, in the order of `nyu-mll/glue`'s ClassLabel on the hub.
DEV = {
    "cola": ("CoLA/dev.tsv", "gj04\t0\t*\tHim ran.\ngj04\t1\t\tHe ran.\n"),
    "mnli": (
        "MNLI/dev_matched.tsv",
        HEADERS["mnli"]
        + "0\t1\tfiction\ta\tb\tneutral\tentailment\n"
        + "1\t2\tfiction\tc\td\tneutral\tneutral\n"
        + "2\t3\tfiction\te\tf\tneutral\tcontradiction\n",
    ),
    "mnli-mm": (
        "MNLI/dev_mismatched.tsv",
        HEADERS["mnli"]
        + "0\t1\tletters\ta\tb\tneutral\tentailment\n"
        + "1\t2\tletters\tc\td\tneutral\tneutral\n"
        + "2\t3\tletters\te\tf\tneutral\tcontradiction\n",
    ),
    "mrpc": ("MRPC/dev.tsv", "\ufeff" + MRPC_HEADER + "0\t1\t2\ta\tb\n1\t3\t4\tc\td\n"),
    "qnli": ("QNLI/dev.tsv", HEADERS["qnli"] + "0\ta\tb\tentailment\n1\tc\td\tnot_entailment\n"),
    "qqp": ("QQP/dev.tsv", HEADERS["qqp"] + "0\t1\t2\ta\tb\t0\n1\t3\t4\tc\t\t1\n"),
    "rte": ("RTE/dev.tsv", HEADERS["rte"] + "0\ta\tb\tentailment\n1\tc\td\tnot_entailment\n"),
    "sst2": ("SST-2/dev.tsv", HEADERS["sst2"] + "dull \t0\nfine \t1\n"),
    "wnli": ("WNLI/dev.tsv", HEADERS["wnli"] + "0\ta\tb\t0\n1\tc\td\t1\n"),
}
HUB_CLASSES = {
    "cola": ("unacceptable", "acceptable"),
    "mnli": ("entailment", "neutral", "contradiction"),
    "mnli-mm": ("entailment", "neutral", "contradiction"),
    "mrpc": ("not_equivalent", "equivalent"),
    "qnli": ("entailment", "not_entailment"),
    "qqp": ("not_duplicate", "duplicate"),
    "rte": ("entailment", "not_entailment"),
    "sst2": ("negative", "positive"),
    "wnli": ("not_entailment", "entailment"),
}


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize("name", GLUE)
def test_every_task_reads_its_own_layout_with_the_classes_in_the_order_of_the_hub(tmp_path, name):
    path = write(tmp_path, *DEV[name])

    task = load_task(TaskSpec(name), tmp_path)

    assert task.classes == HUB_CLASSES[name]
    assert task.targets.tolist() == list(range(len(task.classes)))
    assert task.targets.dtype == np.int64
    assert len(task.evaluated.texts) == len(GLUE[name].hub_text)
    assert task.evaluated.origin == str(path)


@pytest.mark.parametrize("name", GLUE)
def test_every_task_says_in_a_line_what_it_is(name):
    about = TASKS[name].about

    assert 20 < len(about) <= 80
    assert "\n" not in about


def test_the_registry_names_all_of_them():
    assert GLUE.items() <= TASKS.items()


def test_mrpc_keeps_unbalanced_quotation_marks_and_loses_the_byte_order_mark(tmp_path):
    lines = '1\t1\t2\t" The pie , he said .\tThe " pie " .\n0\t3\t4\tA "\t" B\n'
    write(tmp_path, "MRPC/dev.tsv", "\ufeff" + MRPC_HEADER + lines)

    split = load_task(TaskSpec("mrpc"), tmp_path).evaluated

    assert split.texts == (('" The pie , he said .', 'A "'), ('The " pie " .', '" B'))
    assert split.labels.tolist() == [1, 0]


@pytest.mark.parametrize("folder", ["MRPC", "mrpc", "glue/MRPC", "GLUE/mrpc", "glue_data/MRPC"])
def test_the_folder_is_found_whatever_its_case_in_the_folder_or_its_glue(tmp_path, folder):
    write(tmp_path, f"{folder}/dev.tsv", DEV["mrpc"][1])

    assert len(load_task(TaskSpec("mrpc"), tmp_path).evaluated) == 2


def test_the_environment_names_the_folder_where_no_argument_does(tmp_path, monkeypatch):
    write(tmp_path / "a", "RTE/dev.tsv", HEADERS["rte"] + "0\ta\tb\tentailment\n")
    write(tmp_path / "b", *DEV["rte"])
    monkeypatch.setenv("LESION_DATA", str(tmp_path / "a"))

    assert len(load_task(TaskSpec("rte")).evaluated) == 1
    assert len(load_task(TaskSpec("rte"), tmp_path / "b").evaluated) == 2


def test_mrpcs_test_split_is_read_from_microsofts_file_where_glue_hid_the_labels(tmp_path):
    hidden = "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\ta\tb\n"
    write(tmp_path, "MRPC/test.tsv", hidden)
    task = TaskSpec("mrpc", split="test")

    with pytest.raises(LesionError) as caught:
        _ = load_task(task, tmp_path).targets
    write(tmp_path, "MRPC/msr_paraphrase_test.txt", "\ufeff" + MRPC_HEADER + "1\t1\t2\ta\tb\r\n")

    assert load_task(task, tmp_path).evaluated.texts == (("a",), ("b",))
    assert load_task(task, tmp_path).targets.tolist() == [1]
    assert str(caught.value) == (
        f"{tmp_path}/MRPC/test.tsv: the test split of 'mrpc' has no labels, so nothing can be "
        "scored on it. Use split: dev. Of GLUE's test sets only MRPC's is labelled."
    )


@pytest.mark.parametrize("there", [True, False])
def test_an_unlabelled_test_split_is_told_whether_it_was_downloaded_or_not(tmp_path, there):
    write(tmp_path, *DEV["rte"])
    if there:
        write(tmp_path, "RTE/test.tsv", "index\tsentence1\tsentence2\n0\ta\tb\n")

    with pytest.raises(LesionError) as caught:
        _ = load_task(TaskSpec("rte", split="test"), tmp_path).targets

    assert str(caught.value) == (
        f"{tmp_path}/RTE{'/test.tsv' if there else ''}: the test split of 'rte' has no labels, so "
        "nothing can be scored on it. Use split: dev. Of GLUE's test sets only MRPC's is labelled."
    )


def test_a_line_with_a_column_too_few_is_told_with_its_number(tmp_path):
    path = write(tmp_path, "MRPC/dev.tsv", MRPC_HEADER + "1\t1\t2\ta\tb\n0\t3\t4\tc\n")

    with pytest.raises(LesionError) as caught:
        _ = load_task(TaskSpec("mrpc"), tmp_path).targets

    assert str(caught.value) == (
        f"{path}, line 3: expected 5 columns (Quality, #1 ID, #2 ID, #1 String, #2 String). "
        "Got 4. A text in a .tsv file may hold no tab and no line end; a quoted .csv file may."
    )


def test_an_unknown_label_is_told_with_its_line(tmp_path):
    path = write(
        tmp_path, "RTE/dev.tsv", HEADERS["rte"] + "0\ta\tb\tentailment\n1\tc\td\tneutral\n"
    )

    with pytest.raises(LesionError) as caught:
        _ = load_task(TaskSpec("rte"), tmp_path).targets

    assert str(caught.value) == (
        f"{path}, line 3: the label 'neutral' is not known. "
        "The labels are entailment, not_entailment."
    )


def test_a_missing_label_column_lists_those_that_there_are(tmp_path):
    path = write(tmp_path, "RTE/dev.tsv", "index\tsentence1\tsentence2\tlabels\n0\ta\tb\tx\n")

    with pytest.raises(LesionError) as caught:
        _ = load_task(TaskSpec("rte"), tmp_path).targets

    assert str(caught.value) == (
        f"{path}: there is no column 'label'. The columns are 'index', 'sentence1', 'sentence2', "
        "'labels'. Did you mean 'labels'?"
    )


def test_qqp_leaves_out_its_few_broken_lines_and_says_so(tmp_path):
    good = "0\t1\t2\ta\tb\t0\n"
    path = write(tmp_path, "QQP/dev.tsv", HEADERS["qqp"] + good * 1200 + '"\tWhat is it?\t0\n')

    split = load_task(TaskSpec("qqp"), tmp_path).evaluated

    assert len(split) == 1200
    assert split.origin == f"{path} (1 broken lines left out)"


def test_a_folder_without_the_task_says_which_it_holds(tmp_path):
    write(tmp_path, *DEV["rte"])
    write(tmp_path / "glue", *DEV["wnli"])

    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec("mrpc"), tmp_path)

    assert str(caught.value) == (
        f"{tmp_path}: has no folder MRPC for the task 'mrpc'. Its folders are: RTE, glue, WNLI. "
        "Give --data DIR (or LESION_DATA) in GLUE's download layout, or neither to use the hub."
    )


def test_a_data_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec("mrpc"), tmp_path / "nowhere")

    assert str(caught.value) == (
        f"{tmp_path}/nowhere: there is no such folder. The data folder (--data DIR or LESION_DATA) "
        "is one in GLUE's download layout, such as DIR/MRPC/train.tsv."
    )


def test_a_missing_file_of_a_task_is_named(tmp_path):
    write(tmp_path, *DEV["mrpc"])

    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec("mrpc"), tmp_path).split("train")

    assert str(caught.value) == (
        f"{tmp_path}/MRPC: has no train.tsv, which the task 'mrpc' needs for its train split. "
        "Download the whole task from https://gluebenchmark.com/tasks."
    )


COUNTS = [
    ("mrpc", "train", 3668, 2474),
    ("mrpc", "dev", 408, 279),
    ("mrpc", "test", 1725, 1147),
    ("rte", "train", 2490, 1241),
    ("rte", "dev", 277, 131),
    ("wnli", "train", 635, 312),
    ("wnli", "dev", 71, 31),
]


@pytest.mark.skipif("LESION_TEST_DATA" not in os.environ, reason="needs GLUE: LESION_TEST_DATA=DIR")
@pytest.mark.parametrize(("name", "split", "examples", "ones"), COUNTS)
def test_the_real_files_give_the_published_numbers_of_examples(name, split, examples, ones):
    task = load_task(TaskSpec(name, split=split), Path(os.environ["LESION_TEST_DATA"]))

    assert len(task.evaluated) == examples
    assert int(task.targets.sum()) == ones
    assert all(text.strip() for column in task.evaluated.texts for text in column)

"""Columns of tasks: words beside the examples, by which they are resampled or compared."""

import json
import pickle

import pandas as pd
import pytest

from lesion.errors import LesionError
from lesion.study.catalogue import catalogue
from lesion.study.files import parse_study, write_study
from lesion.study.resolve import load_tasks
from lesion.tasks.columns import INDEPENDENT, Grouping, chosen, columns_of, grouping_of
from lesion.tasks.examples import InMemoryPairs, PairSet
from lesion.tasks.load import load_task, task, usual_grouping
from lesion.tasks.registered import TASKS
from lesion.tasks.spec import TaskSpec
from tests import labs
from tests.test_cli import lesion as command

ROWS = [
    {"s": "a film", "y": "pos", "doc": 7, "genre": "drama"},
    {"s": "it ended", "y": "neg", "doc": 7, "genre": "comedy"},
    {"s": "a cat", "y": "pos", "doc": 8.0, "genre": "drama"},
    {"s": "a dog", "y": "neg", "doc": 8.0, "genre": "drama"},
]
WRITERS = {
    "tsv": lambda frame, path: frame.to_csv(path, sep="\t", index=False),
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "parquet": lambda frame, path: frame.to_parquet(path),
}
KEYS = {"text": "s", "label": "y", "cluster": "doc", "columns": ["genre"]}
KEPT = {"doc": ("7", "7", "8", "8"), "genre": ("drama", "comedy", "drama", "drama")}
LABEL = {"label": ("pos", "neg", "pos", "neg")}


def written(tmp_path, kind="tsv", rows=ROWS):
    path = tmp_path / f"rows.{kind}"
    frame = pd.DataFrame(rows)
    WRITERS[kind](frame.astype({"doc": int}) if "doc" in frame else frame, path)
    return path


def study_of(*tasks):
    value = labs.study("twin/en-0", "unused")
    return parse_study({**value, "tasks": list(tasks)})


def refusal(*tasks):
    with pytest.raises(LesionError) as caught:
        load_tasks(study_of(*tasks))
    return str(caught.value)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_keeps_the_columns_that_a_study_names(kind, tmp_path):
    spec = TaskSpec("mine", dev=str(written(tmp_path, kind)), **KEYS)
    found = load_task(spec)
    assert columns_of(found) == LABEL | KEPT
    assert found.digest == load_task(spec.with_keys(cluster=None, columns=[])).digest


@pytest.mark.parametrize("frame", [ROWS, pd.DataFrame(ROWS)])
def test_rows_in_python_keep_them_and_carry_their_clusters(frame):
    found = task(frame, "mine", **KEYS)
    assert columns_of(found) == LABEL | KEPT
    assert grouping_of(found) == Grouping("doc")
    assert TaskSpec.of(found).to_mapping()["digest"] == found.digest
    other = found.with_texts((("x", "y", "z", "w"),))
    assert (other.columns, other.grouping) == (KEPT, Grouping("doc"))
    assert pickle.loads(pickle.dumps(other)).columns == KEPT  # noqa: S301


def test_a_sample_keeps_the_words_of_its_examples(tmp_path):
    rows = [{"s": f"text {n}", "y": "ab"[n % 2], "doc": n} for n in range(40)]
    spec = TaskSpec("mine", dev=str(written(tmp_path, rows=rows)), examples=10, **KEYS)
    found = load_task(spec.with_keys(columns=[]))
    assert found.columns["doc"] == tuple(text.split()[1] for text in found.texts["text"])


def test_only_the_split_that_is_evaluated_needs_the_column(tmp_path):
    train = tmp_path / "train.tsv"
    train.write_text("s\ty\nsome\tpos\nmore\tneg\n")
    spec = TaskSpec("mine", train=str(train), dev=str(written(tmp_path)), **KEYS)
    assert load_task(spec).columns == KEPT
    assert load_task(spec).split("train").columns == {}


def test_rows_that_are_dropped_have_no_words(tmp_path):
    rows = [*ROWS[:3], {**ROWS[3], "y": None}]
    spec = TaskSpec("mine", dev=str(written(tmp_path, rows=rows)), missing="drop", **KEYS)
    assert load_task(spec).columns["doc"] == ("7", "7", "8")


def test_a_misspelled_column_is_refused_with_those_of_the_file(tmp_path):
    path = written(tmp_path)
    mine = {"name": "mine", "dev": str(path), **KEYS, "cluster": "docc"}
    message = (
        f"{path}: there is no column 'docc'. The columns are 's', 'y', 'doc', 'genre'. "
        "Did you mean 'doc'?"
    )
    assert refusal(mine) == message
    labs.write_study(tmp_path / "study.yaml", {**labs.study("twin/en-0", path), "tasks": [mine]})
    result = command("check", tmp_path / "study.yaml")
    assert result.returncode == 2 and "there is no column 'docc'" in result.stderr


def test_a_misspelled_column_of_a_built_in_task_is_refused():
    assert refusal({"name": "agreement-en", "cluster": "verbs"}).startswith(
        "agreement-en, built in: there is no column 'verbs'. The columns are 'label', 'verb', "
        "'construction'"
    )
    assert refusal({"name": "agreement-en", "strata": "konstruction"}).endswith(
        "Did you mean 'construction'?"
    )


def test_glue_keeps_a_column_of_its_file(tmp_path):
    labs.write_glue(tmp_path)
    found = load_task(TaskSpec("mrpc", cluster="#1 ID"), tmp_path)
    assert found.columns == {"#1 ID": ("1",) * 16}
    with pytest.raises(LesionError, match=r"dev\.tsv: there is no column 'ID'\. The columns are"):
        _ = load_task(TaskSpec("mrpc", cluster="ID"), tmp_path).targets


@pytest.mark.parametrize("value", [None, "", " "])
def test_a_row_without_a_word_is_refused(value, tmp_path):
    rows = [*ROWS[:2], {**ROWS[2], "genre": value}, ROWS[3]]
    path = written(tmp_path, "jsonl", rows)
    assert refusal({"name": "mine", "dev": str(path), **KEYS}) == (
        f"{path}, line 3: the column 'genre' must hold a name or a number in every line. "
        f"Got {value!r}."
    )


def test_the_columns_of_a_file_of_pairs_are_its_keys_and_its_paradigm(tmp_path):
    rows = [
        {"sentence_good": "She is.", "sentence_bad": "She are.", "UID": "a", "field": "syntax"},
        {"sentence_good": "He is.", "sentence_bad": "", "UID": "b", "field": "syntax"},
        {"sentence_good": "I am.", "sentence_bad": "I is.", "UID": "b", "field": "morphology"},
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = TaskSpec("p", "pairs", file=str(path), label="UID", columns="field", missing="drop")
    paradigms = ("a", "b")
    wanted = {"label": paradigms, "paradigm": paradigms, "field": ("syntax", "morphology")}
    assert columns_of(load_task(spec)) == wanted
    assert grouping_of(load_task(spec)) == INDEPENDENT  # paradigms are fixed by default
    pairs = study_of({"name": "p", "kind": "pairs", "file": str(path), "label": "UID",
                      "missing": "drop", "cluster": "paradigm"})  # fmt: skip
    assert load_tasks(pairs)["p"].columns["paradigm"] == paradigms
    frame = [{"good": "a", "bad": "b", "UID": "x", "field": "f"}]
    found = task(frame, "p", kind="pairs", label="UID", cluster="paradigm", columns=["field"])
    assert (found.columns, found.grouping) == (
        {"paradigm": ("x",), "field": ("f",)}, Grouping("paradigm"),
    )  # fmt: skip


def test_a_file_of_two_columns_has_no_further_ones(tmp_path):
    path = tmp_path / "p.tsv"
    path.write_text("She is.\tShe are.\n")
    assert refusal({"name": "p", "kind": "pairs", "file": str(path), "cluster": "verb"}) == (
        f"{path}: there is no column 'verb'. It has no columns."
    )


TEXT = "\n".join(["one " * 30, "two " * 30, "", "", "three " * 14, "four " * 30]) + "\n"


@pytest.mark.parametrize(("kind", "keys"), [("cloze", {}), ("lm", {"length": 10, "stride": 5})])
@pytest.mark.parametrize("blank", [True, False])
def test_blank_lines_separate_the_documents_of_a_text(kind, keys, blank, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT if blank else TEXT.replace("\n\n\n", "\n"))
    found = load_task(TaskSpec("text", kind, file=str(path), **keys))
    documents = dict(zip(("one", "two", "three", "four"), "1122" if blank else "1234", strict=True))
    paragraphs = dict(zip(documents, "1234", strict=True))
    first = [text.split()[0] for text in found.texts["text"]]
    assert set(first) == set(documents)
    assert found.columns["document"] == tuple(documents[word] for word in first)
    assert found.columns["paragraph"] == tuple(paragraphs[word] for word in first)
    assert grouping_of(found) == Grouping("document")


def test_a_window_is_of_the_document_of_its_first_predicted_word(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a b c d\n\ne f g h\n")
    found = load_task(TaskSpec("text", "lm", file=str(path), length=4, stride=2))
    assert [window.text[window.start :].split()[0] for window in found.evaluated] == [
        "a", "e", "g",
    ]  # fmt: skip
    assert found.columns["document"] == ("1", "2", "2")


@pytest.mark.parametrize("name", [name for name in TASKS if "agreement" in name])
def test_agreement_has_verbs_as_clusters_and_constructions_as_strata(name):
    found = load_task(TaskSpec(name, examples=48))
    assert grouping_of(found) == Grouping("verb", "construction")
    assert found.columns["construction"] == columns_of(found)["label"]
    for verb, good, bad in zip(found.columns["verb"], *found.texts.values(), strict=True):
        words = f" {good} {bad} "
        assert f" {verb} " in words, "the singular is in one of the two"


def test_the_number_of_the_subject_has_the_columns_of_agreement():
    found = load_task(TaskSpec("subject-number-en", examples=20))
    assert set(found.columns) >= {"verb", "construction"}
    assert {len(words) for words in found.columns.values()} == {20}
    assert grouping_of(found) == Grouping("verb", "construction")


@pytest.mark.parametrize("name", TASKS)
def test_the_list_of_tasks_names_the_default_clusters(name):
    cluster = usual_grouping(TaskSpec(name)).cluster
    line = catalogue("tasks")["tasks"][name]
    assert line.endswith(f", cluster: {cluster}") if cluster else "cluster" not in line


@pytest.mark.parametrize(
    ("cluster", "strata", "wanted"),
    [
        (None, None, Grouping("verb", "construction")),
        ("none", None, Grouping(None, "construction")),
        ("label", "none", Grouping("label", None)),
    ],
)
def test_a_study_chooses_another_column_or_none(cluster, strata, wanted):
    assert chosen(cluster, strata, Grouping("verb", "construction")) == wanted


def test_grouping_enters_neither_the_fingerprint_nor_a_study_without_it(tmp_path):
    path = written(tmp_path)
    plain = {"name": "mine", "dev": str(path), "text": "s", "label": "y"}
    grouped = {**plain, "cluster": "doc", "strata": "genre", "columns": "genre"}
    before, after = study_of(plain), study_of(grouped)
    assert before.fingerprint() == after.fingerprint()
    assert not {"cluster", "strata", "columns"} & set(before.document["tasks"][0])
    again = parse_study(after.document)
    assert again == after and again.tasks[0].parameters.kept == ("genre",)
    assert "cluster: doc" in write_study(after)


def test_pairs_from_a_source_without_columns_can_be_sent_to_workers():
    pairs = PairSet(("a",), ("b",), load_task(TaskSpec("agreement-en")).targets[:1], (), "here")
    assert pickle.loads(pickle.dumps(InMemoryPairs(pairs))).pairs.columns == {}  # noqa: S301

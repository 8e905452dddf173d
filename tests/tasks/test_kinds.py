"""Kinds of tasks are entries: one module and one line, or an installed package.

`python -m tests.tasks.test_kinds` writes the tables of docs/tasks.md anew.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pytest

import lesion
from lesion.errors import LesionError
from lesion.schema.fields import File, doc
from lesion.study.catalogue import catalogue
from lesion.study.files import parse_study, read_study, write_study
from lesion.study.pinning import task_files
from lesion.tasks import kinds
from lesion.tasks.base import Encoded, Kind, OfKind, find_file
from lesion.tasks.kinds import TASK_KINDS, kind_of
from lesion.tasks.listing import docs_tables
from lesion.tasks.load import load_task
from lesion.tasks.metrics import ACCURACY
from lesion.tasks.spec import DEFAULTS, KEYS, TaskSpec
from tests import labs

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"


def filled(page: str) -> str:
    """The page with its tables."""
    for name, table in docs_tables().items():
        block = rf"<!-- {name} -->\n.*?<!-- end -->"
        page, found = re.subn(
            block, lambda _, n=name, t=table: f"<!-- {n} -->\n{t}\n<!-- end -->", page, flags=re.S
        )
        assert found == 1, name
    return page


def test_the_tables_of_the_docs_are_those_of_the_entries():
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page) == page


@dataclass(frozen=True)
class EchoKind(Kind):
    """whether the model is sure of its first class."""

    word, head, target = "echo", "classification", "nothing"
    columns, metrics = ("sure", "margin"), (ACCURACY,)
    example: ClassVar = {"lines": "lines.txt"}

    lines: Annotated[File | None, doc("a text a line")] = None
    least: Annotated[float, doc("margin from which it is sure")] = 0.0

    def task(self, name, data):
        return Echo(name, find_file(self.lines, data), self.least)

    @staticmethod
    def correct(outputs, targets):
        return outputs[0]

    @staticmethod
    def prior(targets, columns, weights):
        return np.full((len(weights), 2), 0.5)


@dataclass(frozen=True)
class Echo(OfKind):
    """A task of a kind that this package does not have."""

    entry = EchoKind

    name: str
    path: Path
    least: float
    language: str = "en"
    examples: int | None = None
    classes: tuple[str, ...] = ("no", "yes")

    @property
    def texts(self):
        return self.path.read_text().splitlines()[: self.examples]

    @property
    def targets(self):
        return np.zeros(len(self.texts), np.int64)

    @property
    def digest(self):
        return json.dumps([self.texts, self.least])

    def encode(self, tokenizer, config):
        return Encoded([{"input_ids": tokenizer(text)["input_ids"]} for text in self.texts])

    def reduce(self, logits, rows):
        return logits

    def gather(self, outputs, encoded):
        margin = outputs[:, 0] - outputs[:, 1]
        return np.stack([margin > self.least, margin], axis=1).astype(np.float32)


@pytest.fixture
def echo(monkeypatch):
    """The one line in the table."""
    monkeypatch.setitem(TASK_KINDS, "echo", EchoKind)


def test_a_kind_of_task_is_one_module_and_one_line(echo, tmp_path, tiny_bert):
    (tmp_path / "lines.txt").write_text("a cat\nthe dog sat\na bird ran\n")
    value = labs.study(tiny_bert, tmp_path / "lines.txt")
    value["tasks"] = [{"name": "mine", "kind": "echo", "lines": "lines.txt", "least": 0.1}]
    study = read_study(labs.write_study(tmp_path / "study.yaml", value))
    (spec,) = study.tasks
    assert spec.files == {"lines": str(tmp_path / "lines.txt")}  # beside the study
    assert task_files(study) == {"lines of task mine": tmp_path / "lines.txt"}
    assert f"lines: {tmp_path / 'lines.txt'}\n" in write_study(study)
    before = study.fingerprint()
    run = lesion.run(study, tmp_path / "run", workers=1)
    assert {analysis.metric for analysis in run.analyses} == {"accuracy"}
    assert run.record.task("mine")["kind"] == "echo"
    assert run.record.study.tasks == study.tasks
    (tmp_path / "lines.txt").write_text("a cat\nthe dog\n")
    assert study.fingerprint() != before  # compared by content
    with pytest.raises(LesionError, match="its examples changed since this run began"):
        lesion.run(study, tmp_path / "run", workers=1)
    listed = catalogue("tasks")["kinds of tasks on files of your own"]["echo"]
    assert listed.splitlines() == [
        "whether the model is sure of its first class",
        "{name: mine, kind: echo, lines: lines.txt}",
    ]


def test_the_mistakes_in_a_task_are_those_of_its_kind(echo, tmp_path):
    value = labs.study(tmp_path, tmp_path)
    value["tasks"] = [{"name": "a", "kind": "echo", "leest": 2, "least": "x"}]
    with pytest.raises(LesionError) as caught:
        parse_study(value)
    assert str(caught.value) == (
        f"study: tasks[0].leest: unknown key. Allowed: name, kind, {', '.join(KEYS)}, "
        "cluster, strata, columns, lines, least. Did you mean 'least'?\n"
        "study: tasks[0].least: must be a number. Got 'x'."
    )
    with pytest.raises(LesionError) as caught:
        load_task(TaskSpec("a", "echo"))
    assert str(caught.value) == "Task 'a': kind is echo, so it needs a file: add `file: PATH`."


def test_an_installed_package_offers_a_kind(tmp_path, monkeypatch):
    (tmp_path / "song.py").write_text(
        "from dataclasses import dataclass\n"
        "from lesion.tasks.base import Kind\n"
        "from lesion.tasks.metrics import ACCURACY\n"
        "@dataclass(frozen=True)\n"
        "class Song(Kind):\n"
        "    '''lines that rhyme.'''\n"
        "    word, head, metrics = 'song', 'mlm', (ACCURACY,)\n"
    )
    (tmp_path / "song-1.2.dist-info").mkdir()
    (tmp_path / "song-1.2.dist-info" / "METADATA").write_text("Name: song\nVersion: 1.2\n")
    (tmp_path / "song-1.2.dist-info" / "entry_points.txt").write_text(
        "[lesion.tasks]\nsong = song:Song\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert catalogue("tasks")["kinds of tasks on files of your own"]["song"] == "from song 1.2"
    assert "song" not in sys.modules  # a list loads nothing
    assert kind_of("song").doc() == "lines that rhyme"
    assert TaskSpec("mine", "song").kind == "song"


def test_an_unknown_kind_is_refused_with_what_there_is():
    with pytest.raises(LesionError) as caught:
        kinds.kind_of("classfy")
    assert str(caught.value) == (
        "kind: must be one of classify, pairs, cloze, lm. Got 'classfy'. Did you mean 'classify'?"
    )


def test_every_task_is_written_with_the_keys_of_release_0_1():
    for kind in TASK_KINDS:
        assert list(TaskSpec("mine", kind).to_mapping()) == ["name", "kind", *KEYS]
    assert set(DEFAULTS) == set(KEYS)


def test_a_registered_name_has_the_keys_of_its_own_kind():
    spec = TaskSpec("agreement-en", scoring="pll", examples=48)
    assert (spec.kind, load_task(spec).kind, load_task(spec).scoring) == (
        "classify", "pairs", "pll",
    )  # fmt: skip
    assert spec.registered and not TaskSpec("mrpc", dev="mine.tsv").registered


def test_a_key_that_a_kind_ignores_is_kept_as_it_was_written():
    spec = TaskSpec("mine", "cloze", file="a.txt", split="dev", text="s1")
    assert dict(spec.unused) == {"split": "dev", "text": ["s1"]}
    assert TaskSpec(**spec.to_mapping()) == spec
    assert spec.to_mapping()["text"] == ["s1"]


def test_a_study_notes_keys_that_have_no_effect(tmp_path):
    value = labs.study(tmp_path, tmp_path)
    value["tasks"] = [{"name": "a", "kind": "pairs", "file": "p.tsv", "split": "test"}]
    assert "a: split: has no effect on a task of kind pairs." in parse_study(value).notes()


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_a_task_offers_no_more_than_its_kind(kind):
    assert TASK_KINDS[kind].offers <= {"labels", "training", "examples", "texts"}
    assert bool(TASK_KINDS[kind].metrics and TASK_KINDS[kind].head)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

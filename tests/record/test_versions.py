"""A run that is resumed with other libraries says so, and each trial keeps what made it."""

import io

import pandas as pd
import pytest

import lesion
from lesion.record.record import Record
from lesion.results import Run
from lesion.study import packages
from lesion.study.files import parse_study
from tests import labs
from tests.test_cli import lesion as command

SAID = (
    "This run goes on with torch 9.2 (before: 9.1), numpy 3.5 (before: 3.4). Scores may differ a "
    "little between them; lesion export --what trials shows with which each trial was made."
)
OLD, NEW = ({"torch": "9.1", "numpy": "3.4", "lesion": "1"}, {"torch": "9.2", "numpy": "3.5"})


@pytest.fixture
def study(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesions = [{"name": "weights"}]
    return parse_study(labs.study(tiny_bert, data, lesions=lesions, doses=[1], draws=4))


def using(monkeypatch, versions):
    monkeypatch.setattr(packages, "versions", lambda used: OLD | versions)


def interrupted(study, folder, after):
    with pytest.raises(KeyboardInterrupt):
        lesion.run(study, folder, watcher=labs.crash_after(after))


def said(watcher):
    return [note for note in watcher.notes if "goes on" in note]


def test_going_on_with_other_versions_is_said_and_stored_with_each_trial(
    study, tmp_path, monkeypatch
):
    out, watcher = tmp_path / "run", labs.Watcher()
    using(monkeypatch, {})
    interrupted(study, out, 2)
    using(monkeypatch, NEW)
    lesion.run(study, out, watcher=watcher)
    assert said(watcher) == [SAID]
    text = command("export", out, "--what", "trials").stdout
    found = pd.read_csv(io.StringIO(text), keep_default_na=False).set_index("draw")["versions"]
    old, new = "torch 9.1, numpy 3.4, lesion 1", "torch 9.2, numpy 3.5, lesion 1"
    assert found.tolist() == [old, old, new, new, new]


def test_each_of_several_versions_is_named_and_the_same_ones_are_not(study, tmp_path, monkeypatch):
    out, watcher = tmp_path / "run", labs.Watcher()
    for torch in ("9.1", "9.2", "9.2"):
        using(monkeypatch, {"torch": torch})
        interrupted(study, out, 1)
    using(monkeypatch, {"torch": "9.3"})
    with Record(out)._base as base:
        assert base.execute("SELECT COUNT(*) FROM versions").fetchone() == (2,)
    lesion.run(study, out, watcher=watcher)
    assert [note.partition(". ")[0] for note in said(watcher)] == [
        "This run goes on with torch 9.3 (before: 9.1, 9.2)"
    ]


def test_a_run_with_the_same_versions_and_one_that_is_finished_say_nothing(
    study, tmp_path, monkeypatch
):
    out, watcher = tmp_path / "run", labs.Watcher()
    interrupted(study, out, 2)
    lesion.run(study, out, watcher=watcher)
    using(monkeypatch, NEW)
    lesion.run(study, out, watcher=watcher)
    assert said(watcher) == []


def test_a_record_that_held_no_versions_of_trials_names_those_that_began_it(
    study, tmp_path, monkeypatch
):
    out, watcher = tmp_path / "run", labs.Watcher()
    using(monkeypatch, {})
    interrupted(study, out, 2)
    record = Record(out)
    record._base.executescript("DROP TABLE versions; DROP TABLE made_with;")
    record.close()
    assert set(Run(out).table("trials")["versions"]) == {""}
    using(monkeypatch, NEW)
    lesion.run(study, out, watcher=watcher)
    assert said(watcher) == [SAID]
    assert (Run(out).table("trials")["versions"] == "").sum() == 2


def test_an_empty_record_has_an_empty_table_of_trials(study, tmp_path):
    Record.open(tmp_path / "run", study).close()
    assert Run(tmp_path / "run").table("trials").empty

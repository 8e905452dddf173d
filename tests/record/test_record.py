import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pytest

from lesion.damage.receipt import Place, Receipt
from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.study.files import parse_study
from lesion.study.trials import INTACT, Trial, TrialResult

STUDY = {
    "name": "s", "models": [{"source": "a/b"}], "tasks": ["mrpc"], "lesions": [{}],
    "doses": [0, 1], "draws": 2,
}  # fmt: skip
TRIAL = Trial("b", 0, "mrpc", "random weights", 1.0, 1)
RECEIPT = Receipt(10, 10, 20, 2, "beef")
OUTPUTS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def record(tmp_path):
    return Record.open(tmp_path / "run", parse_study(STUDY))


def test_what_is_added_is_there_when_the_file_is_opened_again(record):
    record.add(TrialResult(TRIAL, RECEIPT, OUTPUTS, 0.5))
    again = Record(record.folder)
    assert again.done() == {TRIAL}
    assert np.array_equal(again.outputs(TRIAL), OUTPUTS)
    names, rows = again.rows("trials")
    assert dict(zip(names, rows[0], strict=True))["damage"] == "beef"
    assert again.study == record.study


def test_rows_do_not_depend_on_the_order_in_which_trials_finish(tmp_path):
    trials = [TRIAL, TRIAL._replace(draw=0), Trial("b", 0, "mrpc", INTACT, 0.0, 0)]
    tables = []
    for name, order in (("one", trials), ("two", trials[::-1])):
        record = Record.open(tmp_path / name, parse_study(STUDY))
        for trial in order:
            record.add(TrialResult(trial, RECEIPT, OUTPUTS, 1.0))
        tables.append(record.rows("trials"))
    assert tables[0] == tables[1]


def test_a_trial_cannot_be_added_twice(record):
    record.add(TrialResult(TRIAL, RECEIPT, OUTPUTS, 0.5))
    with pytest.raises(sqlite3.IntegrityError):
        record.add(TrialResult(TRIAL, RECEIPT, OUTPUTS + 1, 0.5))
    assert np.array_equal(record.outputs(TRIAL), OUTPUTS)


PLACES = (Place(0, "query", 0, "weight", 1000, 7), Place(None, "norms", 1, "bias", 12, 3))


def test_the_places_of_a_lesion_stand_in_the_record_once_and_each_trial_has_its_counts(record):
    doses = {0.0: (0, 0), 0.5: (255, 6), 1.0: (1000, 12)}
    for dose, counts in doses.items():
        places = tuple(
            place._replace(destroyed=count) for place, count in zip(PLACES, counts, strict=True)
        )
        receipt = replace(RECEIPT, places=places)
        record.add(TrialResult(TRIAL._replace(dose=dose), receipt, OUTPUTS, 0.5))
    (row,) = record.rows("places")[1]
    assert row[:3] == ("b", "mrpc", "random weights")
    assert json.loads(row[3]) == [[0, "query", 0, "weight", 1000], [None, "norms", 1, "bias", 12]]
    found = {trial.dose: tuple(counts) for trial, _, counts in Record(record.folder).by_site()}
    assert found == doses


def test_intact_trials_and_damage_to_texts_have_no_places(record):
    record.add(TrialResult(Trial("b", 0, "mrpc", INTACT, 0.0, 0), None, OUTPUTS, 0.5))
    record.add(TrialResult(TRIAL, RECEIPT, OUTPUTS, 0.5))
    assert list(record.by_site()) == record.rows("places")[1] == []


def test_a_lesion_that_reaches_other_places_than_before_is_refused_and_not_stored(record):
    record.add(TrialResult(TRIAL, replace(RECEIPT, places=PLACES), OUTPUTS, 0.5))
    other = replace(RECEIPT, places=PLACES[:1])
    with pytest.raises(LesionError) as caught:
        record.add(TrialResult(TRIAL._replace(draw=0), other, OUTPUTS, 0.5))
    assert str(caught.value) == (
        f"{record.folder}: the sites that random weights reaches in b on mrpc changed since this "
        "run began. Give another folder with --out."
    )
    assert record.done() == {TRIAL}


def test_a_trial_that_is_not_stored_leaves_no_places(record):
    record.add(TrialResult(TRIAL, RECEIPT, OUTPUTS, 0.5))
    with pytest.raises(sqlite3.IntegrityError):
        record.add(TrialResult(TRIAL, replace(RECEIPT, places=PLACES), OUTPUTS, 0.5))
    assert record.rows("places")[1] == []


def test_a_table_that_is_not_there_is_refused(record):
    with pytest.raises(LesionError) as caught:
        record.rows("trial")
    assert str(caught.value) == (
        "table must be one of models, tasks, trials, places, timings. Got 'trial'. "
        "Did you mean 'trials'?"
    )


def test_other_weights_under_the_same_name_are_refused(record):
    record.add_model("b", 0, "mrpc", "a/b", "cafe", "one")
    record.add_model("b", 0, "mrpc", "a/b", "cafe", "one")
    with pytest.raises(LesionError) as caught:
        record.add_model("b", 0, "mrpc", "a/b", "f00d", "two")
    assert str(caught.value) == (
        f"{record.folder}: b (seed 0) on mrpc: its weights changed since this run began "
        "(one -> two). Give another folder with --out."
    )


def test_an_outcome_that_is_not_there_is_a_key_error(record):
    with pytest.raises(KeyError):
        record.outputs(TRIAL)
    assert record.task("mrpc") is None


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(LesionError) as caught:
        Record(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: is not a run: it has no record.sqlite. Make one with lesion run."
    )


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "record.sqlite").write_text("not a database, just some text that is long enough")
    with pytest.raises(LesionError) as caught:
        Record(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'record.sqlite'}: is not a record of Lesion (file is not a database)."
    )


def test_a_record_of_a_newer_lesion_is_refused(record):
    base = sqlite3.connect(record.folder / "record.sqlite")
    with base:
        base.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    base.close()
    with pytest.raises(LesionError) as caught:
        Record(record.folder)
    assert str(caught.value) == (
        f"{record.folder / 'record.sqlite'}: has schema version 99; this Lesion reads 1 and 2. "
        "Read it with the Lesion that wrote it, or a newer one."
    )


def test_the_study_beside_the_record_is_the_resolved_one(record):
    from lesion.study.files import read_study

    assert read_study(record.folder / "study.yaml") == record.study


def test_other_comparisons_and_figures_of_the_same_scores_are_no_other_study(record):
    study = parse_study({
        **STUDY, "compare": {"metric": "mcc"}, "figures": {"metrics": ["cross_entropy"]},
    })  # fmt: skip
    again = Record.open(record.folder, study)
    assert again.study == study
    assert Record(record.folder).study.compare.metric == "mcc"
    assert Record(record.folder).study.figures.metrics == ("cross_entropy",)


def reading(folder):
    """A study whose lesions read two files of a folder; one lesion of a pair reads one again."""
    listed = {"name": "found", "order": "listed", "file": str(folder / "units.csv")}
    several = {"name": "both", "together": [{"units": "heads"}, {**listed, "name": "same"}]}
    words = {"distraction": "insert", "words": str(folder / "words.txt")}
    return parse_study({**STUDY, "lesions": [several, listed, words]})


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "units.csv").write_text("layer,part,unit\n0,mlp_in,3\n")
    (folder / "words.txt").write_text("sailor\nbird\n")
    return folder


@pytest.mark.parametrize(
    ("name", "use"),
    [("units.csv", "file of lesion both, same"), ("words.txt", "words of lesion insert")],
)
def test_a_file_of_a_lesion_that_changed_is_refused_and_named(tmp_path, files, name, use):
    Record.open(tmp_path / "run", reading(files)).close()
    before = (files / name).read_bytes()
    (files / name).write_bytes(before + b"\n")
    was, now = (blake2b(text, digest_size=16).hexdigest() for text in (before, before + b"\n"))
    with pytest.raises(LesionError) as caught:
        Record.open(tmp_path / "run", reading(files))
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: {files / name} ({use}) changed since this run began ({was} -> "
        f"{now}). Put it back as it was, or give another folder with --out."
    )
    (files / name).write_bytes(before)
    Record.open(tmp_path / "run", reading(files)).close()


def test_the_same_files_in_another_folder_are_the_same(tmp_path, files):
    Record.open(tmp_path / "run", reading(files)).close()
    moved = files.rename(tmp_path / "moved")
    Record.open(tmp_path / "run", reading(moved)).close()


def test_a_record_from_before_files_were_held_takes_them_as_they_are(tmp_path, files):
    with closing(Record.open(tmp_path / "run", reading(files))) as record:
        with sqlite3.connect(record.folder / "record.sqlite") as base:
            base.execute("DELETE FROM meta WHERE key = 'sources'")
        base.close()
    Record.open(tmp_path / "run", reading(files)).close()
    (files / "words.txt").write_text("town\n")
    with pytest.raises(LesionError, match="words of lesion insert"):
        Record.open(tmp_path / "run", reading(files))

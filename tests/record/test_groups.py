"""The columns of a run: stored with its tasks, else taken from the tasks themselves."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lesion
from lesion.analysis.from_record import load_responses
from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.results import Run
from lesion.study.files import parse_study
from lesion.tasks.load import load_task, task
from tests import labs

OLD = Path(__file__).parents[1] / "data" / "record-2"
LESIONS = [{"name": "weights"}]


def write_rows(path, examples=24):
    labs.write_pairs(path, examples)
    lines = path.read_text().splitlines()
    words = ["doc", *(f"d{n // 2}" for n in range(examples))]
    genres = ["genre", *("drama" if n % 2 else "comedy" for n in range(examples))]
    rows = zip(lines, words, genres, strict=True)
    path.write_text("".join("\t".join(cells) + "\n" for cells in rows))
    return path


@pytest.fixture
def value(tmp_path, tiny_bert):
    study = labs.study(tiny_bert, write_rows(tmp_path / "rows.tsv"), lesions=LESIONS, doses=[1])
    study["tasks"][0] |= {"cluster": "doc", "strata": "genre"}
    return study


def changed(value, **keys):
    return parse_study({**value, "tasks": [{**value["tasks"][0], **keys}]})


def forget(folder):
    """Make the record one of an earlier version."""
    with closing(sqlite3.connect(folder / "record.sqlite")) as base, base:
        base.execute("DROP TABLE columns")


def seen(folder, study=None):
    notes = []
    return load_responses(Record(folder), study, notes.append)[0], notes


def test_the_columns_of_a_run_are_in_its_record(value, tmp_path):
    lesion.run(parse_study(value), tmp_path / "run", workers=1)
    (tmp_path / "rows.tsv").unlink()
    found, notes = seen(tmp_path / "run")
    assert notes == []
    assert found.clusters.tolist() == [n // 2 for n in range(24)]
    assert found.strata.tolist() == [n % 2 for n in range(24)]
    assert set(found.columns) == {"label", "doc", "genre"}
    assert found.columns["doc"][:3] == ("d0", "d0", "d1")
    assert found.columns["label"] == tuple(found.classes[k] for k in found.labels)
    run = Run(tmp_path / "run")
    assert (run.analyses[0].examples, run.analyses[0].clusters) == (24, 12)
    assert run.summary()["clusters"].tolist() == [12]
    assert [finding.name for finding in run.analyses[0].diagnoses][-1] == "few clusters"


def test_columns_may_change_after_the_run_and_no_trial_is_run_again(value, tmp_path):
    lesion.run(parse_study(value), tmp_path / "run", workers=1)
    watcher = labs.Watcher()
    other = changed(value, cluster="genre", strata="none")
    run = lesion.run(other, tmp_path / "run", workers=1, watcher=watcher)
    assert watcher.prepared == [] and run.analyses[0].clusters == 2
    (tmp_path / "rows.tsv").unlink()
    assert seen(tmp_path / "run")[0].clusters.tolist() == [n % 2 for n in range(24)]
    alone = Run(tmp_path / "run", study=changed(value, cluster="none"))
    assert (alone.analyses[0].clusters, alone.notes) == (24, [])


def test_a_column_that_was_not_stored_is_read_from_the_task_or_noted(value, tmp_path):
    plain = changed(value, cluster=None, strata=None)
    lesion.run(plain, tmp_path / "run", workers=1)
    assert seen(tmp_path / "run")[0].clusters is None
    wanted = changed(value, strata=None)
    found, notes = seen(tmp_path / "run", wanted)
    assert found.clusters.max() == 11 and notes == []
    (tmp_path / "rows.tsv").unlink()
    found, notes = seen(tmp_path / "run", wanted)
    assert found.clusters is None
    assert notes == [
        "pairs: doc: not in the record, nor at hand. Its examples count as independent. "
        f"{tmp_path / 'rows.tsv'}: there is no such file."
    ]


def test_a_record_of_an_earlier_version_takes_columns_from_its_task(tmp_path):
    value = labs.study("twin/en-0", "unused", lesions=LESIONS, doses=[1], draws=1)
    value["tasks"] = [{"name": "agreement-en", "examples": 24}]
    lesion.run(value, tmp_path / "run", workers=1)
    new, notes = seen(tmp_path / "run")
    forget(tmp_path / "run")
    old, notes_of_old = seen(tmp_path / "run")
    assert notes == notes_of_old == []
    assert old.columns == new.columns
    assert np.array_equal(old.clusters, new.clusters) and old.clusters.max() > 1
    assert np.array_equal(old.strata, new.strata)
    lesion.run(value, tmp_path / "run", workers=1)  # goes on with it: columns are stored
    assert Record(tmp_path / "run").columns("agreement-en").grouping == ("verb", "construction")


def test_an_old_record_opens_with_clusters_where_its_task_is_still_the_same(tmp_path):
    folder = Path(shutil.copytree(OLD, tmp_path / "old"))
    found, notes = seen(folder)
    task_now = load_task(Record(folder).study.tasks[0])
    names, rows = Record(folder).rows("tasks")
    same = task_now.digest == rows[0][names.index("digest")]
    assert (found.clusters is not None, notes == []) == (same, same)
    assert "label" in found.columns
    assert same or notes[0].startswith("agreement-en: verb, construction: not in the record")


def test_a_task_with_one_cluster_counts_its_examples_as_independent(value, tmp_path):
    path = tmp_path / "rows.tsv"
    text = path.read_text()
    for n in range(12):
        text = text.replace(f"\td{n}\t", "\tall\t")
    path.write_text(text)
    lesion.run(parse_study(value), tmp_path / "run", workers=1)
    run = Run(tmp_path / "run")
    assert run.analyses[0].clusters == 24
    assert run.notes == [
        "pairs: all examples have the same doc, so that clusters cannot be resampled. They count "
        "as independent."
    ]
    assert run.as_json()["notes"] == run.notes


def test_clusters_of_rows_in_python_are_stored_with_the_run(tmp_path, tiny_bert):
    rows = [{"s": f"the cat {n}", "y": "ab"[n % 2], "doc": n // 4} for n in range(24)]
    made = task(rows, "rows", text="s", label="y", cluster="doc")
    value = labs.study(tiny_bert, "unused", lesions=LESIONS, doses=[1], tasks=[made])
    run = lesion.run(value, tmp_path / "run", workers=1)
    assert run.analyses[0].clusters == 6
    assert Run(tmp_path / "run").analyses[0].clusters == 6


def test_a_run_goes_on_only_with_columns_that_there_are(value, tmp_path):
    lesion.run(parse_study(value), tmp_path / "run", workers=1)
    with pytest.raises(LesionError, match="there is no column 'docs'"):
        lesion.run(changed(value, cluster="docs"), tmp_path / "run", workers=1)
    study = changed(value, cluster="docs", strata=None)
    _, notes = seen(tmp_path / "run", replace(study))
    assert "there is no column 'docs'" in notes[0]

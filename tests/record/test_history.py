"""What decides conclusions and was changed after the data is told, with its time and trials."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import lesion
from lesion.record.record import Record
from lesion.results import Run
from lesion.study.comparison import Compare
from lesion.study.files import parse_study
from lesion.tasks.metrics import Metric
from tests import labs
from tests.test_cli import lesion as command

MARGIN = r"compare\.margin changed from 0\.05 to 0\.02 after 13 trials \(\d{4}-\d\d-\d\d\)\."


@pytest.fixture
def study(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    changes = {"draws": 3, "compare": {"margin": 0.05}}
    return parse_study(labs.study(tiny_bert, data, **changes))


def with_compare(study, **keys):
    return replace(study, compare=replace(study.compare, **keys))


def test_a_margin_that_changed_after_the_data_is_told_by_show_report_and_json(study, tmp_path):
    out = tmp_path / "run"
    lesion.run(study, out).close()
    lesion.run(with_compare(study, margin=0.02), out).close()
    lines = command("show", out).stdout.splitlines()
    assert [line for line in lines if re.fullmatch(MARGIN, line)]
    assert [line for line in lines if line.startswith("Not as registered")]
    assert re.search(MARGIN, command("report", out).stderr)
    shown = json.loads(command("show", out, "--json").stdout)
    (change,) = shown["history"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", change.pop("at"))
    assert change == {"key": "compare.margin", "before": 0.05, "after": 0.02, "trials": 13}
    assert shown["registered"]["departures"] == [
        {"key": "compare.margin", "before": 0.05, "after": 0.02}
    ]


def test_a_run_that_was_not_changed_is_as_registered(study, tmp_path):
    out = tmp_path / "run"
    lesion.run(study, out).close()
    digest = lesion.register(study).digest
    assert f"As registered (digest {digest})." in command("show", out).stdout
    lesion.run(study, out).close()
    with Run(out) as run:
        assert run.record.registered() == digest
        assert (run.history, run.departures) == ([], [])


def test_a_margin_that_was_changed_back_is_as_registered_with_both_changes(study, tmp_path):
    out = tmp_path / "run"
    for margin in (0.05, 0.02, 0.05):
        Record.open(out, with_compare(study, margin=margin)).close()
    with Run(out) as run:
        assert [(c.before, c.after, c.trials) for c in run.history] == [
            (0.05, 0.02, 0), (0.02, 0.05, 0)
        ]  # fmt: skip
        assert run.departures == []


def test_what_is_only_drawn_and_where_files_lie_leave_no_history(study, tmp_path, tiny_bert):
    out = tmp_path / "run"
    Record.open(out, study).close()
    (tmp_path / "moved").mkdir()
    moved = labs.write_pairs(tmp_path / "moved" / "pairs.tsv")
    other = labs.study(tiny_bert, moved, draws=3, compare={"margin": 0.05})
    Record.open(out, parse_study(other | {"figures": {"metrics": ["mcc"]}})).close()
    with Run(out) as run:
        assert run.study.figures.metrics == ("mcc",)
        assert (run.history, run.departures) == ([], [])


def test_the_history_of_an_earlier_record_begins_when_it_is_next_written(study, tmp_path):
    out = tmp_path / "run"
    lesion.run(study, out).close()
    record = Record(out)
    record._base.executescript("DROP TABLE history; DELETE FROM meta WHERE key = 'registered';")
    record.close()
    with Run(out) as run:
        assert (run.history, run.record.registered()) == ([], None)
    assert "egistered" not in command("show", out).stdout
    Record.open(out, with_compare(study, margin=0.02)).close()
    with Run(out) as run:
        assert [(c.key, c.trials) for c in run.history] == [("compare.margin", 13)]


def test_a_key_that_came_with_a_later_version_is_no_change_but_a_change_of_it_is(study, tmp_path):
    out = tmp_path / "run"
    record = Record.open(out, study)
    row = json.loads(record._base.execute("SELECT document FROM history").fetchone()[0])
    del row["compare.dose"]
    with record._base:
        record._base.execute("UPDATE history SET document = ?", (json.dumps(row),))
    record.close()
    Record.open(out, study).close()
    with Run(out) as run:
        assert (run.history, run.departures) == ([], [])
    Record.open(out, with_compare(study, dose=0.3)).close()
    with Run(out) as run:
        assert [(c.key, c.before, c.after) for c in run.history] == [("compare.dose", None, 0.3)]
        assert [c.key for c in run.departures] == ["compare.dose"]


def test_a_metric_from_python_is_noted_as_one_without_history(study, tmp_path):
    own = Metric("half", "half", "correct", np.asarray, None)
    Record.open(tmp_path / "run", study).close()
    with Run(tmp_path / "run", replace(study, compare=Compare(metric=own))) as run:
        assert [(c.key, c.before, c.after) for c in run.unrecorded] == [
            ("compare.margin", 0.05, None), ("compare.metric", None, "half")
        ]  # fmt: skip

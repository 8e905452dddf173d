"""A record holds the damage done by every trial and the reach of its lesions."""

import json

import numpy as np
import pytest

import lesion
from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.results import Run
from lesion.study.files import parse_study
from tests import labs
from tests.test_cli import lesion as command

LESIONS = [
    {"name": "weights", "units": "weights"},
    {"name": "bits", "units": "bits", "bits": "exponent", "where": {"parts": ["query"]}},
    {"name": "typos", "distraction": "swap"},
]
PLACES = 3 * 6 * 2  # layers, parts, tensors


@pytest.fixture(scope="module")
def study(tmp_path_factory, tiny_bert):
    data = labs.write_pairs(tmp_path_factory.mktemp("data") / "pairs.tsv")
    return parse_study(labs.study(tiny_bert, data, lesions=LESIONS, doses=[0.3, 1]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, study):
    folder = tmp_path_factory.mktemp("finished") / "run"
    lesion.run(study, folder).close()
    return folder


def stored(folder):
    record = Record(folder)
    try:
        return record.norms(), record.reach()
    finally:
        record.close()


def test_every_damaged_trial_has_its_norms_and_every_lesion_of_units_its_reach(finished):
    norms, reach = stored(finished)
    assert len(norms) == 3 * 2 * 2
    for trial, of in norms.items():
        if trial.lesion == "weights":
            assert len(of.places) == PLACES
            assert of.whole == pytest.approx(1 if trial.dose == 1 else np.sqrt(0.3), rel=0.05)
        if trial.lesion == "typos":
            assert of == (0, ())
    assert {lesion for _, _, lesion in reach} == {"weights", "bits"}


def test_exponents_that_are_flipped_leave_norms_that_are_no_nan(finished):
    norms, _ = stored(finished)
    far = [of.whole for trial, of in norms.items() if trial.lesion == "bits"]
    assert len(far) == 4
    assert all(norm > 500 for norm in far)  # inf where a number is no longer finite


def test_a_run_that_was_interrupted_has_the_norms_of_one_that_was_not(study, finished, tmp_path):
    out = tmp_path / "run"
    for after in (2, 5):
        with pytest.raises(KeyboardInterrupt):
            lesion.run(study, out, watcher=labs.crash_after(after))
    lesion.run(study, out, workers=2).close()
    (norms, reach), (whole, whole_reach) = stored(out), stored(finished)
    assert reach == whole_reach
    for trial in whole:
        assert norms[trial] == whole[trial], trial
    assert stored(out) == stored(finished)


def test_tables_and_json_show_damage_done_and_reach(finished):
    with Run(finished) as run:
        curves, summary = run.curves(), run.summary().set_index("lesion")
        sites, trials = run.table("sites"), run.table("trials")
        shown = run.as_json()
    done = curves.set_index(["lesion", "dose"])["damage_done"]
    assert done["weights", 0] == done["typos", 1] == 0
    assert done["weights", 1] == pytest.approx(1)
    weights = trials[(trials["lesion"] == "weights") & (trials["dose"] == 0.3)]
    assert done["weights", 0.3] == pytest.approx(weights["damage_done"].mean())
    assert (trials.loc[trials["lesion"] == "", "damage_done"] == 0).all()
    whole = sites[(sites["lesion"] == "weights") & (sites["dose"] == 1)]
    assert whole["relative_norm"].tolist() == pytest.approx([1] * len(whole))
    row = summary.loc["weights"]
    assert row["reach"] == pytest.approx(row["selected_parameters"] / row["model_parameters"])
    assert np.isnan(summary.loc["typos", "reach"])
    assert shown["summary"][0]["selected_parameters"] == row["selected_parameters"]
    assert shown["curves"][0]["damage_done"] == 0


def test_the_report_draws_curves_over_the_damage_done(finished):
    drawn = command("report", finished, "--over", "damage")
    assert drawn.returncode == 0, drawn.stderr
    assert "pairs-over-damage.svg" in drawn.stdout
    svg = (finished / "figures" / "pairs-over-damage.svg").read_text(encoding="utf-8")
    assert "damage done" in svg
    assert "typos" not in svg


def test_a_study_may_draw_its_curves_over_damage_without_another_fingerprint(study, finished):
    over = parse_study({**study.document, "figures": {"over": "damage"}})
    assert over.fingerprint() == study.fingerprint()
    with Run(finished, over) as run:
        assert any(path.name == "pairs-over-damage.png" for path in run.write_report())
        with pytest.raises(LesionError, match="over: must be one of dose, damage"):
            run.write_report(over="time")


def test_an_earlier_record_has_none_and_is_read(finished, tmp_path, study):
    out = tmp_path / "run"
    lesion.run(study, out).close()
    record = Record(out)
    record._base.executescript("DROP TABLE norms; DROP TABLE reach;")
    record.close()
    assert stored(out) == ({}, {})
    with Run(out) as run:
        assert run.table("trials")["damage_done"].isna().sum() == 3 * 2 * 2
        assert run.table("sites")["relative_norm"].isna().all()
    shown = json.loads(command("show", out, "--json").stdout)
    assert shown["curves"][1]["damage_done"] == "nan"
    refused = command("report", out, "--over", "damage")
    assert (refused.returncode, "no damage done" in refused.stderr) == (2, True)

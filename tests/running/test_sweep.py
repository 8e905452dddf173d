import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from transformers import AutoTokenizer

import lesion
from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.record.record import Record
from lesion.report.preview import preview_lines
from lesion.running import worker
from lesion.running.check import preview
from lesion.schema import to_mapping
from lesion.scoring.scorer import Scorer
from lesion.study.files import parse_study
from lesion.study.trials import INTACT, Trial
from lesion.tasks.examples import PairSet, Split
from lesion.tasks.load import load_task
from lesion.tasks.spec import TaskSpec
from tests import labs


@pytest.fixture
def small(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    return parse_study(labs.study(tiny_bert, data))


def rows(run) -> list:
    return run.record.rows("trials")[1]


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_xlm"])
def test_every_trial_is_what_the_lesion_and_the_scorer_give_alone(fixture, tmp_path, request):
    folder = request.getfixturevalue(fixture)
    study = parse_study(labs.study(folder, labs.write_pairs(tmp_path / "pairs.tsv")))
    run = lesion.run(study, tmp_path / "run")
    assert run.progress() == (1 + 2 * 3 + 3,) * 2
    model, task = load_model(str(folder)), load_task(study.tasks[0])
    score = Scorer(model, AutoTokenizer.from_pretrained(folder), task)
    intact = run.record.outputs(Trial("tiny", 0, "pairs", INTACT, 0.0, 0))
    assert np.array_equal(intact, score())
    cut = Lesion(name="weights", seed=study.seed)
    with cut.applied(model, 0.6, draw=1) as receipt:
        alone = score()
    assert np.array_equal(run.record.outputs(Trial("tiny", 0, "pairs", "weights", 0.6, 1)), alone)
    names, found = run.record.rows("trials")
    damage = [dict(zip(names, row, strict=True)) for row in found]
    (kept,) = [r for r in damage if (r["lesion"], r["dose"], r["draw"]) == ("weights", 0.6, 1)]
    assert kept["damage"] == receipt.digest
    assert kept["destroyed"] == kept["asked"] == receipt.destroyed


def test_an_interrupted_run_ends_up_equal_to_an_uninterrupted_one(small, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lesion.run(small, tmp_path / "broken", watcher=labs.crash_after(4))
    assert lesion.Run(tmp_path / "broken").progress() == (4, 10)
    resumed = lesion.run(small, tmp_path / "broken")
    assert rows(resumed) == rows(lesion.run(small, tmp_path / "whole"))


def test_a_finished_run_runs_nothing_again(small, tmp_path, monkeypatch):
    lesion.run(small, tmp_path / "run")
    monkeypatch.setattr(worker, "prepare", lambda *a, **k: pytest.fail("prepared again"))
    lesion.run(small, tmp_path / "run")


def test_a_changed_study_is_refused_with_the_difference(small, tmp_path):
    lesion.run(small, tmp_path / "run")
    with pytest.raises(LesionError) as caught:
        lesion.run(replace(small, draws=3), tmp_path / "run")
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: holds a run of another study. Changed:\n  draws: 2 -> 3\n"
        "Give another folder with --out, or restore the study."
    )


def test_changed_data_under_the_same_name_is_refused(small, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lesion.run(small, tmp_path / "run", watcher=labs.crash_after(1))
    labs.write_pairs(tmp_path / "pairs.tsv", examples=20)
    with pytest.raises(LesionError, match="pairs: its examples changed since this run began"):
        lesion.run(small, tmp_path / "run")


def test_the_sweep_touches_no_global_generator(small, tmp_path, untouched_randomness):
    lesion.run(small, tmp_path / "run")


def test_a_head_for_other_classes_is_refused(small, tmp_path):
    text = (tmp_path / "pairs.tsv").read_text().replace("\tno\n", "\tperhaps\n", 1)
    (tmp_path / "pairs.tsv").write_text(text)
    with pytest.raises(LesionError) as caught:
        lesion.run(small, tmp_path / "run")
    assert str(caught.value) == (
        f"{small.models[0].source}: its head has 2 classes, but pairs has 3 (no, perhaps, yes). "
        "Choose a checkpoint of this task, or give the study a finetune section."
    )


def test_a_distraction_is_swept_like_a_lesion_and_leaves_no_trace(tmp_path, tiny_bert):
    (tmp_path / "words.txt").write_text("sailor\nbird\nhouse\n")
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesions = [
        {"name": "noise words", "distraction": "insert", "words": str(tmp_path / "words.txt")},
        {"name": "weights", "units": "weights"},
    ]
    run = lesion.run(parse_study(labs.study(tiny_bert, data, lesions=lesions)), tmp_path / "run")
    names, found = run.record.rows("trials")
    trials = [dict(zip(names, row, strict=True)) for row in found]
    inserted = [one for one in trials if one["lesion"] == "noise words"]
    assert len({one["outputs"] for one in inserted}) == len(inserted) == 6
    words = 24 * (7 + 7)  # of every example's two sentences
    assert {one["units"] for one in inserted} == {words}
    alone = lesion.run(
        parse_study(labs.study(tiny_bert, data, lesions=lesions[1:])), tmp_path / "alone"
    )
    kept = [row for row, one in zip(found, trials, strict=True) if one["lesion"] != "noise words"]
    assert kept == rows(alone)


def test_a_lesion_may_have_doses_of_its_own(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    noise = {"name": "n", "effect": "noise", "dose_is": "strength", "doses": [0, 0.5, 4]}
    study = parse_study(labs.study(tiny_bert, data, lesions=[noise, {"name": "w"}]))
    run = lesion.run(study, tmp_path / "run")
    assert [a.doses.tolist() for a in run.analyses] == [[0, 0.5, 4], [0, 0.3, 0.6, 1]]


@pytest.mark.parametrize("kind", ["classify", "pairs"])
def test_a_run_that_began_with_the_first_examples_goes_on_with_them(
    kind, small, tmp_path, tiny_bert, monkeypatch
):
    if kind == "pairs":
        (tmp_path / "minimal.tsv").write_text("".join(f"a {n}\tb {n}\n" for n in range(24)))
        task = TaskSpec("pairs", "pairs", file=str(tmp_path / "minimal.tsv"), examples=8)
    else:
        task = small.tasks[0].with_keys(examples=8)
    (spec,) = parse_study({**labs.study(tiny_bert, tmp_path), "tasks": [to_mapping(task)]}).tasks
    before, now = load_task(spec), load_task(spec)
    record = Record.open(tmp_path / "run", small)
    assert record.as_begun({"pairs": now}) == {"pairs": now}, "a run that begins takes a sample"
    with monkeypatch.context() as patch:
        patch.setattr(Split, "sample", lambda split, n, name: split.first(n))
        patch.setattr(PairSet, "sample", lambda pairs, n, name: pairs.first(n))
        record.add_task(before)
        was = before.digest
    assert was != now.digest
    found = record.as_begun({"pairs": now})["pairs"]
    assert found.digest == was and (found.targets == before.targets).all()
    record.add_task(found)
    other = load_task(spec.with_keys(examples=7))
    with pytest.raises(LesionError) as caught:
        record.add_task(record.as_begun({"pairs": other})["pairs"])
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: pairs: its examples changed since this run began ({was} -> "
        f"{other.digest}). Give another folder with --out."
    )


def test_rows_that_were_left_out_are_noted_in_a_run_and_in_check(small, tmp_path):
    text = (tmp_path / "pairs.tsv").read_text()
    (tmp_path / "pairs.tsv").write_text(text + "the cat sat .\t\tyes\n")
    study = replace(small, tasks=(small.tasks[0].with_keys(missing="drop"),))
    watcher = labs.Watcher()
    lesion.run(study, tmp_path / "run", watcher=watcher)
    note = (
        f"pairs: left out 1 of 25 lines of {tmp_path / 'pairs.tsv'} that lack a value "
        "(missing: drop)."
    )
    assert note in watcher.notes
    assert note in preview_lines(preview(study))


def test_a_note_is_passed_on_once_however_many_rounds_there_are(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = labs.study(tiny_bert, data, draws={"from": 3, "to": 5, "until": 1e-9})
    value["tasks"][0]["max_length"] = 10
    watcher = labs.Watcher()
    lesion.run(parse_study(value), tmp_path / "run", watcher=watcher)
    assert watcher.notes == [
        "tiny on pairs: its head only numbers its classes (LABEL_0, LABEL_1), so their order is "
        "assumed to be that of the task (no, yes).",
        "pairs: 100.0% of the examples are longer than max_length 10 and are cut for tiny.",
    ]


def test_an_intact_score_is_worded_only_for_a_watcher_that_wants_it(small, tmp_path, monkeypatch):
    from lesion.analysis import first_look

    class Reader(labs.Watcher):
        sentences = ()

        def intact(self, sentence):
            self.sentences = (*self.sentences, sentence())

    watcher = Reader()
    lesion.run(small, tmp_path / "run", watcher=watcher)
    (sentence,) = watcher.sentences
    assert sentence.startswith(("tiny (seed 0): intact accuracy 0.", "Warning: tiny (seed 0) "))
    monkeypatch.setattr(first_look, "intact_summary", lambda *a: pytest.fail("worded"))
    lesion.run(small, tmp_path / "quiet")


def test_a_record_is_opened_once_to_run_and_once_to_read_and_is_closed(
    small, tmp_path, monkeypatch
):
    opened = []
    begin = Record.__init__
    monkeypatch.setattr(
        Record, "__init__", lambda record, folder: opened.append(record) or begin(record, folder)
    )
    with lesion.run(small, tmp_path / "run", watcher=labs.Watcher()) as run:
        assert run.progress() == (10, 10)
    assert len(opened) == 2
    for record in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            record.done()

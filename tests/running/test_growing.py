"""Runs that add examples and fine-tuning seeds: what is scored, appended, resumed and analysed."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import lesion
from lesion.analysis import health
from lesion.damage.receipt import Receipt
from lesion.errors import LesionError
from lesion.models.recipes import Finetuning
from lesion.record.record import Record
from lesion.running import rounds
from lesion.schema import Growing
from lesion.study.comparison import Draws
from lesion.study.files import parse_study, write_study
from lesion.study.trials import INTACT, Part, Trial, TrialResult
from tests import labs


@pytest.fixture(autouse=True)
def learned(monkeypatch):
    """A random model never learned; these tests are about what is run for one that did."""
    monkeypatch.delitem(health.DIAGNOSES, "never learned")


@pytest.fixture
def small(tmp_path, tiny_bert):
    value = labs.study(
        tiny_bert,
        labs.write_pairs(tmp_path / "pairs.tsv", 96),
        lesions=[{"name": "weights"}, {"name": "pruning", "order": "magnitude"}],
        draws={"from": 3, "to": 6, "until": 0.001},
        doses=[0, 0.5, 1],
    )
    value["tasks"][0]["examples"] = {"from": 24, "to": 80}
    return parse_study(value)


def rows(run) -> list:
    return run.record.rows("trials")[1]


def test_trials_get_more_examples_and_the_table_has_those_of_all(small, tmp_path):
    run = lesion.run(small, tmp_path / "run")
    scored = run.record.scored()
    assert set(scored) == run.record.done()
    assert {n for trial, n in scored.items() if trial.lesion != "pruning"} == {80}
    assert len(run.record.task("pairs")["labels"]) == 80
    analyses = {each.lesion: each for each in run.analyses}
    assert analyses["weights"].examples == 80
    assert run.progress() == (len(scored), len(scored))
    assert len(run.table("examples")) == sum(scored.values())
    assert len(run.table("scores")) == len(scored)
    assert rounds.missing(run.study, run.record) == []


def test_rounds_ask_only_for_the_examples_that_are_missing(small, tmp_path):
    begun = list[dict[Trial, Part]]()

    class Watcher(labs.Watcher):
        def begin(self, trials):
            with Record(tmp_path / "run") as record:
                begun.append(next(r.parts for r in rounds.rounds(small, record) if r.trials))

    Record.__enter__ = lambda self: self
    Record.__exit__ = lambda self, *error: self.close()
    try:
        lesion.run(small, tmp_path / "run", watcher=Watcher())
    finally:
        del Record.__enter__, Record.__exit__
    first, second, *_ = begun
    assert set(first.values()) == {Part(0, 24)}
    old = {part for trial, part in second.items() if trial in first}
    new = {part for trial, part in second.items() if trial not in first}
    assert old == {Part(24, 48)}
    assert new <= {Part(0, 48)}


def test_parts_are_what_the_same_model_gives_for_all_examples_at_once(small, tmp_path):
    grown = lesion.run(small, tmp_path / "run").record
    once = replace(
        small, tasks=(small.tasks[0].with_keys(examples={"from": 80, "to": 80}),),
        draws=Draws(3, 3, 9.0),
    )  # fmt: skip
    at_once = lesion.run(once, tmp_path / "once").record
    for trial in sorted(at_once.done() & grown.done()):
        found, wanted = grown.outputs(trial), at_once.outputs(trial)
        assert np.allclose(found, wanted[: len(found)], rtol=0, atol=1e-5)
    damage = [{row[:6]: row[6:11] for row in each.rows("trials")[1]} for each in (grown, at_once)]
    assert all(damage[0][key] == damage[1][key] for key in damage[1]), "the damage is the same"


@pytest.mark.parametrize("after", [2, 30])
def test_an_interrupted_run_ends_up_equal_to_an_uninterrupted_one(small, tmp_path, after):
    with pytest.raises(KeyboardInterrupt):
        lesion.run(small, tmp_path / "broken", watcher=labs.crash_after(after))
    done, total = lesion.Run(tmp_path / "broken").progress()
    assert done < total
    resumed = lesion.run(small, tmp_path / "broken")
    assert rows(resumed) == rows(lesion.run(small, tmp_path / "whole"))


def test_a_killed_run_keeps_whole_parts_and_goes_on(small, tmp_path):
    """kill -9 in the middle of the round that appends."""
    (tmp_path / "study.yaml").write_text(write_study(small))
    code = f"""
import os, lesion
from lesion.analysis import health
from tests import labs
del health.DIAGNOSES["never learned"]
kill = labs.Watcher(30, lambda: os.kill(os.getpid(), 9))
lesion.run({str(tmp_path / "study.yaml")!r}, {str(tmp_path / "killed")!r}, watcher=kill)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, env={**os.environ})
    assert ended.returncode == -9
    killed = Record(tmp_path / "killed")
    sizes = set(killed.scored().values())
    assert len(sizes) > 1, "some trials have their second part"
    assert sizes <= {24, 48, 80}
    killed.close()
    resumed = lesion.run(small, tmp_path / "killed")
    assert rows(resumed) == rows(lesion.run(small, tmp_path / "whole"))


def test_any_number_of_workers_makes_the_same_record(small, tmp_path):
    alone, several = (lesion.run(small, tmp_path / str(n), workers=n) for n in (1, 2))
    assert rows(alone) == rows(several)
    assert alone.as_json()["curves"] == several.as_json()["curves"]


def test_a_table_of_an_interrupted_run_uses_the_examples_that_all_its_trials_have(small, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lesion.run(small, tmp_path / "run", watcher=labs.crash_after(12))
    run = lesion.Run(tmp_path / "run")
    assert len(set(run.record.scored().values())) > 1
    (weights,) = [each for each in run.analyses if each.lesion == "weights"]
    assert weights.examples == 24


def test_a_distraction_is_extended_too(small, tmp_path):
    lesions = parse_study(
        {**small.document, "lesions": [{"name": "drop", "distraction": "drop"}]}
    ).lesions
    study = replace(small, lesions=lesions)
    run = lesion.run(study, tmp_path / "run")
    assert max(run.record.scored().values()) == 80
    once = replace(study, tasks=(study.tasks[0].with_keys(examples={"from": 80, "to": 80}),))
    at_once = lesion.run(once, tmp_path / "once").record
    shared = sorted(at_once.done() & run.record.done())
    assert len(shared) > 3
    for trial in shared:
        found, wanted = run.record.outputs(trial), at_once.outputs(trial)
        assert np.allclose(found, wanted[: len(found)], rtol=0, atol=1e-5)


def test_a_part_under_other_damage_is_refused(small, tmp_path):
    record = Record.open(tmp_path / "run", small)
    trial = Trial("tiny", 0, "pairs", "weights", 0.5, 0)
    receipt = Receipt(3, 3, 6, 1, "0" * 32)
    record.add(TrialResult(trial, receipt, np.zeros((24, 2)), 1.0))
    other = TrialResult(trial, replace(receipt, digest="1" * 32), np.zeros((24, 2)), 1.0, start=24)
    with pytest.raises(LesionError, match="destroys other units than it did for the first 24 ex"):
        record.add(other)
    assert record.scored() == {trial: 24}
    record.add(TrialResult(trial, receipt, np.ones((10, 2)), 1.0, start=24))
    assert record.scored() == {trial: 34}
    assert record.outputs(trial).sum() == 20
    assert len(record.rows("timings")[1]) == 2


def test_there_may_be_fewer_examples_than_the_study_allows(small, tmp_path):
    many = replace(small, tasks=(small.tasks[0].with_keys(examples={"from": 24, "to": 5000}),))
    run = lesion.run(many, tmp_path / "run")
    assert max(run.record.scored().values()) == 96


def test_seeds_are_added_as_needed(small, tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    recipe = Finetuning(seeds=Growing(2, 3), epochs=0.5, batch_size=16)
    study = replace(
        small, finetune=recipe, lesions=small.lesions[:1], draws=Draws(3, 3, 0.001),
        tasks=(small.tasks[0].with_keys(examples=24),), doses=(0.5,),
    )  # fmt: skip
    assert study.seeds == (0, 1, 2)
    run = lesion.run(study, tmp_path / "run")
    assert run.record.training("pairs") == 96
    assert rounds._aim(study, run.record, "pairs", study.lesions[0]).seed_price == 3 * 0.5 * 96
    assert {trial.seed for trial in run.record.done()} == {0, 1, 2}
    assert [each.seeds for each in run.analyses] == [(0, 1, 2)]


def test_a_seed_that_is_not_finished_is_left_out_of_the_table(small, tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    recipe = Finetuning(seeds=Growing(2, 3), epochs=0.5, batch_size=16)
    study = replace(
        small, finetune=recipe, lesions=small.lesions[:1], draws=Draws(3, 3, 0.001),
        tasks=(small.tasks[0].with_keys(examples=24),), doses=(0.5,),
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        lesion.run(study, tmp_path / "run", watcher=labs.crash_after(10))
    run = lesion.Run(tmp_path / "run")
    assert {trial.seed for trial in run.record.done()} == {0, 1, 2}
    assert [each.seeds for each in run.analyses] == [(0, 1)]


def test_an_intact_model_has_the_examples_that_any_lesion_asks_for(small, tmp_path):
    run = lesion.run(small, tmp_path / "run")
    scored = run.record.scored()
    assert scored[Trial("tiny", 0, "pairs", INTACT, 0.0, 0)] == max(scored.values())

import contextlib
from dataclasses import replace

import pytest

import lesion
from lesion import cli
from lesion.analysis import health
from lesion.errors import LesionError
from lesion.running import rounds
from lesion.study.comparison import Draws
from lesion.study.files import parse_study, write_study
from tests import labs


@pytest.fixture
def small(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesions = [{"name": "weights"}, {"name": "pruning", "order": "magnitude"}]
    study = parse_study(labs.study(tiny_bert, data, lesions=lesions))
    doses = tuple(number / 50 for number in range(51))
    return replace(study, doses=doses, draws=Draws(3, 6, 0.001))


@pytest.fixture(autouse=True)
def learned(monkeypatch):
    """A random model never learned; these tests are about what is run for one that did."""
    monkeypatch.delitem(health.DIAGNOSES, "never learned")


def rows(run) -> list:
    return run.record.rows("trials")[1]


def test_a_study_says_from_to_and_until(small):
    assert (small.most_draws, rounds.adaptive(small)) == (6, True)
    assert rounds.aim_of(small, small.lesions[0])[1:5] == (3, 6, 0.001, "linear")
    assert rounds.aim_of(small, small.lesions[1])[1:5] == (1, 1, 0.001, "linear")
    assert not rounds.adaptive(replace(small, draws=5))
    assert small.notes() == [
        "pruning: its order is not random, so its 6 draws are one.",
        "Draws and doses are added as needed; trials are counted as if all of them were (6 draws "
        "each).",
    ]


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({"from": 5, "to": 40}, "study: draws.until: is required (half-width of the 95% interval "
         "of each difference of retained areas)."),
        ({"from": 5, "to": 3, "until": 0.1}, "study: draws: needs from <= to. Got 5 and 3."),
        ({"from": 5, "to": 9, "until": 0}, "study: draws: until must be above 0. Got 0."),
        ({"from": 1, "to": 9, "until": 0.1}, "study: draws.from: must be at least 3. Got 1."),
        ("many", "study: draws: must be a whole number. Got 'many'."),
    ],
)  # fmt: skip
def test_a_mistake_in_draws_is_told_with_its_place(tmp_path, tiny_bert, draws, message):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    with pytest.raises(LesionError) as caught:
        parse_study(labs.study(tiny_bert, data, draws=draws))
    assert str(caught.value) == message


def test_rounds_begin_coarse_and_end_with_a_complete_table(small, tmp_path):
    run = lesion.run(small, tmp_path / "run")
    first = rounds.aim_of(small, small.lesions[0])
    by_lesion = {one.lesion: one for one in run.analyses}
    weights, pruning = by_lesion["weights"], by_lesion["pruning"]
    assert set(rounds.first_grid(first).doses) <= set(weights.doses.tolist())
    assert len(weights.doses) * len(weights.draws) < 51 * 6
    assert len(pruning.draws) == 1
    done, total = run.progress()
    assert done == total == len(rows(run))
    table = sum((len(one.doses) - 1) * len(one.draws) for one in run.analyses)
    assert done == 1 + table


def test_an_interrupted_adaptive_run_ends_up_equal_to_an_uninterrupted_one(small, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lesion.run(small, tmp_path / "broken", watcher=labs.crash_after(40))
    broken = lesion.Run(tmp_path / "broken")
    done, total = broken.progress()
    assert done == 40 < total
    resumed = lesion.run(small, tmp_path / "broken")
    assert rows(resumed) == rows(lesion.run(small, tmp_path / "whole"))


def test_any_number_of_workers_comes_to_the_same_rounds_record_and_result(small, tmp_path):
    """Workers tell trials as they finish them; only what is planned next could depend on it."""
    few = replace(small, lesions=small.lesions[:1], doses=(0.25, 0.5, 0.75, 1.0))
    alone, several = (lesion.run(few, tmp_path / str(n), workers=n) for n in (1, 2))
    assert len(alone.analyses[0].draws) > few.draws.start  # there was a second round
    assert rows(several) == rows(alone)
    found, wanted = several.as_json(), alone.as_json()
    assert all(found[part] == wanted[part] for part in ("progress", "curves", "summary"))


def test_a_finished_adaptive_run_runs_nothing_again(small, tmp_path, monkeypatch):
    run = lesion.run(small, tmp_path / "run")
    assert rounds.missing(run.study, run.record) == []
    before = rows(run)
    assert rows(lesion.run(small, tmp_path / "run")) == before


def test_a_study_with_draws_as_needed_is_written_and_read_alike(small, tmp_path):
    lesion.run(replace(small, draws=Draws(3, 3, 9.0)), tmp_path / "run")
    again = lesion.Run(tmp_path / "run").study
    assert again.draws == Draws(3, 3, 9.0)
    text = (tmp_path / "run" / "study.yaml").read_text()
    assert "draws:\n  from: 3\n  to: 3\n  until: 9.0\n" in text


def test_an_adaptive_run_is_analysed_once_a_round_from_the_shell_too(small, tmp_path, monkeypatch):
    (tmp_path / "study.yaml").write_text(write_study(small))
    analysed = []
    next_grid = rounds.next_grid

    def counted(plan, responses, aim, *rest):
        analysed.append((plan, aim))
        return next_grid(plan, responses, aim, *rest)

    monkeypatch.setattr(rounds, "next_grid", counted)
    main = ["run", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "run"), "--quiet"]
    with contextlib.suppress(SystemExit):
        cli.main(main)
    assert len(analysed) > len(small.lesions), "there was a second round"
    assert len(set(analysed)) == len(analysed)


def test_a_watcher_gets_the_trials_of_each_round_and_those_that_are_missing(small, tmp_path):
    class Counter(labs.Watcher):
        begun, finished = (), 0

        def begin(self, trials):
            self.begun = (*self.begun, trials)

        def measured(self, measured):
            self.finished += 1

    watcher = Counter()
    run = lesion.run(small, tmp_path / "run", watcher=watcher)
    assert len(watcher.begun) > 1
    assert sum(watcher.begun) == watcher.finished == len(rows(run))
    nothing = Counter()
    lesion.run(small, tmp_path / "run", watcher=nothing)
    assert nothing.begun == ()

"""Who does what, and what happens when a worker dies: with workers made of paper."""

import numpy as np
import pytest

from lesion.errors import LesionError
from lesion.models.load import Checkpoint
from lesion.running.jobs import Agenda, Job
from lesion.running.messages import Began, Died, Failed, Finished, Found, Lost, Ready
from lesion.running.pool import Crew
from lesion.study.trials import Measured, Patient, Trial

VERSIONS = {"torch": "1"}
WEIGHTS = Checkpoint("a/b", "/weights", None, "beef")
DOSES = (0.5, 1.0)


def trials(*models: str, draws: int = 3) -> list[Trial]:
    return [
        Trial(model, 0, "t", "cut", dose, draw)
        for model in models
        for draw in range(draws)
        for dose in DOSES
    ]


class Paper:
    """A staff whose workers do one step each time they are heard; some die on the way.

    Args:
        dies: worker -> after how many steps; a worker's first step is to be ready.
    """

    advice = "Take fewer."

    def __init__(self, dies=None, versions=VERSIONS):
        self.dies, self.versions = dict(dies or {}), versions
        self.steps, self.hired, self.given, self.dismissed = {}, 0, [], False

    def hire(self):
        self.hired += 1
        self.steps[self.hired] = [Ready(self.versions)]
        return self.hired

    def give(self, hand, job):
        self.given.append((hand, job))
        if job.checkpoint is None:
            self.steps[hand] = [Began(job.patient), Found(job.patient, WEIGHTS), Finished()]
            return
        done = [Measured(trial, None, np.zeros((1, 1)), 0.0) for trial in job.trials]
        self.steps[hand] = [*done, Finished()]

    def hear(self, hands):
        assert hands, "nobody to wait for"
        return [(hand, self._step(hand)) for hand in hands]

    def _step(self, hand):
        self.dies[hand] = self.dies.get(hand, -1) - 1
        return Died("was hit") if self.dies[hand] == -1 else self.steps[hand].pop(0)


def run(staff, wanted, wanted_trials):
    """All that is told while an agenda is worked off."""
    told = []
    agenda = Agenda(wanted_trials, {})

    def tell(event):
        told.append(event)
        if isinstance(event, Found):
            agenda.found(*event)

    Crew(staff, wanted, VERSIONS).work(agenda, tell)
    return told


def measured(told):
    return [event.trial for event in told if isinstance(event, Measured)]


def test_one_worker_does_everything_in_the_order_of_the_study():
    asked = trials("m", "n")
    assert measured(run(Paper(), 1, asked)) == asked


def test_several_workers_do_every_trial_once_and_look_for_weights_once():
    asked = trials("m", "n")
    staff = Paper()
    told = run(staff, 3, asked)
    assert sorted(measured(told)) == sorted(asked)
    assert [event.patient.model for event in told if isinstance(event, Found)] == ["m", "n"]
    assert staff.hired == 3
    assert len({hand for hand, job in staff.given}) == 3


def test_nobody_is_hired_who_would_have_nothing_to_do():
    staff = Paper()
    run(staff, 8, trials("m", draws=2))
    assert staff.hired == 2


@pytest.mark.parametrize("step", range(8))
def test_a_worker_that_dies_at_any_step_costs_nothing_that_it_had_told(step):
    asked = trials("m", "n")
    staff = Paper(dies={2: step})
    told = run(staff, 2, asked)
    assert sorted(measured(told)) == sorted(asked)
    assert len([event for event in told if isinstance(event, Lost)]) == 1
    assert staff.hired == 3


def test_only_what_was_not_told_is_done_again():
    staff = Paper(dies={1: 5})  # ready, began, found, finished, one dose, dead
    told = run(staff, 1, trials("m", draws=1))
    assert staff.given[-1] == (2, Job(Patient("m", 0, "t"), WEIGHTS, "cut", 0, (trials("m")[1],)))
    (lost,) = [event for event in told if isinstance(event, Lost)]
    assert (lost.cause, str(lost.job)) == ("was hit", "m (seed 0) on t, cut, draw 0")


def test_a_draw_that_kills_its_workers_again_and_again_is_an_error():
    staff = Paper(dies={1: 5, 2: 1, 3: 1})
    with pytest.raises(LesionError) as caught:
        run(staff, 1, trials("m", draws=1))
    assert str(caught.value) == (
        "--workers: workers die on m (seed 0) on t, cut, draw 0: 3 did, and the last one was hit. "
        "What is finished is kept. Take fewer."
    )


def test_workers_that_die_while_they_start_are_an_error():
    with pytest.raises(LesionError) as caught:
        run(Paper(dies=dict.fromkeys(range(9), 0)), 2, trials("m"))
    assert str(caught.value) == (
        "--workers: workers die while they start: 3 did, and the last one was hit. What is "
        "finished is kept. Take fewer."
    )


@pytest.mark.parametrize("by_user", [True, False])
def test_what_no_worker_can_do_ends_the_run(by_user):
    class Failing(Paper):
        def give(self, hand, job):
            self.steps[hand] = [Failed("no such model", by_user)]

    with pytest.raises(LesionError if by_user else RuntimeError) as caught:
        run(Failing(), 2, trials("m"))
    assert str(caught.value) == ("no such model" if by_user else "in a worker:\nno such model")


def test_workers_of_other_versions_are_refused():
    with pytest.raises(LesionError) as caught:
        run(Paper(versions={"torch": "2"}), 1, trials("m"))
    assert str(caught.value) == (
        "--engine: a worker runs torch 2, but this process torch 1. Scores of one record come "
        "from one set of versions: install the same on every node."
    )


def test_a_second_round_needs_no_new_workers_and_no_second_search_for_weights():
    staff, weights, told = Paper(), {}, []
    crew = Crew(staff, 2, VERSIONS)
    for draws in (2, 4):
        agenda = Agenda(trials("m", draws=draws), weights)

        def tell(event, agenda=agenda):
            told.append(event)
            if isinstance(event, Found):
                agenda.found(*event)

        crew.work(agenda, tell)
    assert staff.hired == 2
    assert len([event for event in told if isinstance(event, Found)]) == 1
    assert len(measured(told)) == (2 + 4) * len(DOSES)


def test_the_next_patient_waits_until_the_draws_of_the_first_are_taken():
    agenda = Agenda(trials("m", "n", draws=1), {})
    first, second = agenda.take(), agenda.take()
    assert (first, second) == (Job(Patient("m", 0, "t")), Job(Patient("n", 0, "t")))
    assert agenda.take() is None
    agenda.found(second.patient, WEIGHTS)
    agenda.found(first.patient, WEIGHTS)
    assert [agenda.take().patient.model for _ in range(2)] == ["m", "n"]
    assert len(agenda) == 0

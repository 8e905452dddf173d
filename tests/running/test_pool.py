"""Which worker does which job, and what happens when one exits: with workers made of paper."""

import numpy as np
import pytest

from lesion.errors import LesionError
from lesion.models.load import Checkpoint
from lesion.running.jobs import Job, JobQueue
from lesion.running.messages import (
    Exited,
    Failed,
    Finished,
    Preparing,
    Ready,
    WeightsReady,
    WorkerLost,
)
from lesion.running.pool import WorkerPool
from lesion.study.trials import Patient, Trial, TrialResult

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
    """A backend whose workers do one step each time that messages are received.

    Args:
        exits: worker -> after how many steps; a worker's first step is to be ready.
    """

    remedy = "Take fewer."

    def __init__(self, exits=None, versions=VERSIONS):
        self.exits, self.versions = dict(exits or {}), versions
        self.steps, self.started, self.sent = {}, 0, []

    def start(self):
        self.started += 1
        self.steps[self.started] = [Ready(self.versions)]
        return self.started

    def send(self, worker, job):
        self.sent.append((worker, job))
        if job.checkpoint is None:
            self.steps[worker] = [
                Preparing(job.patient),
                WeightsReady(job.patient, WEIGHTS),
                Finished(),
            ]
            return
        done = [TrialResult(trial, None, np.zeros((1, 1)), 0.0) for trial in job.trials]
        self.steps[worker] = [*done, Finished()]

    def receive(self, workers):
        assert workers, "nobody to wait for"
        return [(worker, self._step(worker)) for worker in workers]

    def _step(self, worker):
        self.exits[worker] = self.exits.get(worker, -1) - 1
        return Exited("was hit") if self.exits[worker] == -1 else self.steps[worker].pop(0)


def run(backend, wanted, wanted_trials):
    """All events while a queue is worked off."""
    events = []
    queue = JobQueue(wanted_trials, {})

    def emit(event):
        events.append(event)
        if isinstance(event, WeightsReady):
            queue.ready(*event)

    WorkerPool(backend, wanted, VERSIONS).run(queue, emit)
    return events


def measured(events):
    return [event.trial for event in events if isinstance(event, TrialResult)]


def test_one_worker_does_everything_in_the_order_of_the_study():
    asked = trials("m", "n")
    assert measured(run(Paper(), 1, asked)) == asked


def test_several_workers_do_every_trial_once_and_look_for_weights_once():
    asked = trials("m", "n")
    backend = Paper()
    events = run(backend, 3, asked)
    assert sorted(measured(events)) == sorted(asked)
    assert [event.patient.model for event in events if isinstance(event, WeightsReady)] == [
        "m",
        "n",
    ]
    assert backend.started == 3
    assert len({worker for worker, job in backend.sent}) == 3


def test_no_worker_is_started_that_would_have_nothing_to_do():
    backend = Paper()
    run(backend, 8, trials("m", draws=2))
    assert backend.started == 2


@pytest.mark.parametrize("step", range(8))
def test_a_worker_that_exits_at_any_step_costs_nothing_that_it_had_sent(step):
    asked = trials("m", "n")
    backend = Paper(exits={2: step})
    events = run(backend, 2, asked)
    assert sorted(measured(events)) == sorted(asked)
    assert len([event for event in events if isinstance(event, WorkerLost)]) == 1
    assert backend.started == 3


def test_only_what_was_not_sent_is_done_again():
    backend = Paper(exits={1: 5})  # ready, preparing, weights, finished, one dose, exit
    events = run(backend, 1, trials("m", draws=1))
    assert backend.sent[-1] == (2, Job(Patient("m", 0, "t"), WEIGHTS, "cut", 0, (trials("m")[1],)))
    (lost,) = [event for event in events if isinstance(event, WorkerLost)]
    assert (lost.reason, str(lost.job)) == ("was hit", "m (seed 0) on t, cut, draw 0")


def test_a_draw_on_which_workers_keep_exiting_is_an_error():
    backend = Paper(exits={1: 5, 2: 1, 3: 1})
    with pytest.raises(LesionError) as caught:
        run(backend, 1, trials("m", draws=1))
    assert str(caught.value) == (
        "Worker processes exited 3 times on the same job (m (seed 0) on t, cut, draw 0); the last "
        "was hit. Finished trials are kept. Take fewer."
    )


def test_workers_that_exit_while_they_start_are_an_error():
    with pytest.raises(LesionError) as caught:
        run(Paper(exits=dict.fromkeys(range(9), 0)), 2, trials("m"))
    assert str(caught.value) == (
        "Worker processes exited 3 times while they started; the last was hit. Finished trials are "
        "kept. Take fewer."
    )


@pytest.mark.parametrize("by_user", [True, False])
def test_what_no_worker_can_do_ends_the_run(by_user):
    class Failing(Paper):
        def send(self, worker, job):
            self.steps[worker] = [Failed("no such model", by_user)]

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
    backend, weights, events = Paper(), {}, []
    pool = WorkerPool(backend, 2, VERSIONS)
    for draws in (2, 4):
        queue = JobQueue(trials("m", draws=draws), weights)

        def emit(event, queue=queue):
            events.append(event)
            if isinstance(event, WeightsReady):
                queue.ready(*event)

        pool.run(queue, emit)
    assert backend.started == 2
    assert len([event for event in events if isinstance(event, WeightsReady)]) == 1
    assert len(measured(events)) == (2 + 4) * len(DOSES)


def test_the_next_patient_waits_until_the_draws_of_the_first_are_taken():
    queue = JobQueue(trials("m", "n", draws=1), {})
    first, second = queue.take(), queue.take()
    assert (first, second) == (Job(Patient("m", 0, "t")), Job(Patient("n", 0, "t")))
    assert queue.take() is None
    queue.ready(second.patient, WEIGHTS)
    queue.ready(first.patient, WEIGHTS)
    assert [queue.take().patient.model for _ in range(2)] == ["m", "n"]
    assert len(queue) == 0

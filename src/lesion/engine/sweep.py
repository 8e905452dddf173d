"""The main path: every trial of a study that the record does not hold yet."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Protocol

from lesion.damage.lesion import Damage
from lesion.engine.bench import Bench, opened
from lesion.engine.precision import computing
from lesion.engine.work import (
    Agenda,
    Began,
    Event,
    Found,
    Lost,
    Measured,
    Patient,
    Slow,
    Tell,
    Trained,
)
from lesion.models.load import Checkpoint
from lesion.study import INTACT, Study, Trial, pending
from lesion.tasks.base import Task


class Book(Protocol):
    """Where results are kept: `lesion.record.Record`, one floor up."""

    def done(self) -> set[Trial]:
        """What need not be run again."""

    def add(self, measured: Measured) -> None:
        """Keep one trial; safe on return."""

    def add_task(self, task: Task) -> None:
        """Pin the examples."""

    def add_model(
        self, model: str, seed: int, task: str, source: str, revision: str | None, digest: str
    ) -> None:
        """Pin the weights."""


class Watcher(Protocol):
    """Whoever wants to know how a run is going."""

    def preparing(self, model: str, seed: int, task: str) -> None:
        """A model is about to be found or fine-tuned for a task."""

    def finetuning(self, step: int, steps: int) -> None:
        """Fine-tuning has done a step."""

    def measured(self, measured: Measured) -> None:
        """A trial is finished and safe in the record."""

    def note(self, sentence: str) -> None:
        """Something happened that a person should know, and that needs no answer."""


class Crew(Protocol):
    """Whoever does the work: this process, several, or a cluster (`lesion.engine.crew`)."""

    def work(self, agenda: Agenda, tell: Tell) -> None:
        """Do all of an agenda; whatever happens is told in this process."""


Rounds = Callable[[Study, Book], Iterator[Iterable[Trial]]]


def once(study: Study, record: Book) -> Iterator[Iterable[Trial]]:
    """One round: every trial that is missing."""
    yield pending(study, record.done())


def run(
    study: Study,
    record: Book,
    tasks: Mapping[str, Task],
    watcher: Watcher,
    crew: Crew,
    rounds: Rounds = once,
) -> None:
    """Run what is missing. Interrupted anywhere, the record holds all finished trials.

    Args:
        rounds: yields the trials of a round; when it is resumed, they are all in the record, so
            that it may look at them before it asks for more.
    """
    weights: dict[Patient, Checkpoint] = {}
    for trials in rounds(study, record):
        agenda = Agenda(trials, weights)
        crew.work(agenda, _clerk(study, record, tasks, watcher, agenda))


def _clerk(
    study: Study, record: Book, tasks: Mapping[str, Task], watcher: Watcher, agenda: Agenda
) -> Tell:
    """Whoever writes down what the crew tells."""
    sources = {spec.name: spec.source for spec in study.models}
    said: set[str] = set()

    def tell(event: Event) -> None:
        match event:
            case Measured():
                record.add(event)
                watcher.measured(event)
            case Found(patient, checkpoint):
                pin = sources[patient.model], checkpoint.revision, checkpoint.digest
                record.add_task(tasks[patient.task])
                record.add_model(*patient, *pin)
                agenda.found(patient, checkpoint)
            case Began(patient):
                watcher.preparing(*patient)
            case Trained(step, steps):
                watcher.finetuning(step, steps)
            case Slow() if str(event) not in said:  # every worker says it
                said.add(str(event))
                watcher.note(str(event))
            case Lost(cause, job):
                on = f" on {job}; it is done again" if job else ""
                watcher.note(f"A worker {cause}{on}.")

    return tell


def measure(
    bench: Bench, lesions: Mapping[str, Damage], trials: Iterable[Trial]
) -> Iterator[Measured]:
    """Score one patient at every address; doses of one draw must ascend."""
    for (lesion, draw), doses in groupby(trials, key=lambda trial: (trial.lesion, trial.draw)):
        if lesion == INTACT:
            yield from (_timed(trial, None, bench) for trial in doses)
            continue
        with opened(lesions[lesion], bench, draw) as wound:
            for trial in doses:
                yield _timed(trial, wound, bench)


def _timed(trial: Trial, wound: Any, bench: Bench) -> Measured:
    start = time.perf_counter()
    receipt = wound.deepen(trial.dose) if wound else None
    with computing(bench.precision, bench.device):
        outputs = bench.score()
    return Measured(trial, receipt, outputs, time.perf_counter() - start)

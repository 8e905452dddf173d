"""The main path: every trial of a study that the record does not hold yet."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from lesion.errors import LesionError
from lesion.models.load import Checkpoint
from lesion.record.cuts import Cuts
from lesion.record.weights import pin
from lesion.running.cutting import Cutting
from lesion.running.jobs import Agenda, Job, Pieces, Rehearsals
from lesion.running.messages import (
    Began,
    Cut,
    Event,
    Found,
    Lost,
    Noted,
    Slow,
    Tell,
    Trained,
    Tried,
)
from lesion.running.rounds import pending
from lesion.running.watcher import Watcher
from lesion.study.study import Study
from lesion.study.trials import Measured, Patient, Trial
from lesion.tasks.base import Task


class Book(Protocol):
    """Where results are kept: `lesion.record.record.Record`, one floor up."""

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

    def add_cut(self, trial: Trial, share: float) -> None:
        """Keep which share of the examples was cut in what a trial read."""

    def cuts(self) -> Cuts:
        """All that was kept of it."""


class Crew(Protocol):
    """Whoever does the work: this process, several, or a cluster (`lesion.running.pool`)."""

    def work(self, agenda: Pieces, tell: Tell) -> None:
        """Do all of an agenda; whatever happens is told in this process."""


def rehearse(trials: Iterable[Trial], crew: Crew, watcher: Watcher) -> None:
    """Try every model, task and lesion that trials need on two examples, before the first trial.

    Raises:
        LesionError: with all that cannot run.
    """
    found: dict[Patient, tuple[str, ...]] = {}

    def tell(event: Event) -> None:
        match event:
            case Tried(patient, problems):
                found[patient] = problems
            case Lost(cause, job):
                watcher.note(lost(cause, job))

    agenda = Rehearsals(trials)
    order = agenda.patients
    crew.work(agenda, tell)
    problems = dict.fromkeys(line for patient in order for line in found[patient])
    if problems:
        raise LesionError("\n".join(problems))


def lost(cause: str, job: Job | None) -> str:
    """A sentence on a worker that died."""
    on = f" on {job}; it is done again" if job else ""
    return f"A worker {cause}{on}."


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
    load_dtype: str = "float32",
) -> None:
    """Run what is missing. Interrupted anywhere, the record holds all finished trials.

    Args:
        rounds: yields the trials of a round; when it is resumed, they are all in the record, so
            that it may look at them before it asks for more.
        load_dtype: what weights are loaded as; a record never mixes two.
    """
    weights: dict[Patient, Checkpoint] = {}
    cutting = Cutting(study, record, watcher.note)
    for trials in rounds(study, record):
        agenda = Agenda(trials, weights)
        clerk = _clerk(study, record, tasks, watcher, agenda, cutting, load_dtype)
        crew.work(agenda, clerk)


def _clerk(
    study: Study,
    record: Book,
    tasks: Mapping[str, Task],
    watcher: Watcher,
    agenda: Agenda,
    cutting: Cutting,
    load_dtype: str,
) -> Tell:
    """Whoever writes down what the crew tells."""
    sources = {spec.name: spec.source for spec in study.models}
    said: set[str] = set()

    def tell(event: Event) -> None:
        match event:
            case Measured():
                cutting.trial(event)  # first: a trial that is kept is not read again
                record.add(event)
                watcher.measured(event)
            case Found(patient, checkpoint):
                held = pin(checkpoint, study, load_dtype)
                record.add_task(tasks[patient.task])
                record.add_model(*patient, sources[patient.model], checkpoint.revision, held)
                agenda.found(patient, checkpoint)
            case Cut(patient, share):
                cutting.intact(patient, share)
            case Began(patient):
                watcher.preparing(*patient)
            case Trained(patient, step, steps):
                watcher.finetuning(*patient, step, steps)
            case Slow() | Noted() if str(event) not in said:  # every worker says it
                said.add(str(event))
                watcher.note(str(event))
            case Lost(cause, job):
                watcher.note(lost(cause, job))

    return tell

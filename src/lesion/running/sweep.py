"""The main path: every trial of a study that the record does not hold yet."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from lesion.errors import LesionError
from lesion.models.load import Checkpoint
from lesion.record.record import Record
from lesion.record.weights import pin
from lesion.running.backends import Pool
from lesion.running.cutting import Cutting
from lesion.running.jobs import JobQueue, RehearsalQueue, RunContext
from lesion.running.messages import (
    CutShare,
    Event,
    FinetuningStep,
    NoFastForward,
    Noted,
    Preparing,
    Rehearsed,
    WeightsReady,
    WorkerLost,
)
from lesion.running.rounds import rounds
from lesion.running.watcher import Watcher
from lesion.study.trials import INTACT, Patient, Trial, TrialResult
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification


def run(
    context: RunContext, record: Record, pool: Pool, watcher: Watcher, rehearsed: bool = True
) -> None:
    """Run what is missing. Interrupted anywhere, the record holds all finished trials.

    Args:
        rehearsed: False to rehearse the first round that has trials before it runs.
    """
    keeper = _Keeper(context, record, watcher)
    checkpoints: dict[Patient, Checkpoint] = {}
    begun = False
    for trials, parts in rounds(context.study, record):
        if not trials:
            continue
        if not begun:
            begun = True
            for note in record.version_notes():
                watcher.note(note)
            if not rehearsed:
                rehearse(trials, pool, watcher)
        watcher.begin(len(trials))
        queue = JobQueue(trials, checkpoints, parts)
        pool.run(queue, partial(keeper.keep, queue))


def rehearse(trials: Iterable[Trial], pool: Pool, watcher: Watcher) -> None:
    """Try every model, task and lesion of some trials on two examples.

    Raises:
        LesionError: with everything that cannot run.
    """
    problems: dict[Patient, tuple[str, ...]] = {}

    def emit(event: Event) -> None:
        match event:
            case Rehearsed(patient, sentences):
                problems[patient] = sentences
            case WorkerLost():
                watcher.note(str(event))

    queue = RehearsalQueue(trials)
    patients = queue.patients
    pool.run(queue, emit)
    sentences = dict.fromkeys(line for patient in patients for line in problems[patient])
    if sentences:
        raise LesionError("\n".join(sentences))


class _Keeper:
    """Writes the events of a run to its record, and passes them on to its watcher."""

    def __init__(self, context: RunContext, record: Record, watcher: Watcher) -> None:
        self._context, self._record, self._watcher = context, record, watcher
        self._sources = {spec.name: spec.source for spec in context.study.models}
        self._cutting = Cutting(context.study, record, watcher.note)
        self._noted: set[str] = set()

    def keep(self, queue: JobQueue, event: Event) -> None:
        """Handle one event of a round."""
        match event:
            case TrialResult():
                self._cutting.trial(event)  # first: a trial that is kept is not read again
                self._record.add(event)
                if event.trial.lesion == INTACT and not event.start:
                    task = self._context.tasks[event.trial.task]
                    self._watcher.intact(partial(_first_look, task, event, self._context))
                self._watcher.measured(event)
            case WeightsReady(patient, checkpoint):
                self._pin(patient, checkpoint)
                queue.ready(patient, checkpoint)
            case CutShare(patient, share):
                self._cutting.intact(patient, share)
            case Preparing(patient):
                self._watcher.preparing(*patient)
            case FinetuningStep(patient, step, steps):
                self._watcher.finetuning(*patient, step, steps)
            case NoFastForward() | Noted() if str(event) not in self._noted:  # every worker has it
                self._noted.add(str(event))
                self._watcher.note(str(event))
            case WorkerLost():
                self._watcher.note(str(event))

    def _pin(self, patient: Patient, checkpoint: Checkpoint) -> None:
        """Hold the run to its weights and examples."""
        digest = pin(checkpoint, self._context.study, self._context.load_dtype)
        source = self._sources[patient.model]
        task = self._context.tasks[patient.task]
        self._record.add_task(task)
        if self._context.study.growing_seeds and isinstance(task, Classification):
            self._record.add_training(task.name, len(task.split("train")))
        self._record.add_model(*patient, source, checkpoint.revision, digest)


def _first_look(task: Task, result: TrialResult, context: RunContext) -> str:
    """A sentence on the score of an intact model, as soon as it is measured."""
    from lesion.analysis.first_look import intact_summary

    about = {
        "kind": task.kind,
        "metrics": tuple(task.metrics),
        "classes": tuple(task.classes),
        "labels": np.asarray(task.targets, dtype=np.int64)[: len(result.outputs)],
    }
    model, seed, *_ = result.trial
    sentence, usable = intact_summary(
        model, seed, task.name, about, result.outputs, context.study.seed
    )
    return sentence if usable else f"Warning: {sentence}"

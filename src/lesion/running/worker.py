"""A worker: does one job after another, in this process or at the end of a pipe.

The `RunContext` comes once; weights come by file, so that the workers of a machine map the same
pages; results go back trial by trial.
"""

import os
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch

from lesion.errors import LesionError
from lesion.models.devices import check_device
from lesion.models.load import Checkpoint, check_available
from lesion.preparing.prepared import PreparedModel, Undamaged, prepare
from lesion.preparing.rehearsal import out_of_memory, rehearse
from lesion.preparing.weights import find_weights
from lesion.running.jobs import Job, Queue, RunContext
from lesion.running.messages import (
    CutShare,
    Emit,
    Failed,
    FinetuningStep,
    Finished,
    NoFastForward,
    Noted,
    Preparing,
    Ready,
    Rehearsed,
    WeightsReady,
)
from lesion.study.packages import study_builds
from lesion.study.trials import INTACT, Part, Patient, Trial, TrialResult

PARTS = 4  # of the examples of a task, that a worker keeps encoded
OUT_OF_MEMORY = 12  # exit code of a worker that could not get memory (ENOMEM)


class Worker:
    """Does jobs, and keeps the model of its last draw prepared for the next."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._specs = {spec.name: spec for spec in context.study.models}
        tasks = context.study.tasks
        self._first = {spec.name: Part(0, spec.growing.start) for spec in tasks if spec.growing}
        self._patient: Patient | None = None
        self._model: PreparedModel | None = None
        self._parts: dict[Part, PreparedModel] = {}  # the same model

    def do(self, job: Job, emit: Emit) -> None:
        """Do a draw, or find weights; every result is emitted as soon as it is there."""
        if job.checkpoint is None:
            emit(Preparing(job.patient))
            emit(WeightsReady(job.patient, self._find_weights(job.patient, emit)))
            return
        model = self._prepared(job.patient, job.checkpoint, emit)
        damage = self._context.damages[job.lesion] if job.lesion != INTACT else Undamaged()
        if job.part is not None:
            model = self._scoring(model, job.part)
        with model.open(damage, job.draw) as wound:
            for trial in job.trials:
                emit(_run_trial(trial, wound, model, job.part.start if job.part else 0))

    def _scoring(self, model: PreparedModel, part: Part) -> PreparedModel:
        """The model with only a part of the examples to score, encoded once."""
        if part not in self._parts:
            if len(self._parts) == PARTS:
                del self._parts[next(iter(self._parts))]
            self._parts[part] = model.scoring(part)
        return self._parts[part]

    def _forget(self) -> None:
        """Let go of the model."""
        self._patient = self._model = None
        self._parts = {}

    def rehearse(self, patient: Patient, lesions: tuple[str, ...], emit: Emit) -> None:
        """Try a patient and its lesions on two examples."""
        self._forget()
        context = self._context
        problems = rehearse(
            self._specs[patient.model], context.tasks[patient.task],
            {name: context.damages[name] for name in lesions}, context.study.finetune,
            device=context.device, load_dtype=context.load_dtype,
        )  # fmt: skip
        emit(Rehearsed(patient, tuple(problems)))

    def _find_weights(self, patient: Patient, emit: Emit) -> Checkpoint:
        self._forget()  # training needs the memory
        context = self._context
        return find_weights(
            self._specs[patient.model], patient.seed, context.tasks[patient.task],
            context.study.finetune, device=context.device,
            progress=lambda step, steps: emit(FinetuningStep(patient, step, steps)),
            note=lambda sentence: emit(Noted(sentence)),
            pinned=context.pinned.get(patient),
        )  # fmt: skip

    def _prepared(self, patient: Patient, checkpoint: Checkpoint, emit: Emit) -> PreparedModel:
        if self._model is None or self._patient != patient:
            self._forget()  # never two models at once
            context = self._context
            if context.remote:
                check_available(checkpoint)
            self._model = prepare(
                self._specs[patient.model], checkpoint, context.tasks[patient.task],
                device=context.device, precision=context.study.precision,
                load_dtype=context.load_dtype, part=self._first.get(patient.task),
            )  # fmt: skip
            self._patient = patient
            for sentence in self._model.notes:
                emit(Noted(sentence))
            if self._model.score.fallback_reason:
                emit(NoFastForward(patient, self._model.score.fallback_reason))
            emit(CutShare(patient, self._model.score.cut))
        return self._model


def _run_trial(trial: Trial, wound: Any, model: PreparedModel, first: int) -> TrialResult:
    start = time.perf_counter()
    receipt = wound.deepen(trial.dose)
    receipt = receipt and receipt.measured().detached()  # what leaves has no hold on the model
    outputs = model.score()
    seconds = time.perf_counter() - start
    return TrialResult(trial, receipt, outputs, seconds, model.score.cut, first)


def perform(worker: Worker, job: Job, emit: Emit) -> None:
    """Do a job of any kind."""
    if job.rehearsed is not None:
        worker.rehearse(job.patient, job.rehearsed, emit)
    else:
        worker.do(job, emit)


class InProcessPool:
    """Does all jobs in this process."""

    def __init__(self, context: RunContext) -> None:
        self._worker = Worker(context)

    def run(self, queue: Queue, emit: Emit) -> None:
        """Do all jobs of a queue, in their order."""
        while (job := queue.take()) is not None:
            perform(self._worker, job, emit)


def serve(context: RunContext, receive: Callable[[], Job], send: Callable[[Any], None]) -> None:
    """Do the jobs that are received, until the process ends."""
    if context.device == "cpu":
        torch.set_num_threads(1)
    try:
        check_device(context.device)
        worker = Worker(context)
    except LesionError as error:  # this machine lacks something
        send(Failed(str(error), by_user=True))
        return
    send(Ready(study_builds(context.study)))
    while True:
        send(_outcome(worker, receive(), send))


def _outcome(worker: Worker, job: Job, send: Emit) -> Finished | Failed:
    """Do a job; a worker that runs out of memory exits, and another tries."""
    try:
        perform(worker, job, send)
    except LesionError as error:
        return Failed(str(error), by_user=True)
    except Exception as error:
        if out_of_memory(error):
            os._exit(OUT_OF_MEMORY)
        return Failed(traceback.format_exc(), by_user=False)
    return Finished()

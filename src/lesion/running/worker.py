"""A worker: does one piece of work after another, in this process or at the end of a pipe.

What it must know comes once; weights come by file, so that the workers of a machine map the same
pages; what it finds goes back trial by trial.
"""

import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import torch

from lesion.errors import LesionError
from lesion.models.devices import check_device
from lesion.models.load import Checkpoint, check_available
from lesion.preparing.prepared import Bench, find, lay, opened
from lesion.preparing.rehearsal import out_of_memory, rehearse
from lesion.running.jobs import Job, Pieces, Setting
from lesion.running.messages import (
    Began,
    Cut,
    Failed,
    Finished,
    Found,
    Noted,
    Ready,
    Slow,
    Tell,
    Trained,
    Tried,
    versions,
)
from lesion.scoring.device import precision_context
from lesion.study.damages import Damage
from lesion.study.trials import INTACT, Measured, Patient, Trial

OUT_OF_MEMORY = 12  # exit code of a worker that could not get memory (ENOMEM)


class Worker:
    """Keeps the patient of its last draw on the bench."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._lesions = setting, setting.damages()
        self._specs = {spec.name: spec for spec in setting.study.models}
        self._patient: Patient | None = None
        self._bench: Bench | None = None

    def do(self, job: Job, tell: Tell) -> None:
        """Do a piece of work, and tell what it gives as soon as it is there."""
        if job.tried is not None:
            tell(Tried(job.patient, self._try_out(job.patient, job.tried)))
            return
        if job.checkpoint is None:
            tell(Began(job.patient))
            tell(Found(job.patient, self._find(job.patient, tell)))
            return
        bench = self._lay(job.patient, job.checkpoint, tell)
        for measured in measure(bench, self._lesions, job.trials):
            tell(measured)

    def _try_out(self, patient: Patient, lesions: Iterable[str]) -> tuple[str, ...]:
        self._patient = self._bench = None
        setting, spec = self._setting, self._specs[patient.model]
        damages = {name: self._lesions[name] for name in lesions}
        return tuple(
            rehearse(
                spec, setting.tasks[patient.task], damages, setting.study.finetune,
                device=setting.device, load_dtype=setting.load_dtype,
            )
        )  # fmt: skip

    def _find(self, patient: Patient, tell: Tell) -> Checkpoint:
        self._patient = self._bench = None  # training needs the memory
        setting, spec = self._setting, self._specs[patient.model]
        return find(
            spec, patient.seed, setting.tasks[patient.task], setting.study.finetune,
            device=setting.device,
            progress=lambda step, steps: tell(Trained(patient, step, steps)),
            note=lambda sentence: tell(Noted(sentence)),
            pinned=setting.pinned.get(patient),
        )  # fmt: skip

    def _lay(self, patient: Patient, checkpoint: Checkpoint, tell: Tell) -> Bench:
        if self._bench is None or self._patient != patient:
            self._patient = self._bench = None  # never two models at once
            setting, spec = self._setting, self._specs[patient.model]
            if setting.far:
                check_available(checkpoint)
            self._bench = lay(
                spec, checkpoint, setting.tasks[patient.task],
                device=setting.device, precision=setting.study.precision,
                load_dtype=setting.load_dtype,
            )  # fmt: skip
            self._patient = patient
            for sentence in self._bench.notes:
                tell(Noted(sentence))
            if self._bench.score.fallback_reason:
                tell(Slow(patient, self._bench.score.fallback_reason))
            tell(Cut(patient, self._bench.score.cut))
        return self._bench


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
    receipt = wound.deepen(trial.dose).detached() if wound else None
    with precision_context(bench.precision, bench.device):
        outputs = bench.score()
    return Measured(trial, receipt, outputs, time.perf_counter() - start, bench.score.cut)


class Alone:
    """A crew of one: this process."""

    def __init__(self, setting: Setting) -> None:
        self._worker = Worker(setting)

    def work(self, agenda: Pieces, tell: Tell) -> None:
        """Do all of an agenda, in its order."""
        while (job := agenda.take()) is not None:
            self._worker.do(job, tell)


def serve(setting: Setting, receive: Callable[[], Job], send: Callable[[Any], None]) -> None:
    """Do whatever comes, until the process ends."""
    if setting.device == "cpu":
        torch.set_num_threads(1)
    try:
        check_device(setting.device)
        worker = Worker(setting)
    except LesionError as error:  # its machine lacks something
        send(Failed(str(error), by_user=True))
        return
    send(Ready(versions()))
    while True:
        send(_outcome(worker, receive(), send))


def _outcome(worker: Worker, job: Job, send: Tell) -> Finished | Failed:
    """Do a job; a worker that runs out of memory ends, and another tries."""
    try:
        worker.do(job, send)
    except LesionError as error:
        return Failed(str(error), by_user=True)
    except Exception as error:
        if out_of_memory(error):
            os._exit(OUT_OF_MEMORY)
        return Failed(traceback.format_exc(), by_user=False)
    return Finished()

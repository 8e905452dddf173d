"""A worker: does one piece of work after another, in this process or at the end of a pipe.

What it must know comes once; weights come by file, so that the workers of a machine map the same
pages; what it finds goes back trial by trial.
"""

import os
import platform
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import transformers

import lesion
from lesion.damage.lesion import Damage, build
from lesion.engine.bench import Bench, check_device, find, lay
from lesion.engine.crew import Failed, Finished, Ready
from lesion.engine.sweep import measure
from lesion.engine.work import Agenda, Began, Found, Job, Patient, Slow, Tell, Trained
from lesion.errors import LesionError
from lesion.models.load import Checkpoint, check_here
from lesion.study import Study
from lesion.tasks.base import Task

OUT_OF_MEMORY = 12  # exit code of a worker that could not get memory (ENOMEM)
SAID_BY_TORCH = ("not enough memory", "can't allocate memory")


@dataclass(frozen=True)
class Setting:
    """What every worker of a run must know.

    Attributes:
        device: that models are put on.
        far: whether a worker may see other files under the same paths (another machine).
    """

    study: Study
    tasks: Mapping[str, Task]
    device: str = "cpu"
    far: bool = False

    def damages(self) -> dict[str, Damage]:
        """The lesions and distractions of the study, by name.

        Raises:
            LesionError: for one that cannot be built.
        """
        return {spec.name: build(spec, self.study.seed) for spec in self.study.lesions}


class Worker:
    """Keeps the patient of its last draw on the bench."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._lesions = setting, setting.damages()
        self._specs = {spec.name: spec for spec in setting.study.models}
        self._patient: Patient | None = None
        self._bench: Bench | None = None

    def do(self, job: Job, tell: Tell) -> None:
        """Do a piece of work, and tell what it gives as soon as it is there."""
        if job.checkpoint is None:
            tell(Began(job.patient))
            tell(Found(job.patient, self._find(job.patient, tell)))
            return
        bench = self._lay(job.patient, job.checkpoint, tell)
        for measured in measure(bench, self._lesions, job.trials):
            tell(measured)

    def _find(self, patient: Patient, tell: Tell) -> Checkpoint:
        self._patient = self._bench = None  # training needs the memory
        setting, spec = self._setting, self._specs[patient.model]
        return find(
            spec, patient.seed, setting.tasks[patient.task], setting.study.finetune,
            device=setting.device, progress=lambda step, steps: tell(Trained(step, steps)),
        )  # fmt: skip

    def _lay(self, patient: Patient, checkpoint: Checkpoint, tell: Tell) -> Bench:
        if self._bench is None or self._patient != patient:
            self._patient = self._bench = None  # never two models at once
            setting, spec = self._setting, self._specs[patient.model]
            if setting.far:
                check_here(checkpoint)
            self._bench = lay(
                spec, checkpoint, setting.tasks[patient.task],
                device=setting.device, precision=setting.study.precision,
            )  # fmt: skip
            self._patient = patient
            if self._bench.score.note:
                tell(Slow(patient, self._bench.score.note))
        return self._bench


class Alone:
    """A crew of one: this process."""

    def __init__(self, setting: Setting) -> None:
        self._worker = Worker(setting)

    def work(self, agenda: Agenda, tell: Tell) -> None:
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
        if isinstance(error, MemoryError) or any(said in str(error) for said in SAID_BY_TORCH):
            os._exit(OUT_OF_MEMORY)
        return Failed(traceback.format_exc(), by_user=False)
    return Finished()


def versions() -> dict[str, str]:
    """What must be the same wherever trials of one record are made."""
    return {
        "python": platform.python_version(),
        "lesion": lesion.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }

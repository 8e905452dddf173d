"""Jobs, each of which one process can do alone, and the queues that hand them out.

A job is one draw: an ordering made once and taken through all its doses. Before the draws of a
patient (a model, a seed and a task) one job finds its weights, which may include fine-tuning.
"""

from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol

from lesion.models.load import Checkpoint
from lesion.study.damages import Damage
from lesion.study.study import Study
from lesion.study.trials import INTACT, Part, Patient, Trial
from lesion.tasks.base import Task


@dataclass(frozen=True)
class RunContext:
    """What every worker of a run needs.

    Attributes:
        tasks, damages: of the study, by name.
        device: where models are put.
        remote: whether a worker may see other files under the same paths (another machine).
        load_dtype: what weights are loaded as, see `lesion.models.dtypes.LOAD_DTYPES`.
        pinned: digests of the weights with which the run began, by patient.
    """

    study: Study
    tasks: Mapping[str, Task]
    damages: Mapping[str, Damage]
    device: str = "cpu"
    remote: bool = False
    load_dtype: str = "float32"
    pinned: Mapping[Patient, str] = field(default_factory=dict)


class Job(NamedTuple):
    """A draw, the weights to find, or lesions to rehearse.

    Attributes:
        patient: whose.
        checkpoint: its weights; None if the job is to find them.
        lesion, draw: what is opened.
        trials: doses ascending; none if the job is to find weights.
        rehearsed: lesions to be rehearsed with the patient; None for any other job.
        part: of the examples, that the trials are scored on; None: all.
    """

    patient: Patient
    checkpoint: Checkpoint | None = None
    lesion: str = INTACT
    draw: int = 0
    trials: tuple[Trial, ...] = ()
    rehearsed: tuple[str, ...] | None = None
    part: Part | None = None

    def __str__(self) -> str:
        if self.rehearsed is not None:
            return f"{self.patient.model} on {self.patient.task}, tried on two examples"
        where = f"{self.patient.model} (seed {self.patient.seed}) on {self.patient.task}"
        if not self.trials:
            return f"{where}, its weights"
        return f"{where}, {self.lesion}, draw {self.draw}" if self.lesion else f"{where}, intact"


class Queue(Protocol):
    """Jobs that wait: a `JobQueue`, or a `RehearsalQueue`."""

    def __len__(self) -> int:
        """Jobs that wait."""
        ...

    def take(self) -> Job | None:
        """The next job; None if there is none now."""
        ...

    def requeue(self, job: Job) -> None:
        """Put a job back that was taken and not finished; it is the next to be taken."""
        ...


class RehearsalQueue:
    """Every model and task of some trials, to be rehearsed with the lesions of these trials.

    Heads of several seeds are heads of one model, and are rehearsed once.
    """

    def __init__(self, trials: Iterable[Trial]) -> None:
        lesions: dict[tuple[str, str], dict[str, None]] = {}
        seeds: dict[tuple[str, str], int] = {}
        for trial in trials:
            pair = trial.model, trial.task
            seeds.setdefault(pair, trial.seed)
            lesions.setdefault(pair, {}).update({trial.lesion: None})
        self._waiting = deque(
            Job(Patient(model, seeds[model, task], task), rehearsed=tuple(filter(None, names)))
            for (model, task), names in lesions.items()
        )

    @property
    def patients(self) -> list[Patient]:
        """Those whose jobs wait, in their order."""
        return [job.patient for job in self._waiting]

    def __len__(self) -> int:
        """Models and tasks that wait."""
        return len(self._waiting)

    def take(self) -> Job | None:
        """The next job."""
        return self._waiting.popleft() if self._waiting else None

    def requeue(self, job: Job) -> None:
        """Put an unfinished job back at the front."""
        self._waiting.appendleft(job)


class JobQueue:
    """The draws of a round of trials, handed out in the order of the trials.

    Args:
        trials: in the order of `Study.trials`; those of one draw with ascending doses.
        checkpoints: the weights known so far; grows with `ready`.
        parts: of the examples, that are scored; a trial that has none is scored on all. Trials of
            one draw that differ in their parts are separate jobs.
    """

    def __init__(
        self,
        trials: Iterable[Trial],
        checkpoints: MutableMapping[Patient, Checkpoint],
        parts: Mapping[Trial, Part] = MappingProxyType({}),
    ) -> None:
        self._checkpoints, self._searching = checkpoints, set[Patient]()
        draws: dict[tuple[Patient, str, int, Part | None], list[Trial]] = {}
        for trial in trials:
            patient = Patient(trial.model, trial.seed, trial.task)
            key = patient, trial.lesion, trial.draw, parts.get(trial)
            draws.setdefault(key, []).append(trial)
        self._waiting: dict[Patient, deque[Job]] = {}
        for (patient, lesion, draw, part), doses in draws.items():
            job = Job(patient, None, lesion, draw, tuple(doses), part=part)
            self._waiting.setdefault(patient, deque()).append(job)

    def __len__(self) -> int:
        """Draws that wait."""
        return sum(len(jobs) for jobs in self._waiting.values())

    def take(self) -> Job | None:
        """The next job; None if there is none, or none before weights are found."""
        for patient, jobs in self._waiting.items():
            if jobs and patient in self._checkpoints:
                return jobs.popleft()._replace(checkpoint=self._checkpoints[patient])
            if jobs and patient not in self._searching:
                self._searching.add(patient)
                return Job(patient)
        return None

    def requeue(self, job: Job) -> None:
        """Put an unfinished job back at the front."""
        if job.trials:
            self._waiting[job.patient].appendleft(job)
        else:
            self._searching.discard(job.patient)

    def ready(self, patient: Patient, checkpoint: Checkpoint) -> None:
        """From now on, the draws of a patient can be taken."""
        self._checkpoints[patient] = checkpoint

"""What is to be done, in pieces that any process can do alone, and what is said of it.

A piece of work is one draw: an ordering made once and taken through all its doses. Before the
draws of a patient (a model, a seed and a task) somebody finds its weights, which may mean to
fine-tune it; that is a piece of work as well.
"""

from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from lesion.models.load import Checkpoint
from lesion.study.damages import Damage, build
from lesion.study.study import Study
from lesion.study.trials import INTACT, Patient, Trial
from lesion.tasks.base import Task


@dataclass(frozen=True)
class Setting:
    """What every worker of a run must know.

    Attributes:
        device: that models are put on.
        far: whether a worker may see other files under the same paths (another machine).
        load_dtype: what weights are loaded as, a word of `lesion.words.LOAD_DTYPES`.
        pinned: digests of the weights with which the run began, by patient.
    """

    study: Study
    tasks: Mapping[str, Task]
    device: str = "cpu"
    far: bool = False
    load_dtype: str = "float32"
    pinned: Mapping["Patient", str] = field(default_factory=dict)

    def damages(self) -> dict[str, Damage]:
        """The lesions and distractions of the study, by name.

        Raises:
            LesionError: for one that cannot be built.
        """
        return {spec.name: build(spec, self.study.seed) for spec in self.study.lesions}


class Job(NamedTuple):
    """A piece of work: a draw, or the weights to find.

    Attributes:
        patient: whose.
        checkpoint: its weights; None if the job is to find them.
        lesion, draw: what is opened.
        trials: doses ascending; none if the job is to find weights.
        tried: lesions to be tried out with the patient; None if that is not the job.
    """

    patient: Patient
    checkpoint: Checkpoint | None = None
    lesion: str = INTACT
    draw: int = 0
    trials: tuple[Trial, ...] = ()
    tried: tuple[str, ...] | None = None

    def __str__(self) -> str:
        if self.tried is not None:
            return f"{self.patient.model} on {self.patient.task}, tried on two examples"
        where = f"{self.patient.model} (seed {self.patient.seed}) on {self.patient.task}"
        if not self.trials:
            return f"{where}, its weights"
        return f"{where}, {self.lesion}, draw {self.draw}" if self.lesion else f"{where}, intact"


class Pieces(Protocol):
    """Work in pieces: an `Agenda`, or `Rehearsals`."""

    def __len__(self) -> int:
        """Pieces that nobody has taken."""
        ...

    def take(self) -> Job | None:
        """The next piece of work; None if there is none now."""
        ...

    def put_back(self, job: Job) -> None:
        """Work that was taken and not finished."""
        ...


class Rehearsals:
    """Every model and task of some trials, to be tried out with the lesions that await them.

    Heads of several seeds are heads of one model, and are tried once.
    """

    def __init__(self, trials: Iterable[Trial]) -> None:
        lesions: dict[tuple[str, str], dict[str, None]] = {}
        seeds: dict[tuple[str, str], int] = {}
        for trial in trials:
            pair = trial.model, trial.task
            seeds.setdefault(pair, trial.seed)
            lesions.setdefault(pair, {}).update({trial.lesion: None})
        self._waiting = deque(
            Job(Patient(model, seeds[model, task], task), tried=tuple(filter(None, names)))
            for (model, task), names in lesions.items()
        )

    @property
    def patients(self) -> list[Patient]:
        """Those that nobody has taken, in their order."""
        return [job.patient for job in self._waiting]

    def __len__(self) -> int:
        """Models and tasks that nobody has taken."""
        return len(self._waiting)

    def take(self) -> Job | None:
        """The next piece of work."""
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, job: Job) -> None:
        """Work that was taken and not finished: it is the next to be taken."""
        self._waiting.appendleft(job)


class Agenda:
    """What is left of a round of trials, handed out in the order in which they stand.

    Args:
        trials: in the order of `Study.trials`; those of one draw with ascending doses.
        found: the weights known so far; grows with `Found`.
    """

    def __init__(self, trials: Iterable[Trial], found: MutableMapping[Patient, Checkpoint]) -> None:
        self._found, self._sought = found, set[Patient]()
        draws: dict[tuple[Patient, str, int], list[Trial]] = {}
        for trial in trials:
            patient = Patient(trial.model, trial.seed, trial.task)
            draws.setdefault((patient, trial.lesion, trial.draw), []).append(trial)
        self._waiting: dict[Patient, deque[Job]] = {}
        for (patient, lesion, draw), doses in draws.items():
            job = Job(patient, None, lesion, draw, tuple(doses))
            self._waiting.setdefault(patient, deque()).append(job)

    def __len__(self) -> int:
        """Draws that nobody has taken."""
        return sum(len(jobs) for jobs in self._waiting.values())

    def take(self) -> Job | None:
        """The next piece of work; None if there is none, or none before weights are found."""
        for patient, jobs in self._waiting.items():
            if jobs and patient in self._found:
                return jobs.popleft()._replace(checkpoint=self._found[patient])
            if jobs and patient not in self._sought:
                self._sought.add(patient)
                return Job(patient)
        return None

    def put_back(self, job: Job) -> None:
        """Work that was taken and not finished: it is the next to be taken."""
        if job.trials:
            self._waiting[job.patient].appendleft(job)
        else:
            self._sought.discard(job.patient)

    def found(self, patient: Patient, checkpoint: Checkpoint) -> None:
        """The draws of a patient can be taken from now on."""
        self._found[patient] = checkpoint

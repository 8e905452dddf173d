"""What workers tell: events of a run and states of a worker."""

import platform
from collections.abc import Callable
from typing import NamedTuple

import torch
import transformers

import lesion
from lesion.models.load import Checkpoint
from lesion.running.jobs import Job
from lesion.study.trials import Measured, Patient


class Began(NamedTuple):
    """Somebody looks for the weights of a patient."""

    patient: Patient


class Trained(NamedTuple):
    """A step of fine-tuning is done; others may be fine-tuned at the same time."""

    patient: Patient
    step: int
    steps: int


class Tried(NamedTuple):
    """A patient was tried out; what cannot run, in sentences."""

    patient: Patient
    problems: tuple[str, ...]


class Found(NamedTuple):
    """The weights of a patient are there."""

    patient: Patient
    checkpoint: Checkpoint


class Slow(NamedTuple):
    """A patient is scored by its model's own forward.

    Attributes:
        why: what the fast forward lacks for it.
    """

    patient: Patient
    why: str

    def __str__(self) -> str:
        model, _, task = self.patient
        return f"{model} on {task} is scored by its own forward: {self.why}."


class Cut(NamedTuple):
    """The share of a task's examples that are cut for a patient, its texts being intact."""

    patient: Patient
    share: float


class Noted(NamedTuple):
    """Something that a person should know of a model; every worker that loads it says it."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


class Lost(NamedTuple):
    """A worker died; what it had not finished is done again."""

    cause: str
    job: Job | None


Event = Tried | Began | Trained | Found | Slow | Cut | Noted | Measured | Lost

Tell = Callable[[Event], None]


class Ready(NamedTuple):
    """A worker can be given work.

    Attributes:
        versions: of what decides the scores.
    """

    versions: dict[str, str]


class Finished(NamedTuple):
    """A worker has done its piece of work."""


class Failed(NamedTuple):
    """A piece of work that cannot be done, by this worker or by any other.

    Attributes:
        text: a sentence for the user, or a traceback.
        by_user: whether the user can fix it.
    """

    text: str
    by_user: bool


class Died(NamedTuple):
    """A worker is gone; nothing more will be heard of it."""

    cause: str


Signal = Event | Ready | Finished | Failed | Died

Hand = int  # a worker, numbered by its staff; no number is used twice


def versions() -> dict[str, str]:
    """What must be the same wherever trials of one record are made."""
    return {
        "python": platform.python_version(),
        "lesion": lesion.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }

"""What workers send: events of a run and states of a worker."""

from collections.abc import Callable
from typing import NamedTuple

from lesion.models.load import Checkpoint
from lesion.running.jobs import Job
from lesion.study.trials import Patient, TrialResult


class Rehearsed(NamedTuple):
    """A patient was rehearsed; `problems` holds a sentence for everything that cannot run."""

    patient: Patient
    problems: tuple[str, ...]


class Preparing(NamedTuple):
    """A worker resolves or fine-tunes the weights of a patient."""

    patient: Patient


class FinetuningStep(NamedTuple):
    """A step of fine-tuning is done; several patients may be fine-tuned at once."""

    patient: Patient
    step: int
    steps: int


class WeightsReady(NamedTuple):
    """The weights of a patient are there."""

    patient: Patient
    checkpoint: Checkpoint


class NoFastForward(NamedTuple):
    """A patient is scored by the forward pass of its library.

    Attributes:
        reason: what the fast forward pass lacks.
    """

    patient: Patient
    reason: str

    def __str__(self) -> str:
        model, _, task = self.patient
        return f"{model} on {task} is scored by the Hugging Face forward pass: {self.reason}."


class CutShare(NamedTuple):
    """The share of a task's intact examples that are cut for a patient."""

    patient: Patient
    share: float


class Noted(NamedTuple):
    """A fact about a model that the user should know; every worker that loads it sends it."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


class WorkerLost(NamedTuple):
    """A worker exited; the rest of its job is queued again.

    Attributes:
        reason: how it exited, as a predicate.
        job: what it was doing; None if nothing.
    """

    reason: str
    job: Job | None

    def __str__(self) -> str:
        return f"A worker {self.reason}{f'; {self.job}, is done again' if self.job else ''}."


Event = (
    Rehearsed
    | Preparing
    | FinetuningStep
    | WeightsReady
    | NoFastForward
    | CutShare
    | Noted
    | TrialResult
    | WorkerLost
)

Emit = Callable[[Event], None]


class Ready(NamedTuple):
    """A worker can be sent a job.

    Attributes:
        versions: of what decides the scores, see `lesion.models.versions.builds`.
    """

    versions: dict[str, str]


class Finished(NamedTuple):
    """A worker has finished its job."""


class Failed(NamedTuple):
    """A job that neither this worker nor any other can do.

    Attributes:
        text: a sentence for the user, or a traceback.
        by_user: whether the user can fix it.
    """

    text: str
    by_user: bool


class Exited(NamedTuple):
    """A worker is gone; no message follows.

    Attributes:
        reason: how it exited, as a predicate.
    """

    reason: str


Message = Event | Ready | Finished | Failed | Exited

WorkerId = int  # numbered by the backend; no number is used twice

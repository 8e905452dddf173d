"""Who is told how a run is going."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lesion.study.trials import Measured
from typing import Protocol

from lesion.study.trials import Measured


class Quiet:
    """A watcher that says nothing."""

    def preparing(self, model: str, seed: int, task: str) -> None:
        """Say nothing of a model."""

    def finetuning(self, model: str, seed: int, task: str, step: int, steps: int) -> None:
        """Say nothing of a step."""

    def measured(self, measured: "Measured") -> None:
        """Say nothing of a trial."""

    def note(self, sentence: str) -> None:
        """Say nothing."""


class Watcher(Protocol):
    """Whoever wants to know how a run is going."""

    def preparing(self, model: str, seed: int, task: str) -> None:
        """A model is about to be found or fine-tuned for a task."""

    def finetuning(self, model: str, seed: int, task: str, step: int, steps: int) -> None:
        """Fine-tuning of a model for a task has done a step; several may be trained at once."""

    def measured(self, measured: Measured) -> None:
        """A trial is finished and safe in the record."""

    def note(self, sentence: str) -> None:
        """Something happened that a person should know, and that needs no answer."""

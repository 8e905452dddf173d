"""What a run reports while it goes on, and the watcher that ignores it."""

from collections.abc import Callable
from typing import Protocol

from lesion.study.trials import TrialResult


class Watcher(Protocol):
    """Receives the progress of a run, in the calling process and in the order of events."""

    def begin(self, trials: int) -> None:
        """So many trials are run next; a study that adds draws as needed has several rounds."""

    def preparing(self, model: str, seed: int, task: str) -> None:
        """A model is about to be resolved or fine-tuned for a task."""

    def finetuning(self, model: str, seed: int, task: str, step: int, steps: int) -> None:
        """A fine-tuning step is done; several models may be trained at once."""

    def measured(self, measured: TrialResult) -> None:
        """A trial is finished and safe in the record."""

    def intact(self, sentence: Callable[[], str]) -> None:
        """A model was scored without damage; `sentence` words its score."""

    def note(self, sentence: str) -> None:
        """A fact that the user should know and that needs no answer."""


class NullWatcher:
    """Ignores everything; a base for watchers that need only some of the events."""

    def begin(self, trials: int) -> None:
        """Ignore a round."""

    def preparing(self, model: str, seed: int, task: str) -> None:
        """Ignore a model."""

    def finetuning(self, model: str, seed: int, task: str, step: int, steps: int) -> None:
        """Ignore a step."""

    def measured(self, measured: TrialResult) -> None:
        """Ignore a trial."""

    def intact(self, sentence: Callable[[], str]) -> None:
        """Ignore an intact score, without wording it."""

    def note(self, sentence: str) -> None:
        """Ignore a note."""

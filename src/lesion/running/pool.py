"""Distributes a job queue over several workers.

The backend starts workers and carries messages: local processes (`lesion.running.processes`) or Ray
(`lesion.running.ray_cluster`). A worker may exit at any time: its finished trials are kept, the
rest of its job is queued again.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from lesion.errors import LesionError
from lesion.running.jobs import Job, Pieces
from lesion.running.messages import Died, Failed, Finished, Hand, Lost, Ready, Signal, Tell
from lesion.study.trials import Measured, Trial

DEATHS = 3  # on one piece of work, or at the start: then something is wrong that is no accident


class Staff(Protocol):
    """Where workers come from."""

    advice: str  # what a user can do when workers keep dying

    def hire(self) -> Hand:
        """A new worker; it says `Ready` when it is."""

    def give(self, hand: Hand, job: Job) -> None:
        """A piece of work for a worker that is ready or has finished."""

    def hear(self, hands: Sequence[Hand]) -> list[tuple[Hand, Signal]]:
        """What workers say next; waits for at least one. Of each in its order, `Died` last."""

    def dismiss(self) -> None:
        """End all workers, whatever they do."""


class Crew:
    """As many workers as are wanted and needed; use it as a context manager.

    Args:
        staff: where they come from.
        wanted: how many at most.
        versions: what they must run, so that one record holds scores of one kind.
    """

    def __init__(self, staff: Staff, wanted: int, versions: dict[str, str]) -> None:
        self._staff, self._wanted, self._versions = staff, wanted, versions
        self._starting: set[Hand] = set()
        self._idle: list[Hand] = []
        self._busy: dict[Hand, tuple[Job, set[Trial]]] = {}
        self._deaths: Counter[Job | None] = Counter()

    def work(self, agenda: Pieces, tell: Tell) -> None:
        """Do all of an agenda.

        Raises:
            LesionError: for a piece of work that a user must repair, or that kills its workers.
            RuntimeError: for a mistake of ours in a worker, with its traceback.
        """
        while True:
            self._hand_out(agenda)
            if not self._busy and not len(agenda):
                return
            for hand, signal in self._staff.hear([*self._starting, *self._busy]):
                self._take_in(hand, signal, agenda, tell)

    def _hand_out(self, agenda: Pieces) -> None:
        while self._idle and (job := agenda.take()) is not None:
            hand = self._idle.pop()
            self._busy[hand] = (job, set())
            self._staff.give(hand, job)
        there = len(self._starting) + len(self._idle) + len(self._busy)
        finding = sum(not job.trials for job, _ in self._busy.values())  # they will take draws
        free = len(self._starting) + len(self._idle) + finding
        missing = min(self._wanted - there, len(agenda) - free)
        self._starting |= {self._staff.hire() for _ in range(missing)}

    def _take_in(self, hand: Hand, signal: Signal, agenda: Pieces, tell: Tell) -> None:
        match signal:
            case Ready(versions):
                self._check(versions)
                self._starting.discard(hand)
                self._deaths.pop(None, None)
                self._idle.append(hand)
            case Finished():
                del self._busy[hand]
                self._idle.append(hand)
            case Failed(text, by_user):
                raise LesionError(text) if by_user else RuntimeError(f"in a worker:\n{text}")
            case Died(cause):
                self._bury(hand, cause, agenda, tell)
            case _:
                tell(signal)
                if isinstance(signal, Measured):
                    self._busy[hand][1].add(signal.trial)

    def _bury(self, hand: Hand, cause: str, agenda: Pieces, tell: Tell) -> None:
        """What a dead worker left undone goes back; too many deaths on it are an error."""
        self._starting.discard(hand)
        job, seen = self._busy.pop(hand, (None, set()))
        whole = job and job._replace(checkpoint=None, trials=())
        self._deaths[whole] += 1
        if self._deaths[whole] == DEATHS:
            where = f"on {job}" if job else "while they start"
            raise LesionError(
                f"--workers: workers die {where}: {DEATHS} did, and the last one {cause}. What is "
                f"finished is kept. {self._staff.advice}"
            )
        if job:
            left = tuple(trial for trial in job.trials if trial not in seen)
            if left or not job.trials:
                agenda.put_back(job._replace(trials=left))
        tell(Lost(cause, job))

    def _check(self, versions: dict[str, str]) -> None:
        wrong = [name for name, known in self._versions.items() if versions.get(name) != known]
        if wrong:
            there = ", ".join(f"{name} {versions.get(name)}" for name in wrong)
            here = ", ".join(f"{name} {self._versions[name]}" for name in wrong)
            raise LesionError(
                f"--engine: a worker runs {there}, but this process {here}. Scores of one record "
                "come from one set of versions: install the same on every node."
            )


@contextmanager
def at_work(staff: Staff, wanted: int, versions: dict[str, str]) -> Iterator[Crew]:
    """A crew that is dismissed at the end, also after an error or an interrupt."""
    try:
        yield Crew(staff, wanted, versions)
    finally:
        staff.dismiss()

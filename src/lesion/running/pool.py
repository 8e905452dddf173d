"""Distributes a job queue over several workers.

The backend starts workers and carries messages: local processes (`lesion.running.processes`) or Ray
(`lesion.running.ray_cluster`). A worker may exit at any time: its finished trials are kept, the
rest of its job is queued again.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from lesion.errors import LesionError
from lesion.running.jobs import Job, Queue
from lesion.running.messages import (
    Emit,
    Exited,
    Failed,
    Finished,
    Message,
    Ready,
    WorkerId,
    WorkerLost,
)
from lesion.study.trials import Trial, TrialResult

MAX_FAILURES = 3  # of one job, or at the start: more are no accident


class Backend(Protocol):
    """Where workers run."""

    remedy: str  # what a user can do when workers keep exiting

    def start(self) -> WorkerId:
        """Start a worker; it sends `Ready` when it is."""

    def send(self, worker: WorkerId, job: Job) -> None:
        """A job for a worker that is ready or has finished."""

    def receive(self, workers: Sequence[WorkerId]) -> list[tuple[WorkerId, Message]]:
        """Wait for at least one message; those of a worker are in their order, `Exited` last."""

    def stop(self) -> None:
        """End all workers, whatever they do."""


class WorkerPool:
    """As many workers as are wanted and needed.

    Args:
        wanted: how many at most.
        versions: what every worker must run, so that the scores of a record are comparable.
    """

    def __init__(self, backend: Backend, wanted: int, versions: Mapping[str, str]) -> None:
        self._backend, self._wanted, self._versions = backend, wanted, versions
        self._starting: set[WorkerId] = set()
        self._idle: list[WorkerId] = []
        self._busy: dict[WorkerId, tuple[Job, set[Trial]]] = {}
        self._failures: Counter[Job | None] = Counter()

    def run(self, queue: Queue, emit: Emit) -> None:
        """Do all jobs of a queue.

        Raises:
            LesionError: for a job that a user must repair, or on which workers keep exiting.
            RuntimeError: for a fault of the package in a worker, with its traceback.
        """
        while True:
            self._assign(queue)
            if not self._busy and not len(queue):
                return
            for worker, message in self._backend.receive([*self._starting, *self._busy]):
                self._handle(worker, message, queue, emit)

    def _assign(self, queue: Queue) -> None:
        while self._idle and (job := queue.take()) is not None:
            worker = self._idle.pop()
            self._busy[worker] = (job, set())
            self._backend.send(worker, job)
        existing = len(self._starting) + len(self._idle) + len(self._busy)
        searching = sum(not job.trials for job, _ in self._busy.values())  # they will take draws
        free = len(self._starting) + len(self._idle) + searching
        missing = min(self._wanted - existing, len(queue) - free)
        self._starting |= {self._backend.start() for _ in range(missing)}

    def _handle(self, worker: WorkerId, message: Message, queue: Queue, emit: Emit) -> None:
        match message:
            case Ready(versions):
                self._check(versions)
                self._starting.discard(worker)
                self._failures.pop(None, None)
                self._idle.append(worker)
            case Finished():
                del self._busy[worker]
                self._idle.append(worker)
            case Failed(text, by_user):
                raise LesionError(text) if by_user else RuntimeError(f"in a worker:\n{text}")
            case Exited(reason):
                self._replace(worker, reason, queue, emit)
            case _:
                emit(message)
                if isinstance(message, TrialResult):
                    self._busy[worker][1].add(message.trial)

    def _replace(self, worker: WorkerId, reason: str, queue: Queue, emit: Emit) -> None:
        """Queue the unfinished trials of an exited worker; too many exits are an error."""
        self._starting.discard(worker)
        job, finished = self._busy.pop(worker, (None, set()))
        whole = job and job._replace(checkpoint=None, trials=())
        self._failures[whole] += 1
        if self._failures[whole] == MAX_FAILURES:
            where = f"on the same job ({job})" if job else "while they started"
            raise LesionError(
                f"Worker processes exited {MAX_FAILURES} times {where}; the last {reason}. "
                f"Finished trials are kept. {self._backend.remedy}"
            )
        if job:
            left = tuple(trial for trial in job.trials if trial not in finished)
            if left or not job.trials:
                queue.requeue(job._replace(trials=left))
        emit(WorkerLost(reason, job))

    def _check(self, versions: Mapping[str, str]) -> None:
        wrong = [name for name, own in self._versions.items() if versions.get(name) != own]
        if wrong:
            remote = ", ".join(f"{name} {versions.get(name)}" for name in wrong)
            local = ", ".join(f"{name} {self._versions[name]}" for name in wrong)
            raise LesionError(
                f"--engine: a worker runs {remote}, but this process {local}. Scores of one record "
                "come from one set of versions: install the same on every node."
            )


@contextmanager
def running(backend: Backend, wanted: int, versions: Mapping[str, str]) -> Iterator[WorkerPool]:
    """A pool that is stopped at the end, also after an error or an interrupt."""
    try:
        yield WorkerPool(backend, wanted, versions)
    finally:
        backend.stop()

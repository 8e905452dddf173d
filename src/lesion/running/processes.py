"""Worker processes of this machine, one thread each.

They import nothing of the caller's program, so that a script or a notebook needs no guard. On
Linux they are forks of one process that has loaded the libraries (`lesion.running.forkserver`).
Elsewhere, and where they share a GPU, they are fresh interpreters. Weights reach them by file: they
map the same pages, and a page is copied only where damage is written to it. Nothing heavy is
imported at the top of this file: a fresh interpreter sets its number of threads before it loads
torch.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from lesion.preparing.machine import USES_FORKSERVER

if TYPE_CHECKING:
    from lesion.running.jobs import Job, RunContext
    from lesion.running.messages import Message, WorkerId

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
STOP_SECONDS = 5.0  # between the request to end and the kill


class _Process(NamedTuple):
    process: BaseProcess
    pipe: Connection


@dataclass
class ProcessBackend:
    """Runs workers as processes of this machine.

    Args:
        context: what every worker needs.
    """

    context: "RunContext"
    remedy: str = "Run again with --workers 1."
    _numbers: Iterator[int] = field(default_factory=count)
    _workers: dict[int, _Process] = field(default_factory=dict)

    def start(self) -> "WorkerId":
        """Start a process."""
        ours, theirs = multiprocessing.Pipe()
        forks = USES_FORKSERVER and self.context.device == "cpu"  # a fork cannot use CUDA again
        method: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:  # has an effect on the first process of a program
            method.set_forkserver_preload(["lesion.running.forkserver"])
        process = method.Process(
            target=main, args=(theirs, dict(os.environ)), daemon=True, name="lesion worker"
        )
        with _isolated_start():
            process.start()
        theirs.close()  # so that its exit is the end of the pipe
        worker = next(self._numbers)
        self._workers[worker] = _Process(process, ours)
        self._write(worker, self.context)
        return worker

    def send(self, worker: "WorkerId", job: "Job") -> None:
        """Send a job; if the worker has exited, `receive` reports it."""
        self._write(worker, job)

    def _write(self, worker: "WorkerId", message: object) -> None:
        with contextlib.suppress(OSError):
            self._workers[worker].pipe.send(message)

    def receive(self, workers: "Sequence[WorkerId]") -> "list[tuple[WorkerId, Message]]":
        """One message of every worker that has sent any."""
        pipes = {worker: self._workers[worker].pipe for worker in workers}
        ready = wait(list(pipes.values()))
        return [(worker, self._next(worker)) for worker, pipe in pipes.items() if pipe in ready]

    def _next(self, worker: "WorkerId") -> "Message":
        from lesion.running.messages import Exited

        try:
            return self._workers[worker].pipe.recv()
        except (EOFError, OSError):  # also in the middle of a message
            process, pipe = self._workers.pop(worker)
            pipe.close()
            process.join()
            return Exited(exit_reason(process.exitcode))

    def stop(self) -> None:
        """End all processes."""
        for process, pipe in self._workers.values():
            pipe.close()
            process.terminate()
        for process, _ in self._workers.values():
            process.join(STOP_SECONDS)
            process.kill()
        self._workers.clear()


@contextlib.contextmanager
def _isolated_start() -> Iterator[None]:
    """While a process starts: it ignores Ctrl-C, and does not import the caller's program.

    Ctrl-C reaches every process of a terminal; this process decides what becomes of the others.
    multiprocessing would import the caller's main module in every worker.
    """
    main, mask = sys.modules["__main__"], None
    sys.modules["__main__"] = ModuleType("__main__")
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # comes with the first process, and would unblock SIGINT
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def main(pipe: Connection, environment: Mapping[str, str]) -> None:
    """What a worker process runs; `environment` is that of its parent when it was started."""
    os.environ.clear()
    os.environ.update({**environment, **dict.fromkeys(THREADS, "1")})
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _exit_with_parent()
    try:
        context = pipe.recv()  # imports what it is made of, torch too
    except (EOFError, ConnectionError):  # stopped before it could begin
        return
    from lesion.running.worker import serve

    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        serve(context, pipe.recv, pipe.send)


def _exit_with_parent() -> None:
    """End with the parent and not by Ctrl-C; and before the parent where memory runs out."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    parent = multiprocessing.parent_process()
    if parent is not None:

        def wait_for_parent() -> None:
            parent.join()
            os._exit(0)

        threading.Thread(target=wait_for_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # Linux


def exit_reason(exitcode: int | None) -> str:
    """How a process ended, as a predicate."""
    from lesion.running.worker import OUT_OF_MEMORY

    if exitcode == OUT_OF_MEMORY:
        return "ran out of memory"
    if exitcode is not None and exitcode < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-exitcode).name
            probably = ", probably out of memory" if name == "SIGKILL" else ""
            return f"was killed by {name}{probably}"
    return f"ended with exit code {exitcode}"

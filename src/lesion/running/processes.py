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

from lesion.preparing.machine import FORKS

if TYPE_CHECKING:
    from lesion.running.jobs import Job, Setting
    from lesion.running.messages import Hand, Signal

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
GRACE = 5.0  # seconds that a worker has to end when it is asked to


class _Process(NamedTuple):
    process: BaseProcess
    pipe: Connection


@dataclass
class Processes:
    """The staff of one machine.

    Args:
        setting: what every worker must know.
    """

    setting: "Setting"
    advice: str = "If memory has run out, take fewer workers: --workers 1."
    _numbers: Iterator[int] = field(default_factory=count)
    _hands: dict[int, _Process] = field(default_factory=dict)

    def hire(self) -> "Hand":
        """Start a process."""
        ours, theirs = multiprocessing.Pipe()
        forks = FORKS and self.setting.device == "cpu"  # a fork cannot wake CUDA again
        context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:  # heeded by the first process of a program
            context.set_forkserver_preload(["lesion.running.forkserver"])
        process = context.Process(
            target=main, args=(theirs, dict(os.environ)), daemon=True, name="lesion worker"
        )
        with _alone_in_the_world():
            process.start()
        theirs.close()  # so that its death is the end of the pipe
        hand = next(self._numbers)
        self._hands[hand] = _Process(process, ours)
        self._send(hand, self.setting)
        return hand

    def give(self, hand: "Hand", job: "Job") -> None:
        """Send a job; if nobody is there any more, `hear` will say so."""
        self._send(hand, job)

    def _send(self, hand: "Hand", what: object) -> None:
        with contextlib.suppress(OSError):
            self._hands[hand].pipe.send(what)

    def hear(self, hands: "Sequence[Hand]") -> "list[tuple[Hand, Signal]]":
        """One signal of everyone who has something to say."""
        speakers = wait([self._hands[hand].pipe for hand in hands])
        return [(hand, self._next(hand)) for hand in hands if self._hands[hand].pipe in speakers]

    def _next(self, hand: "Hand") -> "Signal":
        from lesion.running.messages import Died

        try:
            return self._hands[hand].pipe.recv()
        except (EOFError, OSError):  # in the middle of a message: killed while it spoke
            process, pipe = self._hands.pop(hand)
            pipe.close()
            process.join()
            return Died(cause(process.exitcode))

    def dismiss(self) -> None:
        """End all processes."""
        for process, pipe in self._hands.values():
            pipe.close()
            process.terminate()
        for process, _ in self._hands.values():
            process.join(GRACE)
            process.kill()
        self._hands.clear()


@contextlib.contextmanager
def _alone_in_the_world() -> Iterator[None]:
    """While a process starts: it inherits a deaf ear for Ctrl-C, and not the caller's program.

    Ctrl-C reaches every process of a terminal; this one decides what becomes of the others. And
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
    """The life of a worker process; `environment` is that of its parent when it was hired."""
    os.environ.clear()
    os.environ.update({**environment, **dict.fromkeys(THREADS, "1")})
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    _mortal()
    try:
        setting = pipe.recv()  # imports what it is made of, torch too
    except (EOFError, ConnectionError):  # dismissed before it could begin
        return
    from lesion.running.worker import serve

    with contextlib.suppress(EOFError, OSError):  # there is nobody to work for
        serve(setting, pipe.recv, pipe.send)


def _mortal() -> None:
    """End with the parent and not by Ctrl-C; and before the parent where memory runs out."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    parent = multiprocessing.parent_process()
    if parent is not None:

        def outlive() -> None:
            parent.join()
            os._exit(0)

        threading.Thread(target=outlive, daemon=True).start()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # Linux


def cause(exitcode: int | None) -> str:
    """How a process ended, as a predicate."""
    from lesion.running.worker import OUT_OF_MEMORY

    if exitcode == OUT_OF_MEMORY:
        return "ran out of memory"
    if exitcode is not None and exitcode < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-exitcode).name
            return f"was killed ({name}" + (": memory?)" if name == "SIGKILL" else ")")
    return f"ended with exit code {exitcode}"

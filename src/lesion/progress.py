"""How far a long run is: a bar on a terminal, plain lines elsewhere."""

import importlib.util
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lesion.report.numbers import duration
from lesion.study.trials import INTACT

if TYPE_CHECKING:
    from lesion.pretraining.pretrain import Progress as Progress_
    from lesion.study.trials import Measured

PLAIN_SECONDS = 10.0


class Stop:
    """Ctrl-C that cannot get lost: a library may swallow the exception, the flag stays."""

    asked = False

    @classmethod
    @contextmanager
    def on_ctrl_c(cls) -> Iterator[None]:
        """While open, an interrupt is raised at once and again with every report of progress."""

        def ask(signum: int, frame: object) -> None:
            cls.asked = True
            raise KeyboardInterrupt

        if threading.current_thread() is not threading.main_thread():
            yield  # signals belong to the main thread
            return
        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            cls.asked = False

    @classmethod
    def check(cls) -> None:
        """Raise the interrupt if one was asked for."""
        if cls.asked:
            raise KeyboardInterrupt


class Meter:
    """A watcher of runs; use it as a context manager.

    Args:
        console: where to write.
        total: trials that are missing.
        on_intact: called with the measurement of every undamaged model, returns a line or "".
    """

    def __init__(
        self,
        console: Console,
        total: int,
        on_intact: "Callable[[Measured], str]" = lambda measured: "",
    ) -> None:
        self._console, self._total, self._on_intact = console, total, on_intact
        self._done, self._said, self._start = 0, 0.0, 0.0
        self._bar: Progress | None = None
        if console.is_terminal or _in_notebook(console):
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"),
                TimeRemainingColumn(), console=console, transient=True,
            )  # fmt: skip
        self._row: TaskID | None = None

    def __enter__(self) -> "Meter":
        if self._bar:
            self._bar.start()
            self._row = self._bar.add_task("", total=self._total, state="")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    def preparing(self, model: str, seed: int, task: str) -> None:
        """A model is about to be loaded or fine-tuned."""
        self._now(f"{model} (seed {seed}) on {task}: preparing", important=True)

    def finetuning(self, model: str, seed: int, task: str, step: int, steps: int) -> None:
        """A step of fine-tuning is done; several models may be trained at once."""
        Stop.check()
        where = f"{model} (seed {seed}) on {task}"
        self._now(f"{where}: fine-tuning, step {step} of {steps}", important=step == steps)

    def measured(self, measured: "Measured") -> None:
        """A trial is in the record."""
        Stop.check()
        self._start = self._start or time.monotonic() - measured.seconds
        self._done += 1
        trial = measured.trial
        if trial.lesion == INTACT:
            line = self._on_intact(measured)
            if line:
                self._console.print(line, highlight=False, markup=False)
        rate = self._done / max(time.monotonic() - self._start, 1e-9)
        state = f"{self._done}/{self._total} trials, {rate:.2g}/s"
        if self._bar and self._row is not None:
            self._bar.update(self._row, completed=self._done, state=state)
        left = (self._total - self._done) / rate
        what = f"{trial.model} {trial.task} {trial.lesion or 'intact'}"
        self._now(what, f"{state}, {duration(left)} left", important=self._done == self._total)

    def note(self, sentence: str) -> None:
        """Something that a person should know."""
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def _now(self, what: str, state: str = "", important: bool = False) -> None:
        if self._bar and self._row is not None:
            self._bar.update(self._row, description=what)
        elif important or time.monotonic() - self._said > PLAIN_SECONDS:
            self._said = time.monotonic()
            line = f"{what}: {state}" if state else what
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def error_console() -> Console:
    """Standard error: a terminal, a notebook's output, or a file."""
    return Console(stderr=True, highlight=False)


def wanted(progress: bool | None, console: Console) -> bool:
    """Whether progress is shown: in terminals and notebooks, unless somebody decided."""
    return (console.is_terminal or console.is_jupyter) if progress is None else progress


def _in_notebook(console: Console) -> bool:
    """Whether this is a notebook that can show a bar; without ipywidgets it shows lines."""
    return console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None


class Reading:
    """A watcher of pretraining: a plain line now and then."""

    def __init__(self, console: Console) -> None:
        self._console, self._said = console, 0.0

    def __call__(self, progress: "Progress_") -> None:
        """One report of one twin."""
        Stop.check()
        finished = progress.tokens >= progress.of
        if finished or time.monotonic() - self._said > PLAIN_SECONDS:
            self._said = time.monotonic()
            left = (progress.of - progress.tokens) / max(progress.tokens_per_second, 1e-9)
            self._console.print(
                f"{progress.twin}: {progress.tokens / 1e6:.2f} of {progress.of / 1e6:.2f} million "
                f"tokens, {progress.tokens_per_second:,.0f}/s, loss {progress.loss:.3f}, "
                f"{duration(left)} left",
                highlight=False, markup=False, soft_wrap=True,
            )  # fmt: skip

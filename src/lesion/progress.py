"""Progress of long runs: a bar on a terminal, plain lines elsewhere."""

import importlib.util
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lesion.report.numbers import duration

if TYPE_CHECKING:
    from lesion.pretraining.pretrain import Progress as PretrainingProgress
    from lesion.study.trials import TrialResult

PLAIN_SECONDS = 10.0


class Stop:
    """Ctrl-C with a flag: it stays where a library swallows the exception."""

    requested = False

    @classmethod
    @contextmanager
    def on_ctrl_c(cls) -> Iterator[None]:
        """While open, an interrupt is raised at once and again with every report of progress."""

        def request(signum: int, frame: object) -> None:
            cls.requested = True
            raise KeyboardInterrupt

        if threading.current_thread() is not threading.main_thread():
            yield  # signals belong to the main thread
            return
        before = signal.signal(signal.SIGINT, request)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            cls.requested = False

    @classmethod
    def check(cls) -> None:
        """Raise the interrupt if one was requested."""
        if cls.requested:
            raise KeyboardInterrupt


@contextmanager
def interruptible(stderr: Console, command: str, begun: Path | None = None) -> Iterator[None]:
    """Ctrl-C prints how to resume, and ends with exit code 130.

    Args:
        command: resumes what was stopped.
        begun: a file that exists once something is kept; None if something always is.
    """
    try:
        with Stop.on_ctrl_c():
            yield
    except KeyboardInterrupt:
        if begun is not None and not begun.is_file():
            stderr.print("\nStopped before the first trial. Give the same command again.")
            sys.exit(130)
        stderr.print("\nStopped. Everything finished is kept. Resume with:", markup=False)
        stderr.print(f"  {command}", markup=False, soft_wrap=True)
        sys.exit(130)


def resume_command(folder: Path, options: dict[str, Any]) -> str:
    """The command that resumes a run, with the options that are not at their defaults."""
    start = ["lesion", "run", str(folder / "study.yaml"), "--out", str(folder)]
    return shlex.join([*start, *_options_text(options)])


def _options_text(options: dict[str, Any]) -> list[str]:
    defaults = ("cpu", "local", "float32", "", None)
    given = {name: value for name, value in options.items() if value not in defaults}
    pairs = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items()]
    return [text for pair in pairs for text in pair]


class Meter:
    """A watcher of runs; use it as a context manager.

    Args:
        console: where to write.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._done, self._total, self._last_shown, self._start = 0, 0, 0.0, 0.0
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
            self._row = self._bar.add_task("", total=None, state="")
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()

    def begin(self, trials: int) -> None:
        """So many trials are run next."""
        self._total += trials
        if self._bar and self._row is not None:
            self._bar.update(self._row, total=self._total)

    def preparing(self, model: str, seed: int, task: str) -> None:
        """A model is about to be loaded or fine-tuned."""
        self._show(f"{model} (seed {seed}) on {task}: preparing", important=True)

    def finetuning(self, model: str, seed: int, task: str, step: int, steps: int) -> None:
        """A step of fine-tuning is done; several models may be trained at once."""
        Stop.check()
        where = f"{model} (seed {seed}) on {task}"
        self._show(f"{where}: fine-tuning, step {step} of {steps}", important=step == steps)

    def measured(self, measured: "TrialResult") -> None:
        """A trial is in the record."""
        Stop.check()
        self._start = self._start or time.monotonic() - measured.seconds
        self._done += 1
        trial = measured.trial
        rate = self._done / max(time.monotonic() - self._start, 1e-9)
        state = f"{self._done}/{self._total} trials, {rate:.2g}/s"
        if self._bar and self._row is not None:
            self._bar.update(self._row, completed=self._done, state=state)
        left = max(self._total - self._done, 0) / rate
        what = f"{trial.model} {trial.task} {trial.lesion or 'intact'}"
        self._show(what, f"{state}, {duration(left)} left", important=self._done == self._total)

    def intact(self, sentence: Callable[[], str]) -> None:
        """A model was scored without damage."""
        self._console.print(sentence(), highlight=False, markup=False)

    def note(self, sentence: str) -> None:
        """A fact that the user should know."""
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def _show(self, what: str, state: str = "", important: bool = False) -> None:
        if self._bar and self._row is not None:
            self._bar.update(self._row, description=what)
        elif important or time.monotonic() - self._last_shown > PLAIN_SECONDS:
            self._last_shown = time.monotonic()
            line = f"{what}: {state}" if state else what
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def error_console() -> Console:
    """Standard error: a terminal, a notebook's output, or a file."""
    return Console(stderr=True, highlight=False)


def wanted(progress: bool | None, console: Console) -> bool:
    """Whether progress is shown; by default in terminals and notebooks."""
    return (console.is_terminal or console.is_jupyter) if progress is None else progress


def _in_notebook(console: Console) -> bool:
    """Whether this is a notebook that can show a bar; without ipywidgets it shows lines."""
    return console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None


class PretrainingMeter:
    """A watcher of pretraining that prints a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console, self._last_shown = console, 0.0

    def __call__(self, progress: "PretrainingProgress") -> None:
        """One report of one twin."""
        Stop.check()
        finished = progress.tokens >= progress.of
        if finished or time.monotonic() - self._last_shown > PLAIN_SECONDS:
            self._last_shown = time.monotonic()
            left = (progress.of - progress.tokens) / max(progress.tokens_per_second, 1e-9)
            self._console.print(
                f"{progress.twin}: {progress.tokens / 1e6:.2f} of {progress.of / 1e6:.2f} million "
                f"tokens, {progress.tokens_per_second:,.0f}/s, loss {progress.loss:.3f}, "
                f"{duration(left)} left",
                highlight=False, markup=False, soft_wrap=True,
            )  # fmt: skip

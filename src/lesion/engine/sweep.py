"""The main path: every trial of a study that the record does not hold yet."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import Any, NamedTuple, Protocol

import numpy as np

from lesion.damage.lesion import Damage, build
from lesion.damage.wound import Receipt
from lesion.engine.bench import Bench, opened, prepare
from lesion.study import INTACT, Study, Trial, pending
from lesion.tasks.base import Task


class Measured(NamedTuple):
    """What one trial gave.

    Attributes:
        trial: its address.
        receipt: proof of the damage; None for an intact model.
        outputs: float32 (examples, columns).
        seconds: wall time of damage and scoring.
    """

    trial: Trial
    receipt: Receipt | None
    outputs: np.ndarray
    seconds: float


class Book(Protocol):
    """Where results are kept: `lesion.record.Record`, one floor up."""

    def done(self) -> set[Trial]:
        """What need not be run again."""

    def add(self, measured: Measured) -> None:
        """Keep one trial; safe on return."""

    def add_task(self, task: Task) -> None:
        """Pin the examples."""

    def add_model(
        self, model: str, seed: int, task: str, source: str, revision: str | None, digest: str
    ) -> None:
        """Pin the weights."""


class Watcher(Protocol):
    """Whoever wants to know how a run is going."""

    def preparing(self, model: str, seed: int, task: str) -> None:
        """A model is about to be loaded or fine-tuned for a task."""

    def finetuning(self, step: int, steps: int) -> None:
        """Fine-tuning has done a step."""

    def measured(self, measured: Measured) -> None:
        """A trial is finished and safe in the record."""


Rounds = Callable[[Study, Book], Iterator[Iterable[Trial]]]


def once(study: Study, record: Book) -> Iterator[Iterable[Trial]]:
    """One round: every trial that is missing."""
    yield pending(study, record.done())


def run(
    study: Study,
    record: Book,
    tasks: Mapping[str, Task],
    watcher: Watcher,
    device: str = "cpu",
    rounds: Rounds = once,
) -> None:
    """Run what is missing. Interrupted anywhere, the record holds all finished trials.

    Args:
        rounds: yields the trials of a round; when it is resumed, they are all in the record, so
            that it may look at them before it asks for more.
    """
    lesions = {spec.name: build(spec, study.seed) for spec in study.lesions}
    specs = {spec.name: spec for spec in study.models}
    wanted = chain.from_iterable(rounds(study, record))
    for (name, seed, task), trials in groupby(wanted, key=_patient):
        watcher.preparing(name, seed, task)
        bench = prepare(
            specs[name], seed, tasks[task], study.finetune,
            device=device, progress=watcher.finetuning,
        )  # fmt: skip
        found = bench.checkpoint
        record.add_task(tasks[task])
        record.add_model(name, seed, task, specs[name].source, found.revision, found.digest)
        for measured in measure(bench, lesions, trials):
            record.add(measured)
            watcher.measured(measured)


def measure(
    bench: Bench, lesions: Mapping[str, Damage], trials: Iterable[Trial]
) -> Iterator[Measured]:
    """Score one patient at every address; doses of one draw must ascend."""
    for (lesion, draw), doses in groupby(trials, key=lambda trial: (trial.lesion, trial.draw)):
        if lesion == INTACT:
            yield from (_timed(trial, None, bench) for trial in doses)
            continue
        with opened(lesions[lesion], bench, draw) as wound:
            for trial in doses:
                yield _timed(trial, wound, bench)


def _timed(trial: Trial, wound: Any, bench: Bench) -> Measured:
    start = time.perf_counter()
    receipt = wound.deepen(trial.dose) if wound else None
    outputs = bench.score()
    return Measured(trial, receipt, outputs, time.perf_counter() - start)


def _patient(trial: Trial) -> tuple[str, int, str]:
    return trial.model, trial.seed, trial.task

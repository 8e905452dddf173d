"""What parts of a study cost on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lesion.api import run
from lesion.results import Run
from lesion.study import variants
from lesion.study.doses import MAX_DOSES
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.analysis.design import Part
    from lesion.tasks.base import Task

PRICED = 24  # examples of the trials whose price is compared with that of the pilot's
TRAINING_PASSES = 3  # a backward pass is twice a forward pass


class Price(NamedTuple):
    """Prices on one task, in seconds of one process; see `lesion.analysis.design.Part`."""

    seed: float
    trial: float
    example: float


def prices_of(
    study: Study, pilot: Run, tasks: "Mapping[str, Task]", data: str | Path | None, workers: int
) -> dict[str, Price]:
    """Two sizes are timed: the pilot, and one draw and seed of it with few examples."""
    one_draw = variants.coarser(pilot.study, MAX_DOSES, draws=1, seeds=1)
    few = variants.limited(one_draw, PRICED)
    large, scored, prices = pilot.record.seconds(), pilot.record.scored(), {}
    with (
        TemporaryDirectory() as folder,
        run(few, folder, data=data, workers=workers, progress=False) as small,
    ):
        timed = small.record.seconds()
        sizes = {name: small.record.examples(name) for name in tasks}
    for name, task in tasks.items():
        both = [trial for trial in timed if trial in large and trial.task == name]
        less = float(np.mean([timed[trial] for trial in both]))
        more = float(np.mean([large[trial] for trial in both]))
        examples = float(np.mean([scored[trial] for trial in both]))
        grown = examples - sizes[name]
        example = max(more - less, 0.0) / grown if grown > 0 else more / examples
        trial = max(less - sizes[name] * example, 0.0)
        prices[name] = Price(_training(study, task) * example, trial, example)
    return prices


def _training(study: Study, task: "Task") -> float:
    """Fine-tuning one model once, in examples scored: a step is three forward passes."""
    if study.finetune is None or "training" not in task.offers:
        return 0.0
    return TRAINING_PASSES * study.finetune.epochs * len(task.split("train").labels)  # type: ignore[attr-defined]


def parts_of(
    study: Study,
    doses: Sequence[float],
    tasks: "Mapping[str, Task]",
    prices: Mapping[str, Price],
) -> "dict[str, Part]":
    """What a study costs, by task, at the prices of the pilot."""
    from lesion.analysis.design import Part

    counts = {True: 0, False: 0}
    for lesion in study.lesions:
        counts[lesion.random] += len([dose for dose in lesion.doses or doses if dose > 0])
    return {
        name: Part(
            models=len(study.models), random=counts[True], fixed=counts[False],
            most=len(task.targets),
            seed=prices[name].seed, trial=prices[name].trial, example=prices[name].example,
        )
        for name, task in tasks.items()
    }  # fmt: skip

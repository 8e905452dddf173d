"""The addresses of evaluations, and what each of them gives."""

from typing import NamedTuple

import numpy as np

from lesion.damage.receipt import Receipt

INTACT = ""  # the lesion of a trial at dose 0


class Trial(NamedTuple):
    """The address of one evaluation; an undamaged one has the lesion `INTACT` and dose 0."""

    model: str
    seed: int
    task: str
    lesion: str
    dose: float
    draw: int


class Patient(NamedTuple):
    """A model, fine-tuned with a seed, on a task."""

    model: str
    seed: int
    task: str


class Part(NamedTuple):
    """Examples start ... stop - 1 of a task whose examples are added as needed."""

    start: int
    stop: int


class TrialResult(NamedTuple):
    """What one trial gave.

    Attributes:
        trial: its address.
        receipt: proof of the damage; None for an intact model.
        outputs: float32 (examples, columns).
        seconds: wall time of damage and scoring.
        cut: share of the examples whose text was cut at the task's max_length.
        start: the first example of the outputs; the record holds those before it.
    """

    trial: Trial
    receipt: Receipt | None
    outputs: np.ndarray
    seconds: float
    cut: float = 0.0
    start: int = 0

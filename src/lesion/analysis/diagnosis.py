"""What a diagnosis is: a question about one dose-response curve, and the finding that answers it.

The diagnoses themselves, and their table, are in `lesion.analysis.health`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lesion.analysis import crashes
from lesion.analysis.bootstrap import Replicates
from lesion.analysis.responses import Responses
from lesion.tasks.kinds import kind_of

Array = np.ndarray

CONSTANT = 0.99  # share of the examples with one class from which on a trial counts as constant


class Severity(NamedTuple):
    """How much a finding matters: its mark in tables, and what the mark means."""

    mark: str
    style: str  # of the mark on a terminal
    meaning: str


SEVERITIES = {  # the most severe first
    "exclude": Severity("✗", "yellow", "left out of verdicts"),
    "warning": Severity("!", "yellow", "warning"),
    "note": Severity("·", "dim", "note"),
}


class Finding(NamedTuple):
    """One diagnosis of one curve."""

    name: str  # of the diagnosis
    model: str
    task: str
    lesion: str
    message: str  # whole sentences, with the numbers
    dose: float | None  # the dose at which it begins; None: it belongs to no dose
    severity: str  # of SEVERITIES
    evidence: dict[str, Any]  # plain numbers, strings and lists

    def __str__(self) -> str:
        """The short form of tables: the name and its dose."""
        return self.name if self.dose is None else f"{self.name} ({self.dose:g})"

    @property
    def excludes(self) -> bool:
        """Whether verdicts leave this curve out."""
        return self.severity == "exclude"


class Observation(NamedTuple):
    """What a diagnosis found: a finding without its name and the names of the curve."""

    message: str
    dose: float | None
    severity: str
    evidence: dict[str, Any]


@dataclass(frozen=True)
class CurveData:
    """What diagnoses are made from: the responses, and the replicates of the main metric.

    Attributes:
        curves: of the study, among which this is tested: models x tasks x lesions.
    """

    responses: Responses
    main: Replicates
    curves: int = 1

    @cached_property
    def crashed(self) -> Array:
        """Whether each trial is crashed, (seeds, draws, doses), see `crashes`."""
        return crashes.crashed(self.responses.outputs)

    @cached_property
    def class_shares(self) -> Array | None:
        """Share of each class in the answers of each trial, (seeds, draws, doses, classes).

        None if the task has no classes, or if at least 99% of the labels are one class.
        """
        r = self.responses
        predicted = kind_of(r.kind).predicted
        if predicted is None:
            return None
        columns = r.outputs.shape[-1]
        if np.bincount(r.labels, minlength=columns).max() >= CONSTANT * len(r.labels):
            return None
        answers = predicted(np.moveaxis(r.outputs, -1, 0))
        return np.stack([(answers == k).mean(-1) for k in range(columns)], -1)


@dataclass(frozen=True)
class Diagnosis:
    """One question about a curve.

    Attributes:
        name: as tables, JSON and figures show it.
        doc: one line: when it is made.
        severities: those that its findings can have, the most severe first.
        observe: the function that finds it; None: the curve does not have it.
        sign: matplotlib's marker on the curve, at the dose where it begins; "": no sign.
    """

    name: str
    doc: str
    severities: tuple[str, ...]
    observe: Callable[[CurveData], Observation | None]
    sign: str = ""

    @property
    def excludes(self) -> bool:
        """Whether it can leave a model out of verdicts."""
        return "exclude" in self.severities

    def find(self, curve: CurveData) -> Finding | None:
        """The finding on one curve, or None."""
        observation = self.observe(curve)
        if observation is None:
            return None
        r, (message, dose, severity, evidence) = curve.responses, observation
        return Finding(self.name, r.model, r.task, r.lesion, message, dose, severity, evidence)

"""Responses whose behaviour under damage is known, for the tests of the analysis."""

import numpy as np

from lesion.analysis.responses import Responses

METRICS = ("accuracy", "balanced_accuracy", "f1", "mcc", "cross_entropy")


def mrpc_labels(examples: int = 408) -> np.ndarray:
    """68.4% of class 1, as in MRPC's development set."""
    return (np.arange(examples) < round(0.684 * examples)).astype(np.int64)


def classified(answers: np.ndarray, labels: np.ndarray, **changed: object) -> Responses:
    """Responses that give these answers: (seeds, draws, doses, examples) of class indices."""
    seeds, draws, doses = answers.shape[:3]
    columns = max(int(answers.max()), int(labels.max()), 1) + 1
    outputs = (np.eye(columns)[answers] * 2).astype(np.float32)
    plain = Responses(
        model="A",
        group=None,
        task="mrpc",
        lesion="deletion",
        kind="classify",
        metrics=METRICS,
        doses=np.linspace(0, 1, doses),
        outputs=outputs,
        labels=labels,
        classes=("different", "same", "third")[:columns],
        seeds=tuple(range(seeds)),
        draws=tuple(range(draws)),
    )
    return plain._replace(**changed)


def falling_curve(
    rng: np.random.Generator,
    labels: np.ndarray,
    seeds: int = 1,
    draws: int = 8,
    doses: int = 6,
    middle: float = 0.5,
    spread: float = 0.05,
    **changed: object,
) -> Responses:
    """A model that is right on 88% and loses its answers, draw by draw, around `middle`.

    What is lost is answered with class 1. Each example has a threshold, each draw a shift.
    """
    shape = (seeds, draws, 1, len(labels))
    grid = np.linspace(0, 1, doses)[:, None]
    right = np.broadcast_to(rng.random((seeds, 1, 1, len(labels))) < 0.88, shape)
    whole = np.where(right, labels, 1 - labels)
    shift = rng.normal(0, spread, (seeds, draws, 1, 1))
    threshold = middle + rng.normal(0, 0.15, (1, 1, 1, len(labels))) + shift
    lost = (grid > threshold) & (grid > 0)
    answers = np.where(lost, 1, np.broadcast_to(whole, (seeds, draws, doses, len(labels))))
    return classified(answers, labels, **changed)

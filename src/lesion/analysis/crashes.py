"""Trials and examples whose outputs are not finite: they have no skill.

Flipped bits make weights of 1e38, and outputs that are nan or infinite. Such an output is no
answer. A trial with more than half of its examples without a finite output is crashed, and its
score is chance, in every metric. In other trials the share q of the examples without one counts as
chance, and the rest as they are: the score is (1 - q) x that of the rest + q x chance. A few broken
examples therefore do not ruin a trial, and skill falls steadily to 0 as they become more. If they
counted as wrong instead, a trial with half of them would be far below a crashed one; and a single
infinite loss would make the loss of the whole curve infinite.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lesion.analysis import scores
from lesion.tasks.metrics import Metric

Array = np.ndarray

CRASHED = 0.5  # share of examples without a finite output above which a trial is crashed


def broken(outputs: Array) -> Array:
    """Whether an example lacks a finite output: (..., examples, columns) -> (..., examples)."""
    return ~np.isfinite(outputs).all(-1)


def crashed(outputs: Array) -> Array:
    """Whether a trial is crashed: (..., examples, columns) -> (...)."""
    return broken(outputs).mean(-1) > CRASHED


def measure(
    metrics: Sequence[Metric],
    kind: str,
    outputs: Array,
    targets: Array,
    weights: Array,
    chances: Mapping[str, Array],
) -> dict[str, Array]:
    """`scores.measure` with what is not finite at chance: for each word (replicates, cells).

    A score that is infinite although all outputs are finite is also chance (a perplexity beyond the
    largest number).

    Args:
        metrics, kind, outputs, targets, weights: as in `scores.measure`.
        chances: word -> (replicates,) the score of the best constant answer under these weights.
    """
    missing = ~np.isfinite(outputs).all(0)  # (examples, cells)
    if not missing.any():
        values = scores.measure(metrics, kind, outputs, targets, weights)
    else:
        values = _with_missing(metrics, kind, outputs, targets, weights, chances, missing)
    for word, value in values.items():
        if not np.isfinite(value).all():
            values[word] = np.where(np.isfinite(value), value, chances[word][:, None])
    return values


def _with_missing(
    metrics: Sequence[Metric],
    kind: str,
    outputs: Array,
    targets: Array,
    weights: Array,
    chances: Mapping[str, Array],
    missing: Array,
) -> dict[str, Array]:
    """Cells with the same examples missing are measured together, on the other examples."""
    shape = (len(weights), outputs.shape[2])
    values = {m.word: np.repeat(chances[m.word][:, None], shape[1], 1) for m in metrics}
    patterns, group = np.unique(missing, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        if pattern.mean() > CRASHED:
            continue
        cells, rest = np.flatnonzero(group.ravel() == number), ~pattern
        total, own = weights.sum(1, keepdims=True), weights[:, rest]
        kept = own.sum(1, keepdims=True) / total
        own = np.where(kept > 0, own, 1)  # no such example in this replicate: it is at chance
        scored = scores.measure(metrics, kind, outputs[:, rest][..., cells], targets[rest], own)
        for word, score in scored.items():
            chance = chances[word][:, None]
            values[word][:, cells] = np.where(kept > 0, kept * score + (1 - kept) * chance, chance)
    return values


def score(metric: str, outputs: Array, targets: Array, kind: str) -> float:
    """One metric of one trial, (examples, columns), with what is not finite at chance."""
    chosen, rows = scores.metric_of(metric, kind), np.ones((1, len(targets)))
    chances = scores.chances([chosen], kind, outputs, targets, rows)
    (value,) = measure([chosen], kind, outputs.T[:, :, None], targets, rows, chances).values()
    return float(value[0, 0])

"""Scores from outputs: several metrics at once, and their chance levels, under example weights.

A bootstrap replicate is a row of weights on the examples, so every built-in metric is written as
matrix products of weights (replicates, examples) with statistics of each example; thousands of
replicates of hundreds of trials take some tenths of a second.

Metrics are in `lesion.tasks.metrics`; kinds of tasks have the statistics that they read.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.base import Kind
from lesion.tasks.kinds import kind_of
from lesion.tasks.metrics import OUTPUTS, Metric
from lesion.tasks.statistics import Array, tally, weighted_mean

AnyMetric = str | Metric


def available(kind: str) -> tuple[str, ...]:
    """The metrics of a kind of task, the main one first."""
    return tuple(metric.word for metric in kind_of(kind).metrics)


def metric_of(metric: AnyMetric, kind: str) -> Metric:
    """A metric of a kind by its word; an object passes through.

    Raises:
        LesionError: if the kind has no such metric.
    """
    if isinstance(metric, Metric):
        return metric
    for own in kind_of(kind).metrics:
        if own.word == metric:
            return own
    known = ", ".join(available(kind))
    raise LesionError(f"A metric of a {kind} task must be one of {known}. Got {metric!r}.")


def measure(
    metrics: Sequence[AnyMetric], kind: str, outputs: Array, targets: Array, weights: Array
) -> dict[str, Array]:
    """Several metrics at once, sharing what they have in common.

    Args:
        metrics: words of the kind's metrics, or objects.
        kind: of task.
        outputs: (columns, examples, cells); a cell is one trial.
        targets: (examples,).
        weights: (replicates, examples), non-negative; floating, and their dtype is the precision
            of the sums.

    Returns:
        For each metric's word an array (replicates, cells).
    """
    objects = [metric_of(metric, kind) for metric in metrics]
    entry, read = kind_of(kind), {metric.statistic for metric in objects} - {OUTPUTS}
    statistics = {name: _statistic(name, entry, outputs, targets, weights) for name in read}
    return {
        metric.word: metric.value(outputs, targets, weights)
        if metric.statistic == OUTPUTS
        else metric.value(statistics[metric.statistic])
        for metric in objects
    }


def _statistic(name: str, kind: type[Kind], outputs: Array, targets: Array, weights: Array) -> Any:
    """What a metric reads: a weighted mean, `Tally` or `TextLoss`."""
    if name == "predicted":
        return tally(weights, kind.predicted(outputs), targets, len(outputs))
    if name == "text_loss":
        return kind.text_loss(weights, outputs, targets)
    return weighted_mean(weights, getattr(kind, name)(outputs, targets))


def score(
    metric: AnyMetric,
    outputs: Array,
    targets: Array,
    weights: Array | None = None,
    kind: str = "classify",
) -> Array:
    """One metric of outputs (..., examples, columns): (...), or (replicates, ...) under weights.

    Example:
        >>> score("accuracy", np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([1, 1]))
        array(0.5)
    """
    outputs, targets = np.asarray(outputs), np.asarray(targets)
    shape, (examples, columns) = outputs.shape[:-2], outputs.shape[-2:]
    cells = np.moveaxis(outputs.reshape(-1, examples, columns), (2, 1), (0, 1))
    rows = np.ones((1, examples)) if weights is None else _floating(weights)
    (values,) = measure([metric], kind, cells, targets, rows).values()
    return values.reshape(shape) if weights is None else values.reshape(len(rows), *shape)


def _floating(weights: Array) -> Array:
    weights = np.asarray(weights)
    return weights if np.issubdtype(weights.dtype, np.floating) else weights.astype(np.float64)


def chance(
    metric: AnyMetric,
    targets: Array,
    columns: int,
    weights: Array | None = None,
    kind: str = "classify",
    outputs: Array | None = None,
) -> Array:
    """The score of the best constant answer: a scalar array, or (replicates,) under weights.

    Which answer is best is decided once, on the unweighted targets: were the best one chosen anew
    in each replicate, it would be better there than the best one of the population ever is.

    Args:
        outputs: (examples, columns) of any trial, for kinds whose outputs hold those of the best
            constant answer (`Kind.baseline_columns`).
    """
    entry, resolved = kind_of(kind), metric_of(metric, kind)
    if resolved.chance is None:
        assert outputs is not None, f"the chance level of a {kind} task is in its outputs"
        baseline = np.asarray(outputs)[:, entry.baseline_columns]
        return score(resolved, baseline, targets, weights, kind)
    targets = np.asarray(targets)
    prior = entry.prior or _no_prior
    plain = prior(targets, columns, np.ones((1, len(targets))))
    if weights is None:
        return resolved.chance(plain, plain[0])[0]
    return resolved.chance(prior(targets, columns, _floating(weights)), plain[0])


def chances(
    metrics: Sequence[AnyMetric], kind: str, outputs: Array, targets: Array, weights: Array
) -> dict[str, Array]:
    """`chance` of several metrics: for each one's word (replicates,); `outputs` of any trial."""
    objects = [metric_of(metric, kind) for metric in metrics]
    columns = outputs.shape[-1]
    return {m.word: chance(m, targets, columns, weights, kind, outputs) for m in objects}


def _no_prior(targets: Array, columns: int, weights: Array) -> Array:
    return np.ones((len(weights), 1))

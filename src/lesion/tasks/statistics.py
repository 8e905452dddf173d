"""What metrics read of examples: weighted means and shares, a row for every replicate."""

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class TextLoss(NamedTuple):
    """Weighted means over examples of unequal size, whose ratios are scores."""

    nats: Array  # (replicates, cells)
    tokens: Array  # (replicates, cells)
    bytes: Array  # (replicates, 1)


class Tally(NamedTuple):
    """Weighted shares of the examples, class by class."""

    hits: Array  # (classes, replicates, cells) of the class and predicted so
    predicted: Array  # (classes, replicates, cells) predicted so; sums below 1 where not finite
    true: Array  # (classes, replicates, 1) of the class


def weighted_mean(weights: Array, values: Array) -> Array:
    """Mean of values (members, cells) under weights (replicates, members): (replicates, cells).

    A value that is not finite makes infinite every mean in which it has weight, and only those.
    """
    total = weights.sum(1, keepdims=True)
    finite = np.isfinite(values)
    if finite.all():
        return weights @ values.astype(weights.dtype, copy=False) / total
    mean = weights @ np.where(finite, values, 0).astype(weights.dtype) / total
    return np.where(weights @ (~finite).astype(weights.dtype) > 0, np.inf, mean)


def tally(weights: Array, predicted: Array, targets: Array, classes: int) -> Tally:
    """Shares of predicted classes (examples, cells), -1 for none, under weights."""
    total = weights.sum(1, keepdims=True)
    shape = (classes, len(weights), predicted.shape[1])
    hits, shares = np.empty(shape, weights.dtype), np.empty(shape, weights.dtype)
    true = np.empty((classes, len(weights), 1), weights.dtype)
    for k in range(classes):
        chosen, own = (predicted == k).astype(weights.dtype), targets == k
        shares[k] = weights @ chosen / total
        hits[k] = weights[:, own] @ chosen[own] / total
        true[k] = weights[:, own].sum(1, keepdims=True) / total
    return Tally(hits, shares, true)

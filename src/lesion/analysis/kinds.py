"""What the outputs of a kind of task tell about each example.

`KINDS` says what a kind offers: whether the answer was `correct` (0, 1, or a half for a tie), its
`loss` in nats, which class was its `answer`, and the `prior` that a constant answer could know.
Running text (`lm`) offers what is `spent` on each example instead, and its outputs hold what the
best constant answer would have spent.

Outputs that are not finite: the example counts as wrong, as an answer of no class, and its loss is
infinite.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lesion.errors import LesionError

Array = np.ndarray


class Spent(NamedTuple):
    """Weighted means over examples of unequal size, whose ratios are scores."""

    nats: Array  # (replicates, cells)
    tokens: Array  # (replicates, cells)
    bytes: Array  # (replicates, 1)


class Kind(NamedTuple):
    """What a kind of task offers; outputs are (columns, examples, cells), labels (examples,).

    Columns come first because they are few: reducing a short last axis is many times slower.
    """

    # labels, columns, weights -> (replicates, classes); None where outputs tell (`constant`)
    prior: Callable[[Array, int, Array], Array] | None = None
    # outputs, labels -> (examples, cells) in [0, 1]
    correct: Callable[[Array, Array], Array] | None = None
    loss: Callable[[Array, Array], Array] | None = None  # -> (examples, cells), nats
    answer: Callable[[Array], Array] | None = None  # outputs -> (examples, cells) class, -1: none
    spent: Callable[[Array, Array, Array], Spent] | None = None  # weights, outputs, labels
    constant: tuple[int, ...] = ()  # columns of outputs that are the best constant answer's


def _finite(outputs: Array) -> Array:
    return np.isfinite(outputs).all(0)


def _class_answer(outputs: Array) -> Array:
    answer = outputs[1] > outputs[0] if len(outputs) == 2 else outputs.argmax(0)
    return np.where(_finite(outputs), answer, np.int16(-1)).astype(np.int16)


def _class_correct(outputs: Array, labels: Array) -> Array:
    return (_class_answer(outputs) == labels[:, None]).astype(np.float32)


def _class_loss(outputs: Array, labels: Array) -> Array:
    with np.errstate(invalid="ignore"):
        shifted = outputs - outputs.max(0)
        picked = np.take_along_axis(shifted, labels[None, :, None], 0)[0]
        loss = np.log(np.exp(shifted).sum(0)) - picked
    return np.where(_finite(outputs), loss, np.inf)


def _class_prior(labels: Array, columns: int, weights: Array) -> Array:
    shares = [weights[:, labels == k].sum(1, dtype=np.float64) for k in range(columns)]
    return np.stack(shares, 1) / weights.sum(1, dtype=np.float64)[:, None]


def _pair_correct(outputs: Array, labels: Array) -> Array:
    good, bad = outputs
    correct = (good > bad) + 0.5 * (good == bad)
    return np.where(_finite(outputs), correct, 0.0).astype(np.float32)


def _pair_prior(labels: Array, columns: int, weights: Array) -> Array:
    return np.full((len(weights), 2), 0.5)  # which of the two is good is not to be known


def _cloze_correct(outputs: Array, labels: Array) -> Array:
    return np.where(_finite(outputs), outputs[0], 0.0).astype(np.float32)


def _cloze_loss(outputs: Array, labels: Array) -> Array:
    return np.where(_finite(outputs), outputs[1], np.inf)


def _cloze_prior(labels: Array, columns: int, weights: Array) -> Array:
    order = np.argsort(labels, kind="stable")  # labels are the ids of the targets: many, sparse
    _, starts = np.unique(labels[order], return_index=True)
    sums = np.add.reduceat(weights[:, order].astype(np.float64), starts, axis=1)
    return sums / weights.sum(1, dtype=np.float64)[:, None]


def _lm_spent(weights: Array, outputs: Array, labels: Array) -> Spent:
    nats, tokens, _ = outputs
    nats = np.where(np.isfinite(nats), nats, np.inf)
    means = (weighted_mean(weights, values) for values in (nats, tokens, labels[:, None]))
    return Spent(*means)


KINDS: dict[str, Kind] = {
    "classify": Kind(_class_prior, _class_correct, _class_loss, _class_answer),
    "pairs": Kind(_pair_prior, _pair_correct),
    "cloze": Kind(_cloze_prior, _cloze_correct, _cloze_loss),
    "lm": Kind(spent=_lm_spent, constant=(2, 1, 2)),
}


def kind_of(kind: str) -> Kind:
    """What a kind of task offers.

    Raises:
        LesionError: if there is no such kind.
    """
    if kind not in KINDS:
        raise LesionError(f"A task's kind must be one of {', '.join(KINDS)}. Got {kind!r}.")
    return KINDS[kind]


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

"""Scores from outputs: every metric, its chance level and its direction, under example weights.

A bootstrap replicate is a row of weights on the examples, so every metric is written as matrix
products of weights (replicates, examples) with what each trial did on each example; thousands of
replicates of hundreds of trials cost some tenths of a second.

`METRICS` says which statistic of a kind of task (`lesion.analysis.kinds`) a metric reads, and what
it makes of it. A kind has the metrics whose statistic it offers.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis.kinds import KINDS, Array, Spent, kind_of, weighted_mean
from lesion.errors import LesionError


class Tally(NamedTuple):
    """Weighted shares of the examples, class by class."""

    hits: Array  # (classes, replicates, cells) of the class and answered so
    said: Array  # (classes, replicates, cells) answered so; sums below 1 where not finite
    true: Array  # (classes, replicates, 1) of the class


class Metric(NamedTuple):
    """How a score is made, which way is better, and what the best constant answer would get."""

    reads: str  # a field of Kind: "correct", "loss", "answer" or "spent"
    value: Callable[..., Array]  # weighted mean, Tally or Spent -> (replicates, cells)
    # prior under weights (replicates, classes), plain prior (classes,) -> (replicates,); None where
    # the constant answer is scored
    chance: Callable[[Array, Array], Array] | None
    higher: bool  # higher is better
    about: str
    limits: tuple[float, float] = (-np.inf, np.inf)  # lowest and highest value


def _balanced(tally: Tally) -> Array:
    present = tally.true > 0
    recall = np.divide(tally.hits, tally.true, out=np.zeros_like(tally.hits), where=present)
    return recall.sum(0) / present.sum(0)


def _f1(tally: Tally) -> Array:
    both = tally.said + tally.true
    named = both > 0
    f1 = np.divide(2 * tally.hits, both, out=np.zeros_like(tally.hits), where=named)
    return f1[1] if len(f1) == 2 else f1.sum(0) / np.maximum(named.sum(0), 1)


def _mcc(tally: Tally) -> Array:
    nothing = 1 - tally.said.sum(0)  # answers that were not finite: a class of their own
    spread_said = 1 - (tally.said**2).sum(0) - nothing**2
    spread_true = 1 - (tally.true**2).sum(0)
    shared = tally.hits.sum(0) - (tally.said * tally.true).sum(0)
    spread = np.maximum(spread_said * spread_true, 0)
    moved = spread > 8 * np.finfo(spread.dtype).eps  # else one class only: nothing to share
    return np.divide(shared, np.sqrt(spread), out=np.zeros_like(shared), where=moved)


def _f1_chance(prior: Array, plain: Array) -> Array:
    if prior.shape[1] == 2:
        return 2 * prior[:, 1] / (1 + prior[:, 1])
    best = plain.argmax()
    return 2 * prior[:, best] / (1 + prior[:, best]) / (prior > 0).sum(1)


def _prior_loss(prior: Array, plain: Array) -> Array:
    """Loss of always answering with the plain prior: its entropy, where the two are the same."""
    return -prior @ np.log(np.where(plain > 0, plain, 1.0))


def _exp(nats: Array) -> Array:
    with np.errstate(over="ignore"):  # a perplexity too large for the number is infinite
        return np.exp(nats)


METRICS: dict[str, Metric] = {
    "accuracy": Metric(
        "correct",
        lambda mean: mean,
        lambda prior, plain: prior[:, plain.argmax()],
        True,
        "share of right answers; chance: share of the most frequent class",
        (0.0, 1.0),
    ),
    "balanced_accuracy": Metric(
        "answer",
        _balanced,
        lambda prior, plain: 1 / (prior > 0).sum(1),
        True,
        "mean recall of the classes that occur; chance: 1 / classes",
        (0.0, 1.0),
    ),
    "f1": Metric(
        "answer",
        _f1,
        _f1_chance,
        True,
        "two classes: F1 of the second; more: mean over classes; chance: the best constant answer",
        (0.0, 1.0),
    ),
    "mcc": Metric(
        "answer",
        _mcc,
        lambda prior, plain: np.zeros(len(prior)),
        True,
        "Matthews correlation, R_K for more classes (Gorodkin 2004); chance: 0",
        (-1.0, 1.0),
    ),
    "cross_entropy": Metric(
        "loss",
        lambda mean: mean,
        _prior_loss,
        False,
        "mean loss in nats; chance: entropy of the labels' prior",
        (0.0, np.inf),
    ),
    "bits_per_byte": Metric(
        "spent",
        lambda spent: spent.nats / spent.bytes / np.log(2),
        None,
        False,
        "loss of running text, the same for every tokenizer; chance: entropy of the text's tokens",
        (0.0, np.inf),
    ),
    "nats_per_token": Metric(
        "spent",
        lambda spent: spent.nats / spent.tokens,
        None,
        False,
        "loss of running text, for models of one tokenizer; chance: entropy of the text's tokens",
        (0.0, np.inf),
    ),
    "perplexity": Metric(
        "spent",
        lambda spent: _exp(spent.nats / spent.tokens),
        None,
        False,
        "exp(nats per token), for models of one tokenizer; chance: as of nats per token",
        (1.0, np.inf),
    ),
}


def available(kind: str) -> tuple[str, ...]:
    """The metrics of a kind of task, in the order of `METRICS`."""
    offers = kind_of(kind)
    return tuple(name for name, metric in METRICS.items() if getattr(offers, metric.reads))


def _check(names: Sequence[str], kind: str) -> None:
    for name in names:
        if name not in available(kind):
            known = ", ".join(available(kind))
            raise LesionError(f"A metric of a {kind} task must be one of {known}. Got {name!r}.")


def measure(
    names: Sequence[str], kind: str, outputs: Array, labels: Array, weights: Array
) -> dict[str, Array]:
    """Several metrics at once, sharing what they have in common.

    Args:
        names: keys of `METRICS`.
        kind: key of `KINDS`.
        outputs: (columns, examples, cells); a cell is one trial.
        labels: (examples,).
        weights: (replicates, examples), non-negative; floating, and their dtype is the precision
            of the sums.

    Returns:
        For each name an array (replicates, cells).
    """
    _check(names, kind)
    offers, read = KINDS[kind], {METRICS[name].reads for name in names}
    statistics: dict[str, Array | Tally | Spent] = {}
    if "correct" in read and offers.correct is not None:
        statistics["correct"] = weighted_mean(weights, offers.correct(outputs, labels))
    if "loss" in read and offers.loss is not None:
        statistics["loss"] = weighted_mean(weights, offers.loss(outputs, labels))
    if "answer" in read and offers.answer is not None:
        statistics["answer"] = _tally(weights, offers.answer(outputs), labels, len(outputs))
    if "spent" in read and offers.spent is not None:
        statistics["spent"] = offers.spent(weights, outputs, labels)
    return {name: METRICS[name].value(statistics[METRICS[name].reads]) for name in names}


def _tally(weights: Array, answers: Array, labels: Array, classes: int) -> Tally:
    total = weights.sum(1, keepdims=True)
    shape = (classes, len(weights), answers.shape[1])
    hits, said = np.empty(shape, weights.dtype), np.empty(shape, weights.dtype)
    true = np.empty((classes, len(weights), 1), weights.dtype)
    for k in range(classes):
        chosen, own = (answers == k).astype(weights.dtype), labels == k
        said[k] = weights @ chosen / total
        hits[k] = weights[:, own] @ chosen[own] / total
        true[k] = weights[:, own].sum(1, keepdims=True) / total
    return Tally(hits, said, true)


def score(
    name: str, outputs: Array, labels: Array, weights: Array | None = None, kind: str = "classify"
) -> Array:
    """One metric of outputs (..., examples, columns): (...), or (replicates, ...) under weights.

    Example:
        >>> score("accuracy", np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([1, 1]))
        array(0.5)
    """
    outputs, labels = np.asarray(outputs), np.asarray(labels)
    shape, (examples, columns) = outputs.shape[:-2], outputs.shape[-2:]
    cells = np.moveaxis(outputs.reshape(-1, examples, columns), (2, 1), (0, 1))
    rows = np.ones((1, examples)) if weights is None else _floating(weights)
    values = measure([name], kind, cells, labels, rows)[name]
    return values.reshape(shape) if weights is None else values.reshape(len(rows), *shape)


def _floating(weights: Array) -> Array:
    weights = np.asarray(weights)
    return weights if np.issubdtype(weights.dtype, np.floating) else weights.astype(np.float64)


def chance(
    name: str,
    labels: Array,
    columns: int,
    weights: Array | None = None,
    kind: str = "classify",
    outputs: Array | None = None,
) -> Array:
    """The score of the best constant answer: a scalar array, or (replicates,) under weights.

    Which answer is best is decided once, on the unweighted labels: were the best one chosen anew
    in each replicate, it would be better there than the best one of the population ever is.

    Args:
        outputs: (examples, columns) of any trial, for kinds whose outputs hold those of the best
            constant answer (`Kind.constant`).
    """
    _check([name], kind)
    prior, constant, of = KINDS[kind].prior, KINDS[kind].constant, METRICS[name].chance
    if prior is None or of is None:
        assert outputs is not None, f"the chance level of a {kind} task is in its outputs"
        return score(name, np.asarray(outputs)[:, constant], labels, weights, kind)
    labels = np.asarray(labels)
    plain = prior(labels, columns, np.ones((1, len(labels))))
    if weights is None:
        return of(plain, plain[0])[0]
    return of(prior(labels, columns, _floating(weights)), plain[0])

"""Metrics: how a score is made of outputs, which way is better, and what chance is.

A metric reads one statistic of a kind of task (`lesion.tasks.base.Kind`). All are computed under
weights on the examples: a bootstrap replicate is a row of weights (replicates, examples).

A metric of the user's own is a function of outputs and targets:

    gap = Metric.of(lambda outputs, targets: outputs[:, 0] - outputs[:, 1], chance=0, word="gap")
    lesion.run({..., "compare": {"metric": gap}})
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lesion.errors import LesionError
from lesion.schema import entries
from lesion.tasks.statistics import Array, Tally, TextLoss, weighted_mean

Limits = tuple[float, float]
Function = Callable[[Array, Array], Array | float]  # outputs, targets -> score or scores
OUTPUTS = "outputs"  # the statistic of a user's own metric: the outputs themselves
ANY: Limits = (-np.inf, np.inf)


@dataclass(frozen=True)
class Metric:
    """How a score is made of one statistic, and the score of the best constant answer.

    Attributes:
        word: its name in studies and tables.
        doc: one line for lists.
        statistic: what it reads of a kind: "correct", "loss", "predicted", "text_loss" or
            "outputs".
        value: weighted mean, `Tally` or `TextLoss` -> (replicates, cells). Of "outputs": outputs
            (columns, examples, cells), targets (examples,), weights -> (replicates, cells).
        chance: prior under weights (replicates, classes), prior without (classes,) ->
            (replicates,). None: outputs hold those of the best constant answer.
        higher_is_better: whether a larger value is better.
        limits: lowest and highest value.
        label: of an axis; "": the word.
        beside: whether figures show it beside the main metric by default.
    """

    word: str
    doc: str
    statistic: str
    value: Callable[..., Array]
    chance: Callable[[Array, Array], Array] | None
    higher_is_better: bool = True
    limits: Limits = ANY
    label: str = ""
    beside: bool = False

    @classmethod
    def of(
        cls,
        function: Function,
        chance: float,
        *,
        word: str = "",
        higher_is_better: bool = True,
        limits: Limits = ANY,
    ) -> Metric:
        """A metric of the user's own.

        Args:
            function: outputs (examples, columns) and targets (examples,) of one trial -> a number
                for each example, whose mean is the score; or the score itself. The first is fast.
                The second is called anew for every bootstrap sample of the examples.
            chance: the score of the best constant answer.
            word: its name in tables; default: the function's.
            higher_is_better: whether a larger value is better.
            limits: lowest and highest value.

        Raises:
            LesionError: if it has no name, or that of a metric of this package.

        Example:
            >>> def margin(outputs, targets):
            ...     return outputs[:, 1] - outputs[:, 0]
            >>> Metric.of(margin, chance=0).word
            'margin'
        """
        word = word or getattr(function, "__name__", "")
        if not word.isidentifier():
            raise LesionError(f"A metric needs a name: Metric.of(..., word='mine'). Got {word!r}.")
        if word in METRICS:
            raise LesionError(f"{word!r} is a metric of Lesion: give yours another word.")
        doc = (function.__doc__ or "a metric made in Python").strip().splitlines()[0]
        value, fixed = partial(_own, function), partial(_fixed, float(chance))
        return cls(word, doc, OUTPUTS, value, fixed, higher_is_better, limits)

    def __post_init__(self) -> None:
        if not self.label:
            lower = "" if self.higher_is_better else " (lower is better)"
            object.__setattr__(self, "label", self.word.replace("_", " ") + lower)

    @property
    def unbounded(self) -> bool:
        """Whether a single output can make the score infinite."""
        return bool(np.isinf(self.limits).any())

    def to_mapping(self) -> str:
        """What a study file would say."""
        return self.word


def installed_metric(word: str) -> Metric:
    """The metric of an installed package, which is loaded now.

    Raises:
        ValueError: for an unknown word, and for a package that offers something else.
    """
    try:
        metric = entries.find("metric", word, METRICS)
    except LesionError as error:
        raise ValueError(str(error).removeprefix("metric: ")) from None
    if not isinstance(metric, Metric) or metric.word != word:
        raise ValueError(f"must be a Metric of this word in its package. Got {metric!r}.")
    return metric


def is_installed(metric: Metric) -> bool:
    """Whether a metric is a package's, so that its word in a file is enough."""
    return metric.word in entries.installed("metric") and installed_metric(metric.word) == metric


def in_words(metric: str | Metric) -> str | Metric:
    """A metric of this package by its word; a user's own stays an object."""
    if isinstance(metric, Metric) and METRICS.get(metric.word) is metric:
        return metric.word
    return metric


def word_of(metric: str | Metric) -> str:
    """The name of a metric, which may be given as an object."""
    return metric.word if isinstance(metric, Metric) else metric


def _own(function: Function, outputs: Array, targets: Array, weights: Array) -> Array:
    """A user's function of every trial: (replicates, cells)."""
    values = np.empty((len(weights), outputs.shape[2]))
    for cell in range(outputs.shape[2]):
        trial = outputs[:, :, cell].T
        result = np.asarray(function(trial, targets), dtype=np.float64)
        if result.shape == targets.shape:
            values[:, cell] = weighted_mean(weights.astype(np.float64), result[:, None])[:, 0]
        elif result.ndim == 0:
            values[:, cell] = _resampled(function, trial, targets, weights, float(result))
        else:
            raise LesionError(
                "A metric's function gives a number, or one for each of the "
                f"{len(targets)} examples. Got an array of shape {result.shape}."
            )
    return values


def _resampled(
    function: Function,
    trial: Array,
    targets: Array,
    weights: Array,
    plain: float,
) -> Array:
    """The function on the examples of each replicate, each as often as it was drawn."""
    if (weights == 1).all():
        return np.full(len(weights), plain)
    counts = np.rint(weights).astype(np.int64)
    index = np.arange(len(targets))
    drawn = (np.repeat(index, row) for row in counts)
    return np.array([float(function(trial[rows], targets[rows])) for rows in drawn])


def _fixed(chance: float, prior: Array, plain: Array) -> Array:
    return np.full(len(prior), chance)


def _same(mean: Array) -> Array:
    return mean


def _most_frequent(prior: Array, plain: Array) -> Array:
    return prior[:, plain.argmax()]


def _balanced(counts: Tally) -> Array:
    present = counts.true > 0
    recall = np.divide(counts.hits, counts.true, out=np.zeros_like(counts.hits), where=present)
    return recall.sum(0) / present.sum(0)


def _one_of_classes(prior: Array, plain: Array) -> Array:
    return 1 / (prior > 0).sum(1)


def _f1(counts: Tally) -> Array:
    both = counts.predicted + counts.true
    named = both > 0
    f1 = np.divide(2 * counts.hits, both, out=np.zeros_like(counts.hits), where=named)
    return f1[1] if len(f1) == 2 else f1.sum(0) / np.maximum(named.sum(0), 1)


def _f1_chance(prior: Array, plain: Array) -> Array:
    if prior.shape[1] == 2:
        return 2 * prior[:, 1] / (1 + prior[:, 1])
    best = plain.argmax()
    return 2 * prior[:, best] / (1 + prior[:, best]) / (prior > 0).sum(1)


def _mcc(counts: Tally) -> Array:
    nothing = 1 - counts.predicted.sum(0)  # outputs that are not finite: a class of their own
    spread_predicted = 1 - (counts.predicted**2).sum(0) - nothing**2
    spread_true = 1 - (counts.true**2).sum(0)
    shared = counts.hits.sum(0) - (counts.predicted * counts.true).sum(0)
    spread = np.maximum(spread_predicted * spread_true, 0)
    moved = spread > 8 * np.finfo(spread.dtype).eps  # else one class only: nothing to share
    return np.divide(shared, np.sqrt(spread), out=np.zeros_like(shared), where=moved)


def _prior_loss(prior: Array, plain: Array) -> Array:
    """Loss of always answering with the plain prior: its entropy, where the two are the same."""
    return -prior @ np.log(np.where(plain > 0, plain, 1.0))


def _bits(loss: TextLoss) -> Array:
    return loss.nats / loss.bytes / np.log(2)


def _nats(loss: TextLoss) -> Array:
    return loss.nats / loss.tokens


def _perplexity(loss: TextLoss) -> Array:
    with np.errstate(over="ignore"):  # a perplexity too large for the number is infinite
        return np.exp(_nats(loss))


ACCURACY = Metric(
    "accuracy",
    "share of right answers; chance: share of the most frequent class",
    "correct", _same, _most_frequent, limits=(0.0, 1.0),
)  # fmt: skip
BALANCED_ACCURACY = Metric(
    "balanced_accuracy",
    "mean recall of the classes that occur; chance: 1 / classes",
    "predicted", _balanced, _one_of_classes, limits=(0.0, 1.0),
)  # fmt: skip
F1 = Metric(
    "f1",
    "two classes: F1 of the second; more: mean over classes; chance: the best constant answer",
    "predicted", _f1, _f1_chance, limits=(0.0, 1.0), label="F1",
)  # fmt: skip
MCC = Metric(
    "mcc",
    "Matthews correlation, R_K for more classes (Gorodkin 2004); chance: 0",
    "predicted", _mcc, partial(_fixed, 0.0), limits=(-1.0, 1.0), label="Matthews correlation",
    beside=True,
)  # fmt: skip
CROSS_ENTROPY = Metric(
    "cross_entropy",
    "mean loss in nats; chance: entropy of the labels' prior",
    "loss", _same, _prior_loss, False, (0.0, np.inf), "cross-entropy (nats, lower is better)",
)  # fmt: skip
BITS_PER_BYTE = Metric(
    "bits_per_byte",
    "loss of running text, the same for every tokenizer; chance: entropy of the text's tokens",
    "text_loss", _bits, None, False, (0.0, np.inf),
)  # fmt: skip
NATS_PER_TOKEN = Metric(
    "nats_per_token",
    "loss of running text, for models of one tokenizer; chance: entropy of the text's tokens",
    "text_loss", _nats, None, False, (0.0, np.inf),
)  # fmt: skip
PERPLEXITY = Metric(
    "perplexity",
    "exp(nats per token), for models of one tokenizer; chance: as of nats per token",
    "text_loss", _perplexity, None, False, (1.0, np.inf),
)  # fmt: skip

METRICS: dict[str, Metric] = {
    metric.word: metric
    for metric in (
        ACCURACY, BALANCED_ACCURACY, F1, MCC, CROSS_ENTROPY,
        BITS_PER_BYTE, NATS_PER_TOKEN, PERPLEXITY,
    )
}  # fmt: skip
"""The literal table of metrics, in the order in which they are listed."""

"""The contract of a metric: weights, limits, chance."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Unpack

import numpy as np

from lesion.analysis import scores
from lesion.tasks.base import Kind
from lesion.tasks.kinds import TASK_KINDS, kind_of
from lesion.tasks.metrics import OUTPUTS, Metric
from lesion.tasks.statistics import Array
from lesion.testing.results import Check, Options, Result, SkippedError, require, run_checks
from lesion.testing.surroundings import loads_no_torch, untouched_generators

EXAMPLES, CELLS, REPLICATES = 60, 3, 6


def check_metric(
    metric: Metric,
    kind: str = "",
    *,
    outputs: Array | None = None,
    targets: Array | None = None,
    constants: Array | None = None,
    **options: Unpack[Options],
) -> list[Result]:
    """Check a metric on outputs of a kind of task.

    Args:
        metric: the object.
        kind: word of a kind of task that has the statistic that it reads. Default: the first
            built-in one.
        outputs: (trials, examples, columns). Default: random ones of the kind's columns.
        targets: (examples,). Default: random ones.
        constants: (answers, examples, columns), outputs of answers that are the same for every
            example, the best one among them. Default: those of a built-in kind.
        options: see `lesion.testing.results.Options`.

    Raises:
        ContractError: if a check failed.
    """
    word = kind or _kind_with(metric)
    suite = _Suite(metric, word, *_sample(word, outputs, targets), constants)
    checks: dict[str, Check] = {
        "it has a word, a line and a label": suite.is_described,
        "its kind has the statistic that it reads": suite.statistic_is_there,
        "scores are within its limits": suite.scores_are_within_limits,
        "weights equal a resampled loop": suite.weights_equal_a_loop,
        "equal weights equal none": suite.equal_weights_equal_none,
        "trials are scored alike alone and together": suite.trials_are_independent,
        "the best constant answer scores chance": suite.constant_answer_scores_chance,
        "outputs that are not finite never score better": suite.not_finite_is_not_better,
        "no global generator is moved": suite.no_global_generator,
        "loading its module loads no torch": partial(_loads_no_torch, metric),
    }
    return run_checks(f"Metric {metric.word}", checks, **options)


def _kind_with(metric: Metric) -> str:
    """The first kind that offers the metric or, if none does, has its statistic."""
    for word, kind in TASK_KINDS.items():
        if any(own is metric for own in kind.metrics):
            return word
    return next((word for word, kind in TASK_KINDS.items()
                 if metric.statistic == OUTPUTS or getattr(kind, metric.statistic, None)),
                "classify")  # fmt: skip


def _loads_no_torch(metric: Metric) -> None:
    functions = [metric.value, metric.chance]
    functions += [part for function in functions for part in getattr(function, "args", ())]
    modules = [f.__module__ for f in functions if inspect.isfunction(f) or inspect.ismethod(f)]
    if not modules:
        raise SkippedError("no function of the metric names a module")
    for module in dict.fromkeys(modules):
        loads_no_torch(module)


def _sample(kind: str, outputs: Array | None, targets: Array | None) -> tuple[Array, Array]:
    """Random outputs (trials, examples, columns) and targets, where none are given."""
    rng, entry = np.random.default_rng(0), kind_of(kind)
    given = outputs is not None
    if targets is None:
        examples = outputs.shape[-2] if outputs is not None else EXAMPLES
        shares = [0.2, 0.5, 0.3] if not entry.columns else [0.1, 0.2, 0.3, 0.4]
        targets = rng.choice(len(shares), examples, p=shares).astype(np.int64)
        targets[: len(shares)] = range(len(shares))
        targets += 10 * bool(entry.baseline_columns)  # bytes, of which there are some
    if outputs is None:
        columns = entry.columns or ("", "", "")
        shape = (CELLS, len(targets))
        outputs = np.stack([_column(name, rng, shape) for name in columns], -1)
    if not given and entry.baseline_columns and "tokens" in entry.columns:
        column = entry.columns.index("tokens")
        outputs[..., column] = outputs[:1, :, column]  # equal in every trial
    return np.asarray(outputs), np.asarray(targets)


def _column(name: str, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Random numbers of a column: answers are right or wrong, losses are positive."""
    if name == "correct":
        return rng.integers(0, 2, shape).astype(np.float64)
    if name == "tokens":
        return rng.integers(1, 9, shape).astype(np.float64)
    if name in ("", "good", "bad"):
        return rng.normal(size=shape)
    return rng.exponential(size=shape)


class _Suite:
    def __init__(
        self, metric: Metric, kind: str, outputs: Array, targets: Array, constants: Array | None
    ) -> None:
        self.metric, self.kind, self.entry = metric, kind, kind_of(kind)
        self.outputs, self.targets, self.constants = outputs, targets, constants
        rng = np.random.default_rng(1)
        share = np.full(len(targets), 1 / len(targets))
        self.counts = rng.multinomial(len(targets), share, REPLICATES)

    def score(
        self, outputs: Array, weights: Array | None = None, targets: Array | None = None
    ) -> Array:
        targets = self.targets if targets is None else targets
        return np.asarray(scores.score(self.metric, outputs, targets, weights, self.kind))

    def chance(self, targets: Array | None = None) -> float:
        targets = self.targets if targets is None else targets
        columns = self.outputs.shape[-1]
        return float(scores.chance(self.metric, targets, columns, None, self.kind,
                                   self.outputs[0]))  # fmt: skip

    def is_described(self) -> None:
        require(self.metric.word.isidentifier(), f"Its word is no name: {self.metric.word!r}.")
        require(self.metric.doc, "It has no line.")
        require(self.metric.label, "It has no label.")
        low, high = self.metric.limits
        require(low < high, f"Its limits are {self.metric.limits}.")

    def statistic_is_there(self) -> None:
        if self.metric.statistic != OUTPUTS:
            has = getattr(self.entry, self.metric.statistic, None)
            require(has, f"Kind {self.kind} has no {self.metric.statistic}.")

    def scores_are_within_limits(self) -> None:
        low, high = self.metric.limits
        values = self.score(self.outputs)
        within = ((values >= low - 1e-9) & (values <= high + 1e-9)).all()
        require(within, f"Scores {values} are not within {self.metric.limits}.")
        chance = self.chance()
        require(low - 1e-9 <= chance <= high + 1e-9, f"Chance {chance} is not within the limits.")

    def weights_equal_a_loop(self) -> None:
        """Of replicates with every example as often as it was drawn."""
        weighted = self.score(self.outputs, self.counts)
        for row, counts in enumerate(self.counts):
            drawn = np.repeat(np.arange(len(self.targets)), counts)
            loop = self.score(self.outputs[:, drawn], targets=self.targets[drawn])
            same = np.allclose(weighted[row], loop, rtol=1e-5, atol=1e-6)
            require(same, f"Weighted {weighted[row]}, resampled {loop}.")

    def equal_weights_equal_none(self) -> None:
        plain, twos = self.score(self.outputs), np.full((1, len(self.targets)), 2)
        same = np.allclose(self.score(self.outputs, twos)[0], plain, rtol=1e-5, atol=1e-6)
        require(same, "Examples that count twice each give another score.")

    def trials_are_independent(self) -> None:
        together = self.score(self.outputs)
        alone = [float(self.score(trial)) for trial in self.outputs]
        require(np.allclose(together, alone, rtol=1e-6, atol=1e-9), "Trials change each other.")

    def constant_answer_scores_chance(self) -> None:
        answers = self.constants if self.constants is not None else _constants(
            self.entry, self.outputs, self.targets
        )  # fmt: skip
        values = self.score(answers)
        best = values.max() if self.metric.higher_is_better else values.min()
        same = math.isclose(best, self.chance(), rel_tol=1e-5, abs_tol=1e-6)
        require(same, f"The best constant answer scores {best}, chance is {self.chance()}.")

    def not_finite_is_not_better(self) -> None:
        """An example of which the model gives NaN counts as the worst that there is."""
        broken = self.outputs.copy()
        columns = range(broken.shape[-1])
        own = [number for number in columns if number not in self.entry.baseline_columns]
        broken[:, : len(self.targets) // 2, own] = np.nan
        intact, values = self.score(self.outputs), self.score(broken)
        if self.metric.statistic == OUTPUTS or np.isnan(values).any():
            raise SkippedError("its own function decides what an output that is not finite counts")
        worse = values <= intact.max() if self.metric.higher_is_better else values >= intact.min()
        require(worse.all(), f"Half of the outputs NaN: {values} instead of {intact}.")

    def no_global_generator(self) -> None:
        with untouched_generators():
            self.score(self.outputs, self.counts)


Constants = Callable[[Array, Array], list[Array]]


def _constants(kind: type[Kind], outputs: Array, targets: Array) -> Array:
    """Outputs of answers that are the same for every example, as far as a kind's are known."""
    if kind.baseline_columns:
        return outputs[..., kind.baseline_columns][:1]
    if kind.word not in _ANSWERS:
        raise SkippedError(f"hand in constants: those of kind {kind.word} are not known")
    return np.stack(_ANSWERS[kind.word](outputs, targets))


def _classes(outputs: Array, targets: Array) -> list[Array]:
    """Each class, and the shares of the classes."""
    classes = outputs.shape[-1]
    shares = np.bincount(targets, minlength=classes) / len(targets)
    with np.errstate(divide="ignore"):
        every = [*(np.eye(classes)), np.maximum(np.log(shares), -1e4)]
    return [np.tile(answer, (len(targets), 1)) for answer in every]


def _pairs(outputs: Array, targets: Array) -> list[Array]:
    """Every sentence is as likely as any other."""
    return [np.zeros(outputs.shape[1:])]


def _words(outputs: Array, targets: Array) -> list[Array]:
    """Each word, at the loss of the shares of the words."""
    words, inverse = np.unique(targets, return_inverse=True)
    shares = np.bincount(inverse) / len(targets)
    return [np.stack([targets == word, -np.log(shares[inverse])], -1) for word in words]


_ANSWERS: dict[str, Constants] = {"classify": _classes, "pairs": _pairs, "cloze": _words}

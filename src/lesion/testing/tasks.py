"""The contract of a task and its kind: what is encoded, reduced, gathered and scored."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from lesion.analysis import scores
from lesion.errors import LesionError
from lesion.models.load import HEADS, load_model, load_tokenizer
from lesion.schema.reading import to_mapping
from lesion.scoring.scorer import Scorer
from lesion.tasks.base import Kind, Task
from lesion.tasks.columns import columns_of, grouping_of
from lesion.tasks.kinds import kind_of
from lesion.tasks.metrics import OUTPUTS, Metric
from lesion.tasks.tokens import longest_input
from lesion.testing.entries import entry_checks
from lesion.testing.results import Options, Result, SkippedError, require, run_checks
from lesion.testing.surroundings import untouched_generators

OFFERS = frozenset({"labels", "training", "examples", "texts"})
ROW_KEYS = frozenset({"input_ids", "token_type_ids", "positions", "target", "candidates"})
MASKED_MODEL = "twin/en-0"


def check_task(
    task: Task,
    model: str | Path = "",
    *,
    other: Task | None = None,
    **options: Unpack[Options],
) -> list[Result]:
    """Check a task, and the kind that it is of.

    Args:
        task: on a few examples; its file, if it has one, is there.
        model: a model with the task's head. Default for a masked model: a built-in twin.
        other: the same task on other examples, for the check of digests.
        options: see `lesion.testing.results.Options`.

    Raises:
        ContractError: if a check failed.
    """
    suite = _Suite(task, str(model), other)
    parameters: Any = suite.kind(**suite.kind.example) if _is_plain(suite.kind) else suite.kind()
    checks = {
        **entry_checks(parameters, Kind),
        "studies know its kind": suite.kind_is_known,
        "its kind declares heads, columns, metrics and offers": suite.kind_is_declared,
        "a study is written and read with its keys": suite.keys_are_kept,
        "targets and classes belong together": suite.targets_and_classes,
        "the digest follows the examples and not the name": suite.digest_follows_examples,
        "rows are what the model reads": suite.rows_are_readable,
        "outputs have a row for each example": suite.outputs_have_their_shape,
        "outputs do not depend on batches": suite.outputs_do_not_depend_on_batches,
        "every metric has a value and a chance level": suite.metrics_have_values,
        "columns have a word for each example": suite.columns_are_whole,
        "texts can be replaced exactly if it offers texts": suite.texts_can_be_replaced,
        "training examples are there exactly if it offers training": suite.training_is_there,
        "no global generator is moved": suite.no_global_generator,
    }
    return run_checks(f"Task {task.name} of kind {task.kind}", checks, **options)


def _is_plain(kind: type[Kind]) -> bool:
    """Whether its example can be given as it is; snippets spell lists as text."""
    return not any(isinstance(value, str) and value[:1] == "[" for value in kind.example.values())


class _Suite:
    def __init__(self, task: Task, model: str, other: Task | None) -> None:
        self.task: Any = task
        self.other = other
        self.kind: type[Kind] = getattr(task, "entry", None) or kind_of(task.kind)
        self.source = model or (MASKED_MODEL if task.head == "mlm" else "")
        self._model: Any = None

    def model(self) -> Any:
        if not self.source:
            raise SkippedError(f"give a model with head {self.task.head}")
        if self._model is None:
            self._model = load_model(self.source, head=self.task.head)
        return self._model

    def scorer(self, task: Any = None, batch_tokens: int = 1024) -> Scorer:
        tokenizer = load_tokenizer(self.source) if self.model() else None
        return Scorer(self.model(), tokenizer, task or self.task, batch_tokens)

    def kind_is_known(self) -> None:
        try:
            known = kind_of(self.task.kind)
        except LesionError as error:
            raise AssertionError(
                f"{error} Install the package that offers it in the group lesion.tasks."
            ) from error
        require(known is self.kind, f"{self.task.kind} is the word of another kind.")

    def kind_is_declared(self) -> None:
        kind = self.kind
        require(kind.head in HEADS, f"Its head must be one of {', '.join(HEADS)}.")
        require(self.task.head == kind.head, f"The task has head {self.task.head}.")
        require(kind.metrics, "It has no metric.")
        require(all(isinstance(metric, Metric) for metric in kind.metrics), "A metric is none.")
        words = tuple(metric.word for metric in kind.metrics)
        require(tuple(self.task.metrics) == words, f"The task has metrics {self.task.metrics}.")
        require(kind.offers <= OFFERS, f"There are no such offers: {kind.offers - OFFERS}.")
        require(set(self.task.offers) <= kind.offers, "The task offers more than its kind.")
        for metric in kind.metrics:
            reads = metric.statistic
            require(reads == OUTPUTS or getattr(kind, reads), f"It has no {reads} to read.")

    def keys_are_kept(self) -> None:
        from lesion.tasks.spec import TaskSpec

        keys = {key: value for key, value in self.kind.example.items() if _is_plain(self.kind)}
        spec = TaskSpec("mine", self.kind.word, **keys)
        again = TaskSpec(**spec.to_mapping())
        require(again == spec, f"Its keys {to_mapping(spec.parameters)} are read otherwise.")

    def targets_and_classes(self) -> None:
        targets = self.task.targets
        flat = targets.dtype == np.int64 and targets.ndim == 1
        require(flat, "Targets are not int64 (examples,).")
        require(len(targets), "There is no example.")
        count = len(self.task.classes)
        within = not count or (targets.min() >= 0 and targets.max() < count)
        require(within, f"Targets are not indices into the {count} classes.")

    def digest_follows_examples(self) -> None:
        digest = self.task.digest
        require(isinstance(digest, str) and digest, "It has no digest.")
        require(self.task.digest == digest, "The digest is another one every time.")
        if dataclasses.is_dataclass(self.task) and not getattr(self.task, "examples", None):
            renamed: Any = dataclasses.replace(self.task, name="another")  # type: ignore[type-var]
            require(renamed.digest == digest, "The digest follows the name.")
        if self.other is None:
            raise SkippedError("give the task on other examples as other=")
        require(self.other.digest != digest, "Other examples have the same digest.")

    def rows_are_readable(self) -> None:
        model: Any = self.model()
        tokenizer = load_tokenizer(self.source)
        encoded = self.task.encode(tokenizer, model.config)
        require(len(encoded.rows) == len(encoded) > 0, "It has no rows.")
        limit = longest_input(tokenizer, model.config)
        for row in encoded.rows:
            require(set(row) <= ROW_KEYS, f"A row has the keys {sorted(row)}.")
            length = len(row["input_ids"])
            require(0 < length <= limit, f"A row has {length} tokens, the model reads {limit}.")
            inside = all(0 <= token < model.config.vocab_size for token in row["input_ids"])
            require(inside, "A token is not in the vocabulary.")
            outside = [number for number in row.get("positions", []) if not 0 <= number < length]
            require(not outside, f"A row of {length} tokens has the positions {outside}.")
        again = self.task.encode(tokenizer, model.config)
        require(again.rows == encoded.rows, "It is encoded another way every time.")
        require(0 <= encoded.cut <= 1, f"The share of cut rows is {encoded.cut}.")

    def outputs_have_their_shape(self) -> None:
        outputs = self.scorer()()
        columns = len(self.kind.columns or self.task.classes)
        expected = (len(self.task.targets), columns)
        require(outputs.shape == expected, f"Outputs have shape {outputs.shape}, not {expected}.")
        require(outputs.dtype == np.float32, f"Outputs are {outputs.dtype}.")
        require(np.isfinite(outputs).all(), "The intact model has outputs that are not finite.")

    def outputs_do_not_depend_on_batches(self) -> None:
        outputs = self.scorer()()
        for tokens in (1, 64):
            other = self.scorer(batch_tokens=tokens)()
            same = np.allclose(other, outputs, atol=1e-3, rtol=1e-4)
            require(same, f"Batches of {tokens} tokens give other outputs.")

    def metrics_have_values(self) -> None:
        outputs, targets = self.scorer()(), self.task.targets
        for metric in self.kind.metrics:
            value = float(scores.score(metric, outputs, targets, kind=self.kind.word))
            chance = float(scores.chance(metric, targets, outputs.shape[1], None, self.kind.word,
                                         outputs))  # fmt: skip
            low, high = metric.limits
            require(low <= value <= high, f"{metric.word} is {value}.")
            require(low <= chance <= high, f"The chance level of {metric.word} is {chance}.")

    def texts_can_be_replaced(self) -> None:
        if "texts" not in self.task.offers:
            return
        texts = tuple(tuple(column) for column in self.task.texts.values())
        counts = {len(column) for column in texts}
        require(counts == {len(self.task.targets)}, "Texts are missing.")
        same = self.task.with_texts(texts)
        require(same.digest == self.task.digest, "The same texts have another digest.")
        changed = self.task.with_texts(tuple(tuple(f"{text} so" for text in column)
                                             for column in texts))  # fmt: skip
        require(changed.digest != self.task.digest, "Other texts have the same digest.")
        require(np.array_equal(changed.targets, self.task.targets), "Other texts, other targets.")
        if self.source:
            expected, outputs = self.scorer()(), self.scorer(same)()
            require(np.array_equal(outputs, expected), "The same texts have other outputs.")
            require(self.scorer(changed)().shape == expected.shape, "Other texts, another shape.")

    def columns_are_whole(self) -> None:
        columns, grouping = columns_of(self.task), grouping_of(self.task)
        for name, words in columns.items():
            counts = f"{len(words)} words for {len(self.task.targets)} examples"
            require(len(words) == len(self.task.targets), f"The column {name} has {counts}.")
            require(all(isinstance(word, str) for word in words), f"{name} has more than words.")
        absent = [name for name in grouping if name is not None and name not in columns]
        known = not getattr(self.task, "columns", {}) or not absent
        require(known, f"Examples are resampled by {absent}, which are no columns.")

    def training_is_there(self) -> None:
        if "training" not in self.task.offers:
            return
        tokenizer = load_tokenizer(self.source) if self.model() else None
        rows, labels = self.task.encode_split("train", tokenizer, self.model().config, 4)
        require(0 < len(rows) == len(labels) <= 4, "encode_split gives no training examples.")

    def no_global_generator(self) -> None:
        scorer = self.scorer()
        with untouched_generators():
            scorer()
            self.task.encode(load_tokenizer(self.source), self.model().config)

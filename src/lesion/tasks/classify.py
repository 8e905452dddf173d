"""Classification of one text or a pair of texts by a model with a classification head."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from lesion.errors import LesionError
from lesion.schema.errors import did_you_mean
from lesion.schema.fields import LISTED, Between, File, OneOf, doc
from lesion.tasks.base import Encoded, Kind, OfKind, Row, find_file
from lesion.tasks.columns import Columns
from lesion.tasks.encoding import encode
from lesion.tasks.examples import MISSING, SPLITS, InMemory, Source, Split
from lesion.tasks.metrics import ACCURACY, BALANCED_ACCURACY, CROSS_ENTROPY, F1, MCC
from lesion.tasks.sources.files import LabelledFiles
from lesion.tasks.sources.frames import labelled_frames
from lesion.tasks.statistics import Array

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ClassifyKind(Kind):
    """labelled texts or pairs of texts, for a model with a classification head."""

    word, head, target = "classify", "classification", "class"
    offers = frozenset({"labels", "training", "examples", "texts"})
    metrics = (ACCURACY, BALANCED_ACCURACY, F1, MCC, CROSS_ENTROPY)
    example = {"train": "a.tsv", "dev": "b.tsv", "text": "[s1, s2]", "label": "label"}  # noqa: RUF012

    train: Annotated[File | None, doc("file to fine-tune on")] = None
    dev: Annotated[File | None, doc("file to evaluate on")] = None
    test: Annotated[File | None, doc("second file to evaluate on, chosen by split: test")] = None
    text: Annotated[
        tuple[str, ...],
        doc("one or two columns that hold the text"),
        LISTED,
    ] = ()
    label: Annotated[str | None, doc("column that holds the label")] = None
    split: Annotated[str | None, OneOf(SPLITS), doc("split that is scored (default: dev)")] = None
    max_length: Annotated[int, Between(8, 8192), doc("longest input in tokens")] = 128
    hub: Annotated[
        str | None, doc("hub dataset that replaces the registered one", key="source")
    ] = None
    missing: Annotated[str, OneOf(MISSING), doc("rows that lack a value: refused, or left out")] = (
        "refuse"
    )

    def check(self) -> None:
        """Rows that lack values can be dropped of files only."""
        if self.missing != "refuse" and not self.files:
            raise ValueError(
                f"missing: belongs to files of rows (kind classify or pairs). Got {self.missing}."
            )

    @property
    def files(self) -> dict[str, str]:
        """The file of each split that is given."""
        paths = {"train": self.train, "dev": self.dev, "test": self.test}
        return {split: path for split, path in paths.items() if path}

    def task(self, name: str, data: Path | None) -> Classification:
        """The task on labelled files."""
        paths = {split: find_file(path, data) for split, path in self.files.items()}
        source = LabelledFiles(
            name, paths, self.text, self.label or "", self.split or "", self.missing, self.to_read()
        )
        return self.on(name, source)

    def of_frame(self, name: str, frame: Any, train: Any = None) -> Classification:
        """The task on rows with these columns of text and this label."""
        given = {"dev": frame} if train is None else {"train": train, "dev": frame}
        drop = self.missing == "drop"
        source = labelled_frames(name, given, self.text, self.label, drop, self.to_read())
        return self.on(name, replace(source, grouping=self.chosen))

    def on(self, name: str, source: Source) -> Classification:
        """The task on examples from any source."""
        language = self.language or "en"
        return Classification(name, source, self.split, self.max_length, self.examples, language)

    def without_files(self, name: str, registered: Sequence[str]) -> str:
        """Which names are registered, and which keys files need."""
        return (
            f"Task {name!r}: there is no registered task of this name, and no files are "
            f"given. The names are {', '.join(registered)}; a task of your own needs train and dev "
            f"or test files, text and label.{did_you_mean(name, registered)}"
        )

    @staticmethod
    def predicted(outputs: Array) -> Array:
        """The class with the largest output; -1 where outputs are not finite."""
        largest = outputs[1] > outputs[0] if len(outputs) == 2 else outputs.argmax(0)
        return np.where(np.isfinite(outputs).all(0), largest, np.int16(-1)).astype(np.int16)

    @staticmethod
    def correct(outputs: Array, targets: Array) -> Array:
        """1 where the predicted class is the target."""
        return (ClassifyKind.predicted(outputs) == targets[:, None]).astype(np.float32)

    @staticmethod
    def loss(outputs: Array, targets: Array) -> Array:
        """Cross-entropy of the softmax of the outputs."""
        with np.errstate(invalid="ignore"):
            shifted = outputs - outputs.max(0)
            picked = np.take_along_axis(shifted, targets[None, :, None], 0)[0]
            loss = np.log(np.exp(shifted).sum(0)) - picked
        return np.where(np.isfinite(outputs).all(0), loss, np.inf)

    @staticmethod
    def prior(targets: Array, columns: int, weights: Array) -> Array:
        """Shares of the classes."""
        shares = [weights[:, targets == k].sum(1, dtype=np.float64) for k in range(columns)]
        return np.stack(shares, 1) / weights.sum(1, dtype=np.float64)[:, None]

    @classmethod
    def answers(cls, outputs: Array, classes: Sequence[str]) -> list[str | None]:
        """Names of the predicted classes."""
        predicted = cls.predicted(outputs[:, :, None])[:, 0]
        return [classes[k] if k >= 0 else None for k in predicted]


@dataclass(frozen=True)
class Classification(OfKind):
    """A labelled set to evaluate on and, for fine-tuning, one to train on. Both are read lazily.

    Attributes:
        name: the task's name in the study.
        source: where the splits come from.
        scored: the split that is evaluated ("train", "dev" or "test"); None: the source's default.
        max_length: longest input in tokens, special tokens included; longer ones are cut.
        examples: evaluate only so many, a fixed sample with the classes in their shares; None: all.
        language: of the texts, for models that need it.
        first: `examples` takes the first ones; only for runs that began so.
    """

    entry = ClassifyKind

    name: str
    source: Source
    scored: str | None = None
    max_length: int = 128
    examples: int | None = None
    language: str = "en"
    first: bool = False
    _splits: dict[str, Split] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """Label names in order of index."""
        return self.source.classes

    @property
    def split_name(self) -> str:
        """The split that is evaluated."""
        return self.scored or self.source.default

    @property
    def offers(self) -> frozenset[str]:
        """All that a classification can have; without training examples, no labels either."""
        splits = getattr(self.source, "splits", getattr(self.source, "paths", SPLITS))
        return self.entry.offers - (frozenset() if "train" in splits else {"labels", "training"})

    def split(self, name: str) -> Split:
        """All examples of "train", "dev" or "test", read at first use."""
        if name not in self._splits:
            self._splits[name] = self.source.read(name)
        return self._splits[name]

    @cached_property
    def evaluated(self) -> Split:
        """The examples that are scored."""
        whole = self.split(self.split_name)
        if self.first:
            return whole.first(self.examples)
        return whole.sample(self.examples, self.name)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on rows that were left out of the data."""
        trains = "training" in self.offers and getattr(self.source, "missing", "") == "drop"
        names = dict.fromkeys(["train", self.split_name] if trains else [self.split_name])
        return tuple(note for name in names if (note := self.split(name).note))

    @property
    def targets(self) -> np.ndarray:
        """int64 (examples,) of the evaluated split."""
        return self.evaluated.labels

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """Of the evaluated examples, by the name of the column: text, or text_1 and text_2."""
        columns = self.evaluated.texts
        numbered = [f"text_{number}" for number in range(1, len(columns) + 1)]
        return dict(zip(numbered if len(columns) > 1 else ["text"], columns, strict=True))

    @property
    def columns(self) -> Columns:
        """Name -> a word for each evaluated example."""
        return self.evaluated.columns

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: equal where every score must be equal."""
        of = self.evaluated.digest
        decides = [of, self.classes, self.split_name, self.max_length, self.examples]
        return hashlib.blake2b(json.dumps(decides).encode(), digest_size=16).hexdigest()

    def with_texts(self, texts: tuple[tuple[str, ...], ...]) -> Classification:
        """A copy of the task whose evaluated examples have other texts."""
        return self.with_examples(replace(self.evaluated, texts=texts))

    def with_examples(self, split: Split) -> Classification:
        """A copy of the task that evaluates other examples, all of them."""
        source = InMemory({self.split_name: split}, self.classes, self.split_name, self.grouping)
        return replace(self, source=source, scored=self.split_name, examples=None)

    def encode(self, tokenizer: Any, config: Any) -> Encoded:
        """The evaluated split as rows, one an example, for one model."""
        return encode(self, self.evaluated, tokenizer, config)

    def encode_split(
        self, name: str, tokenizer: Any, config: Any, examples: int | None = None
    ) -> tuple[list[Row], np.ndarray]:
        """Rows and labels of a split, for fine-tuning; `examples`: only the first so many."""
        split = self.split(name).first(examples)
        return encode(self, split, tokenizer, config).rows, split.labels

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """All logits are kept: (rows, classes)."""
        return logits

    def gather(self, outputs: np.ndarray, encoded: Encoded) -> np.ndarray:
        """Rows are examples: (examples, classes), float32."""
        expected = (len(self.evaluated), len(self.classes))
        if outputs.shape != expected:
            raise LesionError(
                f"Task {self.name!r}: expected outputs of shape {expected} "
                f"(examples, classes). Got {outputs.shape}. Is the model's head for this task?"
            )
        return outputs.astype(np.float32, copy=False)

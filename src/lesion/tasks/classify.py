"""Classification of one text or a pair of texts by a model with a classification head."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.base import Encoded, Row, Split, longest_input, opening_token

if TYPE_CHECKING:
    import torch


class Source(Protocol):
    """Where the splits of a task come from: a GLUE folder, the hub, the user's own files."""

    @property
    def default(self) -> str:
        """The split that is evaluated where the study names none."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Label names in order of index."""
        ...

    def read(self, split: str) -> Split:
        """Reads "train", "dev" or "test"."""
        ...


@dataclass(frozen=True)
class InMemorySource:
    """A source of one split, which every name reads."""

    default: str
    classes: tuple[str, ...]
    held: Split

    def read(self, split: str) -> Split:
        """The split."""
        return self.held


@dataclass(frozen=True)
class Classification:
    """A labelled set to evaluate on and, for fine-tuning, one to train on. Both are read lazily.

    Attributes:
        name: the task's name in the study.
        source: where the splits come from.
        scored: the split that is evaluated ("train", "dev" or "test"); None: the source's default.
        max_length: longest input in tokens, special tokens included; longer ones are cut.
        examples: evaluate only so many, a fixed sample with the classes in their shares; None: all.
        language: of the texts, for models that must be told.
        first: `examples` takes the first ones instead, as runs do that began so.
    """

    name: str
    source: Source
    scored: str | None = None
    max_length: int = 128
    examples: int | None = None
    language: str = "en"
    kind: str = field(default="classify", init=False)
    head: str = field(default="classification", init=False)
    metrics: tuple[str, ...] = field(
        default=("accuracy", "balanced_accuracy", "f1", "mcc", "cross_entropy"), init=False
    )
    first: bool = False
    _splits: dict[str, Split] = field(default_factory=dict, init=False, repr=False, compare=False)
    offers: ClassVar[frozenset[str]] = frozenset({"labels", "training", "texts"})

    @property
    def classes(self) -> tuple[str, ...]:
        """Label names in order of index."""
        return self.source.classes

    @property
    def split_name(self) -> str:
        """The split that is evaluated."""
        return self.scored or self.source.default

    @property
    def trains(self) -> bool:
        """Whether there are training examples: files of one's own may be without."""
        return "train" in getattr(self.source, "paths", ("train",))

    def split(self, name: str) -> Split:
        """All examples of "train", "dev" or "test", read when first asked for."""
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
        """What was left out of the data, in sentences."""
        taught = self.trains and getattr(self.source, "missing", "") == "drop"
        names = dict.fromkeys(["train", self.split_name] if taught else [self.split_name])
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

    def with_split(self, split: Split) -> Classification:
        """The same task with other evaluated examples."""
        source = InMemorySource(self.split_name, self.classes, split)
        return replace(self, source=source, scored=self.split_name, examples=None)

    def with_texts(self, texts: tuple[tuple[str, ...], ...]) -> Classification:
        """The same task with other texts, (columns) × (examples)."""
        return self.with_split(replace(self.evaluated, texts=texts))

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: equal where every score must be equal."""
        of = self.evaluated.digest
        decides = [of, self.classes, self.split_name, self.max_length, self.examples]
        return hashlib.blake2b(json.dumps(decides).encode(), digest_size=16).hexdigest()

    def encode(self, tokenizer: Any, config: Any) -> Encoded:
        """The evaluated split as rows, one an example, for one model."""
        return encode(self, self.evaluated, tokenizer, config)

    def encode_split(
        self, name: str, tokenizer: Any, config: Any, examples: int | None = None
    ) -> tuple[list[Row], np.ndarray]:
        """Rows and labels of a split, as fine-tuning needs them; the first so many if asked."""
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


def encode(task: Classification, split: Split, tokenizer: Any, config: Any) -> Encoded:
    """Token ids of each example, cut to the task's length, without padding.

    Token types are kept only where both sides know them: the tokenizer makes them and the model
    has a table of them. XLM would add the embeddings of ordinary words 0 and 1 in their place.
    """
    made = tokenizer(
        *(list(column) for column in split.texts),
        truncation=True,
        max_length=task.max_length,
        padding=False,
        return_attention_mask=False,
    )
    names = ["input_ids"]
    if "token_type_ids" in made and has_token_types(config):
        names.append("token_type_ids")
    rows = [
        dict(zip(names, values, strict=True))
        for values in zip(*(made[name] for name in names), strict=True)
    ]
    _fill_empty(rows, tokenizer)
    _check_length(task, rows, tokenizer, config)
    return Encoded(rows, cut=_cut(task.max_length, split, rows, tokenizer))


def _cut(limit: int, split: Split, rows: list[Row], tokenizer: Any) -> float:
    """The share of the rows that are longer than what is read of them.

    Only a row that fills the limit can have been cut; these are read again, whole.
    """
    full = [place for place, row in enumerate(rows) if len(row["input_ids"]) >= limit]
    if not full:
        return 0.0
    texts = [[column[place] for place in full] for column in split.texts]
    whole = tokenizer(*texts, return_attention_mask=False, verbose=False)["input_ids"]
    return sum(len(ids) > limit for ids in whole) / len(rows)


def _fill_empty(rows: list[Row], tokenizer: Any) -> None:
    """Decoders add no token to an empty text (all words dropped), and no model reads nothing."""
    empty = [row for row in rows if not row["input_ids"]]
    opening = opening_token(tokenizer) if empty else None
    if opening is not None:
        for row in empty:
            row.update({name: [opening if name == "input_ids" else 0] for name in row})


def has_token_types(config: Any) -> bool:
    """Whether a model of this configuration tells the first text from the second by type."""
    return (getattr(config, "type_vocab_size", None) or 0) > 1


def _check_length(task: Classification, rows: list[Row], tokenizer: Any, config: Any) -> None:
    limit = longest_input(tokenizer, config)
    longest = max((len(row["input_ids"]) for row in rows), default=0)
    if longest > limit:
        raise LesionError(
            f"Task {task.name!r}: an example has {longest} tokens, but the model reads at most "
            f"{limit}. Set max_length to {limit} or less. Got {task.max_length}."
        )

"""What a task is, and what a kind of task declares.

A task turns examples into forward rows, and outputs back into numbers for each example. Its kind
(`Kind`, an entry) declares how it is written in a study, which statistics its outputs have, and
which metrics are made of them. A new kind is one module with both, and one line in
`lesion.tasks.kinds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

import numpy as np

from lesion.errors import LesionError
from lesion.schema.entries import Entry
from lesion.schema.fields import LISTED, Between, ByShape, doc
from lesion.schema.growing import Growing
from lesion.tasks.columns import INDEPENDENT, LABEL, NONE, Columns, Grouping, chosen
from lesion.tasks.metrics import Metric
from lesion.tasks.statistics import Array

Number = Annotated[int | None, Between(1)]
if TYPE_CHECKING:
    import torch

    Examples = Number  # a task is made with a number, see `lesion.tasks.load`
else:
    Examples = Number | Growing

DEFAULT = "classify"  # the kind of a task that names none

Row = dict[str, list[int]]
"""One forward row without padding: `input_ids` and, where the model has them, `token_type_ids`.
Masked tasks add `positions`, `target` and `candidates`, which the model does not read: see
`lesion.tasks.masked`."""


@dataclass(frozen=True)
class Encoded:
    """Forward rows in the order that `Task.gather` expects; several may belong to one example.

    Attributes:
        rows: what the model reads.
        cut: share of the rows whose text is longer than the task's max_length and was cut there.
    """

    rows: list[Row]
    cut: float = field(default=0.0, kw_only=True)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Kind(Entry):
    """A kind of task; fields are the keys of a study, the rest are class attributes.

    Statistics get outputs (columns, examples, cells); a cell is one trial. Columns come first
    because they are few: reducing a short last axis is many times slower. Where outputs are not
    finite, the example counts as wrong, as predicted to be of no class, and its loss is infinite.

    Attributes:
        head: the kind of model that does it: "classification", "mlm" or "causal".
        target: what `Task.targets` are, in a word.
        columns: names of the columns of the outputs; (): one for each class.
        metrics: the main one first.
        offers: what a task of this kind may have for a lesion: "labels" (labelled training
            examples), "training" (examples to train on), "examples" (to run the model on) and
            "texts" (that may be replaced).
        baseline_columns: of the outputs, those of the best constant answer; () where `prior` has
            it.
        default_examples: how many examples are scored by default; None: all.
        grouping: the columns by which examples are resampled by default.
        prior: targets, columns, weights -> (replicates, classes): what a constant answer can know.
        correct: outputs, targets -> (examples, cells) in [0, 1].
        loss: outputs, targets -> (examples, cells) in nats.
        predicted: outputs -> (examples, cells) class, -1 for none.
        text_loss: weights, outputs, targets -> `TextLoss`.
    """

    head: ClassVar[str] = ""
    target: ClassVar[str] = "class"
    columns: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[Metric, ...]] = ()
    offers: ClassVar[frozenset[str]] = frozenset({"examples"})
    baseline_columns: ClassVar[tuple[int, ...]] = ()
    default_examples: ClassVar[int | None] = None
    grouping: ClassVar[Grouping] = INDEPENDENT
    prior: ClassVar[Any] = None
    correct: ClassVar[Any] = None
    loss: ClassVar[Any] = None
    predicted: ClassVar[Any] = None
    text_loss: ClassVar[Any] = None

    examples: Annotated[
        Examples,
        ByShape(),
        doc(
            "score only so many: a fixed random sample, the same for every model; or {from, to} "
            "for as many as needed"
        ),
    ] = None
    language: Annotated[str | None, doc("of the texts, for models that need it (XLM)")] = None
    cluster: Annotated[
        str | None, doc("column: examples with the same word are resampled together; or none")
    ] = None
    strata: Annotated[
        str | None, doc("column: the share of each word is fixed by the design; or none")
    ] = None
    kept: Annotated[
        tuple[str, ...],
        doc("further columns, stored beside the scores", key="columns"),
        LISTED,
    ] = ()

    @property
    def chosen(self) -> Grouping:
        """The columns by which a study resamples its examples."""
        return chosen(self.cluster, self.strata, self.grouping)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that a study names."""
        names = (self.cluster, self.strata, *self.kept)
        return tuple(name for name in dict.fromkeys(names) if name not in (None, NONE))

    def to_read(self, *known: str) -> tuple[str, ...]:
        """The columns that a study names, without those that are known anyway."""
        return tuple(name for name in self.named if name not in (LABEL, *known))

    def check(self) -> None:
        """Refuses values that no study of this kind can have.

        Raises:
            ValueError: with a sentence that begins with the key.
        """

    def task(self, name: str, data: Path | None) -> Task:
        """The task on files of the user's own. Nothing is read yet.

        Args:
            name: the task's name in the study.
            data: a second folder in which files are looked for.
        """
        raise NotImplementedError

    def of_frame(self, name: str, frame: Any, train: Any = None) -> Task:
        """The task on rows that are in Python, see `lesion.tasks.sources.frames.table_of`.

        Args:
            name: the task's name.
            frame: what is evaluated.
            train: training examples, for a kind that has them.
        """
        raise LesionError(f"Task {name!r}: kind {self.word} is made of a file, not of rows.")

    @classmethod
    def answers(cls, outputs: Array, classes: Sequence[str]) -> list[str | None] | None:
        """The answer to each example in a word, for tables; None where a kind has no answers.

        Args:
            outputs: (columns, examples).
            classes: of the task.
        """
        return None

    @classmethod
    def snippet(cls, kind: str = "kind") -> str:
        """An element of `tasks` in a study that uses it."""
        word = {} if cls.word == DEFAULT else {kind: cls.word}
        pairs = {"name": "mine", **word, **cls.example}
        return "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"

    def without_files(self, name: str, registered: Sequence[str]) -> str:
        """What to do where a task of this kind names no file.

        Args:
            name: the task's.
            registered: the names that need no file.
        """
        return f"Task {name!r}: kind is {self.word}, so it needs a file: add `file: PATH`."


class Task(Protocol):
    """What a model is asked to do, and how its outputs become numbers that can be scored.

    It may also have `columns`, name -> a word for each evaluated example, and `grouping`, those by
    which examples are resampled unless a study names others: see `lesion.tasks.columns`.
    """

    @property
    def name(self) -> str:
        """The word that the study, the record and the report use."""
        ...

    @property
    def kind(self) -> str:
        """The word of its kind: "classify", "pairs", "cloze", "lm", or a package's."""
        ...

    @property
    def head(self) -> str:
        """Which kind of model does it: "classification", "mlm" or "causal"."""
        ...

    @property
    def language(self) -> str:
        """Of the texts (ISO 639-1), for models that need it."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the targets in order of index; () where a task has none."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that fit, the main one first."""
        ...

    @property
    def offers(self) -> frozenset[str]:
        """What it has for lesions, see `Kind`."""
        ...

    @property
    def targets(self) -> np.ndarray:
        """int64 (examples,) of the evaluated split: classes, paradigms, words or bytes."""
        ...

    @property
    def digest(self) -> str:
        """Of the evaluated examples and everything else that decides the scores."""
        ...

    def with_texts(self, texts: tuple[tuple[str, ...], ...]) -> Task:
        """A copy of the task whose evaluated examples have other texts.

        Args:
            texts: (columns) × (examples).
        """
        ...

    def encode(self, tokenizer: Any, config: Any) -> Encoded:
        """The evaluated split as forward rows for one model's tokenizer and configuration."""
        ...

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """Reduces the logits of a batch to the outputs that are stored, (rows, columns).

        For rows with `positions` the logits are (rows, positions, vocabulary). For rows with
        `candidates` the last axis holds these token ids only.
        """
        ...

    def gather(self, outputs: np.ndarray, encoded: Any) -> np.ndarray:
        """(rows, columns) outputs of what was encoded -> (examples, columns), float32."""
        ...


class OfKind:
    """What a task has from its kind."""

    entry: ClassVar[type[Kind]]
    name: str

    @property
    def kind(self) -> str:
        """The word of its kind."""
        return self.entry.word

    @property
    def head(self) -> str:
        """Which kind of model does it."""
        return self.entry.head

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that fit, the main one first."""
        return tuple(metric.word for metric in self.entry.metrics)

    @property
    def offers(self) -> frozenset[str]:
        """What it has for lesions, see `Kind`."""
        return self.entry.offers

    @property
    def columns(self) -> Columns:
        """Name -> a word for each evaluated example."""
        return {}

    @property
    def grouping(self) -> Grouping:
        """The columns by which examples are resampled by default: the source's, or the kind's."""
        return getattr(getattr(self, "source", None), "grouping", self.entry.grouping)

    def part(self, start: int, stop: int) -> Any:
        """A copy of the task that evaluates only the examples start ... stop - 1 of its own."""
        return taken(self, np.arange(start, stop))

    def with_texts(self, texts: tuple[tuple[str, ...], ...]) -> Any:
        """A copy of the task whose evaluated examples have other texts."""
        raise LesionError(
            f"Task {self.name!r}: the texts of a task of kind {self.kind} cannot be replaced."
        )


HELD = ("evaluated", "_placed")
"""Attributes of built-in tasks with an element for each example: computed once, and then kept."""


def taken(task: Any, rows: Array) -> Any:
    """A copy of a task that evaluates some of its examples, in this order.

    All else that it has, such as training examples, stays.
    """
    copy = replace(task)
    for name in HELD:
        if hasattr(type(task), name):
            held = getattr(task, name)
            copy.__dict__[name] = (
                held.at(rows) if hasattr(held, "at") else type(held)(held[row] for row in rows)
            )
    return copy


def find_file(path: str, data: Path | None) -> Path:
    """The path as it is given or, if there is no such file, in the data folder."""
    if data is not None and not Path(path).exists() and (data / path).exists():
        return data / path
    return Path(path)

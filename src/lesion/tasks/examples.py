"""Examples as they are read: labelled texts and minimal pairs, and where they come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.columns import INDEPENDENT, Columns, Grouping, selected
from lesion.tasks.sampling import sample

SPLITS = ("train", "dev", "test")
MISSING = ("refuse", "drop")  # what becomes of rows that lack a value


@dataclass(frozen=True)
class Split:
    """Labelled examples.

    Attributes:
        texts: (text columns) × (examples): `texts[0][i]` and `texts[1][i]` belong together.
        labels: int64 (examples,), each an index into the task's classes.
        origin: where the examples were read, for messages and the record.
        note: a sentence on rows that were left out; "" for none.
        columns: name -> a word for each example.
    """

    texts: tuple[tuple[str, ...], ...]
    labels: np.ndarray
    origin: str
    note: str = ""
    columns: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits (BLAKE2b) of texts and labels, wherever they were read."""
        digest = hashlib.blake2b(digest_size=16)
        for column in self.texts:
            digest.update(json.dumps(column).encode())
        digest.update(np.asarray(self.labels, dtype="<i8").tobytes())
        return digest.hexdigest()

    def first(self, examples: int | None) -> Split:
        """The first so many examples; all of them for None."""
        if examples is None or examples >= len(self):
            return self
        return self._at(np.arange(examples))

    def sample(self, examples: int | None, task: str) -> Split:
        """A random sample with the classes in their shares; all examples for None.

        Args:
            task: its name addresses the choice, see `lesion.tasks.sampling`.
        """
        if examples is None or examples >= len(self):
            return self
        return self._at(sample(examples, task, self.labels))

    def at(self, rows: np.ndarray) -> Split:
        """Some of the examples, in this order."""
        return self._at(rows)

    def _at(self, rows: np.ndarray) -> Split:
        texts = tuple(tuple(column[row] for row in rows) for column in self.texts)
        columns = selected(self.columns, rows)
        return replace(self, texts=texts, labels=self.labels[rows], columns=columns)


class Source(Protocol):
    """Where the splits of a task come from: a GLUE folder, the hub, files, rows in Python."""

    @property
    def default(self) -> str:
        """The split that is evaluated by default."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Label names in order of index."""
        ...

    def read(self, split: str) -> Split:
        """Reads "train", "dev" or "test"."""
        ...


@dataclass(frozen=True)
class InMemory:
    """A source that holds its splits.

    Attributes:
        splits: by name.
        classes: label names in order of index.
        default: the split that is evaluated.
        grouping: the columns by which its examples are resampled.
    """

    splits: Mapping[str, Split] = field(hash=False)
    classes: tuple[str, ...]
    default: str
    grouping: Grouping = INDEPENDENT

    def read(self, split: str) -> Split:
        """One of the splits."""
        if split not in self.splits:
            raise LesionError(f"{self.splits[self.default].origin}: has no {split} examples.")
        return self.splits[split]


class PairSet(NamedTuple):
    """Minimal pairs: `good[i]` and `bad[i]` belong together."""

    good: tuple[str, ...]
    bad: tuple[str, ...]
    labels: np.ndarray  # int64 (pairs,): the paradigm of each pair, an index into classes
    classes: tuple[str, ...]  # names of the paradigms; () where there is only one
    origin: str  # where they come from, for messages
    groups: np.ndarray | None = None  # (pairs,) what a sample balances inside each paradigm
    note: str = ""  # a sentence on rows that were left out
    columns: Mapping[str, tuple[str, ...]] = {}  # name -> a word for each pair
    ordered: bool = False  # whether the first n are a balanced sample of n, for every n

    def first(self, examples: int | None) -> PairSet:
        """The first so many pairs; all of them for None."""
        return self._at(np.arange(len(self.good))[:examples])

    def sample(self, examples: int | None, task: str) -> PairSet:
        """A random sample with the paradigms in their shares; all pairs for None.

        Of ordered pairs, the first ones.

        Args:
            task: its name addresses the choice, see `lesion.tasks.sampling`.
        """
        if examples is None or examples >= len(self.good):
            return self
        if self.ordered:
            return self.first(examples)
        finer = () if self.groups is None else (self.groups,)
        return self._at(sample(examples, task, *finer, self.labels))

    def at(self, rows: np.ndarray) -> PairSet:
        """Some of the pairs, in this order."""
        return self._at(rows)

    def _at(self, rows: np.ndarray) -> PairSet:
        return self._replace(
            good=tuple(self.good[row] for row in rows),
            bad=tuple(self.bad[row] for row in rows),
            labels=self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
            columns=selected(self.columns, rows),
        )


class PairSource(Protocol):
    """Where pairs come from: a file, a grammar, rows in Python."""

    def read(self) -> PairSet:
        """All pairs."""
        ...


class InMemoryPairs(NamedTuple):
    """A source of pairs that holds them."""

    pairs: PairSet
    grouping: Grouping = INDEPENDENT  # the columns by which they are resampled

    def read(self) -> PairSet:
        """The pairs."""
        return self.pairs

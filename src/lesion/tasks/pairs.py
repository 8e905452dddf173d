"""Minimal pairs: is the good sentence likelier than the bad one?

A masked language model gives no probability of a sentence. Its pseudo-log-likelihood is used
instead: the sum over tokens of log P(token | the rest), with the token masked (Salazar et al.
2020). The tokens of the same word to its right are masked too, because the end of a word reveals
its beginning (PLL-word-l2r, Kauf and Ivanova 2023).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from lesion.errors import LesionError
from lesion.schema.errors import did_you_mean, shortened
from lesion.schema.fields import File, OneOf, doc
from lesion.tasks.base import Kind, OfKind, Row, find_file
from lesion.tasks.columns import PARADIGM, Columns
from lesion.tasks.examples import MISSING, InMemoryPairs, PairSet, PairSource
from lesion.tasks.masked import MaskedRows, MaskedWord, Sentence, masked_rows, sentences
from lesion.tasks.metrics import ACCURACY
from lesion.tasks.sources.frames import pairs_frame
from lesion.tasks.sources.pair_files import PairFile
from lesion.tasks.statistics import Array

if TYPE_CHECKING:
    import torch

SCORINGS = ("pll", "word")


@dataclass(frozen=True)
class PairsKind(Kind):
    """minimal pairs: is the good sentence likelier than the bad one?"""

    word, head, target = "pairs", "mlm", "paradigm"
    columns, metrics = ("good", "bad"), (ACCURACY,)
    example = {"file": "pairs.tsv"}  # noqa: RUF012

    file: Annotated[
        File | None, doc("file of pairs: good, tab, bad; or BLiMP's .jsonl; or CLAMS's")
    ] = None
    label: Annotated[str | None, doc("key of the paradigm (.jsonl)")] = None
    scoring: Annotated[str | None, OneOf(SCORINGS), doc("whole sentences, or differing words")] = (
        None
    )
    missing: Annotated[str, OneOf(MISSING), doc("rows that lack a value: refused, or left out")] = (
        "refuse"
    )

    def check(self) -> None:
        """Rows that lack values can be dropped of files only."""
        if self.missing != "refuse" and not self.file:
            raise ValueError(
                f"missing: belongs to files of rows (kind classify or pairs). Got {self.missing}."
            )

    def task(self, name: str, data: Path | None) -> Pairs:
        """The task on a file of pairs."""
        path = find_file(self.file or "", data)
        return self.on(name, PairFile(path, self.label, self.missing, name, self._columns))

    def of_frame(self, name: str, frame: Any, train: Any = None) -> Pairs:
        """The task on rows with the columns good and bad."""
        if train is not None:
            raise LesionError(f"Task {name!r}: a task of kind pairs has no training examples.")
        drop = self.missing == "drop"
        source = pairs_frame(name, frame, self.label, drop, self._columns)
        return self.on(name, source._replace(grouping=self.chosen))

    @property
    def _columns(self) -> tuple[str, ...]:
        """The further columns of a file or frame."""
        return self.to_read(*([PARADIGM] if self.label else []))

    def on(self, name: str, source: PairSource) -> Pairs:
        """The task on pairs from any source."""
        return Pairs(name, source, self.scoring or "pll", self.examples, self.language or "en")

    @staticmethod
    def correct(outputs: Array, targets: Array) -> Array:
        """1 where the good sentence has the larger sum, a half for a tie."""
        good, bad = outputs
        correct = (good > bad) + 0.5 * (good == bad)
        return np.where(np.isfinite(outputs).all(0), correct, 0.0).astype(np.float32)

    @staticmethod
    def prior(targets: Array, columns: int, weights: Array) -> Array:
        """One half each: a constant answer cannot know which of the two is good."""
        return np.full((len(weights), 2), 0.5)

    @classmethod
    def answers(cls, outputs: Array, classes: Sequence[str]) -> list[str | None]:
        """The likelier sentence: good, bad, or None for a tie."""
        good, bad = outputs
        side = np.select([good > bad, good < bad], [1, 2], 0)
        return [(None, *cls.columns)[k] for k in np.where(np.isfinite(outputs).all(0), side, 0)]


@dataclass(frozen=True)
class Pairs(OfKind):
    """Minimal pairs for a masked language model, read at first use.

    The outputs of a pair are two sums of log-probabilities in nats, [good, bad]. With scoring
    "word" the terms that both share are left out, so that only the difference is meaningful.
    `targets` and `classes` give the paradigm of each pair (the construction, in the built-in
    agreement): `outputs[task.targets == k]` are those of `task.classes[k]`.

    Attributes:
        name: the task's name in the study.
        source: where the pairs come from.
        scoring: "pll" scores every token of both sentences (PLL-word-l2r), with one forward row
            each. "word" scores only the words in which they differ, each given all other words:
            log P(is | ...) against log P(are | ...), as Goldberg (2019) does. Sentences that
            differ in one word of one token need one row for the pair. If all pairs are such, the
            output layer computes the logits of these two tokens only.
        examples: evaluate only so many pairs, a fixed sample with the paradigms in their shares;
            None: all.
        language: of the texts, for models that need it.
        first: `examples` takes the first ones; only for runs that began so.
    """

    entry = PairsKind

    name: str
    source: PairSource
    scoring: str = "pll"
    examples: int | None = None
    language: str = "en"
    first: bool = False

    def __post_init__(self) -> None:
        if self.scoring not in SCORINGS:
            raise LesionError(
                f"Task {self.name!r}: scoring must be one of {', '.join(SCORINGS)}. "
                f"Got {shortened(self.scoring)}.{did_you_mean(self.scoring, SCORINGS)}"
            )

    @cached_property
    def evaluated(self) -> PairSet:
        """The pairs that are scored."""
        whole = self._read
        return whole.first(self.examples) if self.first else whole.sample(self.examples, self.name)

    @cached_property
    def _read(self) -> PairSet:
        return self.source.read()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of the file, in sentences."""
        return tuple(filter(None, [self.evaluated.note]))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the paradigms in order of index; () where there is only one."""
        return self.evaluated.classes

    @property
    def targets(self) -> np.ndarray:
        """int64 (pairs,): the paradigm of each pair."""
        return self.evaluated.labels

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The two sentences of each pair."""
        return {"good": self.evaluated.good, "bad": self.evaluated.bad}

    @property
    def columns(self) -> Columns:
        """Name -> a word for each pair: its paradigm, and what the source has."""
        return self.evaluated.columns

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: equal where every score must be equal."""
        pairs = self.evaluated
        decides = [pairs.good, pairs.bad, pairs.labels.tolist(), pairs.classes, self.scoring]
        return hashlib.blake2b(json.dumps(decides).encode(), digest_size=16).hexdigest()

    def with_texts(self, texts: tuple[tuple[str, ...], ...]) -> Pairs:
        """A copy of the task whose evaluated pairs are (good, bad) sentences of these texts."""
        good, bad = texts
        source = InMemoryPairs(self.evaluated._replace(good=good, bad=bad), self.grouping)
        return replace(self, source=source, examples=None)

    def encode(self, tokenizer: Any, config: Any) -> MaskedRows:
        """A row for each masked context that is scored, with the pairs that it counts for.

        A context that good and bad share is one row with two targets.
        """
        pairs, name = self.evaluated, f"Task {self.name!r}"
        good = sentences(pairs.good, tokenizer, config, name)
        bad = sentences(pairs.bad, tokenizer, config, name)
        masked: list[MaskedWord] = []
        for example, (left, right) in enumerate(zip(good, bad, strict=True)):
            chosen = self._words(left, right, example)
            for side, (sentence, words) in enumerate(zip((left, right), chosen, strict=True)):
                masked += [MaskedWord(example, side, sentence, word) for word in words]
        encoded = masked_rows(masked, tokenizer)
        if self.scoring == "word" and all(len(row["target"]) == 2 for row in encoded.rows):
            for row in encoded.rows:
                row["candidates"] = row["target"]
        return encoded

    def _words(self, good: Sentence, bad: Sentence, example: int) -> tuple[list[int], list[int]]:
        """Which words of the two sentences are scored."""
        if self.scoring == "pll":
            return list(range(len(good.words))), list(range(len(bad.words)))
        chosen = differing(good, bad)
        if bool(chosen[0]) != bool(chosen[1]):
            raise LesionError(
                f"Task {self.name!r}: scoring is word, but a word is only added or left out in "
                f"{self.evaluated.good[example]!r} and {self.evaluated.bad[example]!r}. "
                "Set scoring to pll."
            )
        return chosen

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """Log-probabilities of the targets: (rows, positions, vocabulary) -> (rows, 2), float32.

        Rows have one position. A row with one target repeats it. Logits of two candidates are
        kept as they are.
        """
        import torch

        if "candidates" in rows[0]:
            return logits[:, 0].float()
        targets = torch.tensor(
            [[row["target"][0], row["target"][-1]] for row in rows], device=logits.device
        )
        scores = logits[:, 0].float()
        return scores.gather(1, targets) - scores.logsumexp(-1, keepdim=True)

    def gather(self, outputs: np.ndarray, encoded: MaskedRows) -> np.ndarray:
        """(rows, 2) log-probabilities -> (pairs, 2) sums [good, bad], float32."""
        owners = encoded.owners
        sums = np.zeros((len(self.evaluated.good), 2))
        np.add.at(sums, (owners.example, owners.side), outputs[owners.row, owners.column])
        return sums.astype(np.float32)


def differing(good: Sentence, bad: Sentence) -> tuple[list[int], list[int]]:
    """The words between the common beginning and the common end of two sentences."""
    left = [tuple(good.ids[position] for position in word) for word in good.words]
    right = [tuple(bad.ids[position] for position in word) for word in bad.words]
    shortest = min(len(left), len(right))
    start = 0
    while start < shortest and left[start] == right[start]:
        start += 1
    end = 0
    while end < shortest - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return list(range(start, len(left) - end)), list(range(start, len(right) - end))

"""Minimal pairs: is the good sentence likelier than the bad one?

A masked language model gives no probability of a sentence; its pseudo-log-likelihood stands in:
the sum over tokens of log P(token | the rest), with the token masked (Salazar et al. 2020). A token
of a longer word is scored with the tokens of the same word to its right masked too, since a model
that sees the end of a word guesses its beginning (PLL-word-l2r, Kauf and Ivanova 2023).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from lesion.errors import LesionError
from lesion.schema import did_you_mean, shortened
from lesion.tasks.base import Row
from lesion.tasks.masked import MaskedRows, MaskedWord, Sentence, masked_rows, sentences
from lesion.tasks.sampling import sample

if TYPE_CHECKING:
    import torch

SCORINGS = ("pll", "word")


class PairSet(NamedTuple):
    """Minimal pairs: `good[i]` and `bad[i]` belong together."""

    good: tuple[str, ...]
    bad: tuple[str, ...]
    labels: np.ndarray  # int64 (pairs,): the paradigm of each pair, an index into classes
    classes: tuple[str, ...]  # names of the paradigms; () where there is only one
    origin: str  # where they come from, for messages
    groups: np.ndarray | None = None  # (pairs,) what a sample balances inside each paradigm
    note: str = ""  # what was left out, in a sentence

    def first(self, examples: int | None) -> PairSet:
        """The first so many pairs; all of them for None."""
        return self._at(np.arange(len(self.good))[:examples])

    def sample(self, examples: int | None, task: str) -> PairSet:
        """So many pairs by chance, the paradigms in their shares; all of them for None.

        Args:
            task: its name addresses the choice, see `lesion.tasks.sampling`.
        """
        if examples is None or examples >= len(self.good):
            return self
        finer = () if self.groups is None else (self.groups,)
        return self._at(sample(examples, task, *finer, self.labels))

    def _at(self, places: np.ndarray) -> PairSet:
        return self._replace(
            good=tuple(self.good[place] for place in places),
            bad=tuple(self.bad[place] for place in places),
            labels=self.labels[places],
            groups=None if self.groups is None else self.groups[places],
        )


class PairSource(Protocol):
    """Where pairs come from: a file, or a grammar."""

    def read(self) -> PairSet:
        """All pairs."""
        ...


@dataclass(frozen=True)
class Pairs:
    """Minimal pairs for a masked language model. They are read when first asked for.

    The outputs of a pair are two sums of log-probabilities in nats, [good, bad]; with scoring
    "word" less what both have in common, so that only their difference counts. `labels` and
    `classes` name each pair's paradigm (the construction, for the built-in agreement), so that
    scores can be told apart by it: `outputs[task.targets == k]` are those of `task.classes[k]`.

    Attributes:
        name: the task's name in the study.
        source: where the pairs come from.
        scoring: "pll" scores every token of both sentences (PLL-word-l2r), a forward row each.
            "word" scores only the words in which they differ, each given all the other words, in
            the same way: log P(is | ...) against log P(are | ...), as Goldberg (2019) does.
            Where the sentences differ in one word of one token, that is one row for the pair;
            where all do, only these two tokens are asked of the output layer, as logits.
        examples: evaluate only so many pairs, a fixed sample with the paradigms in their shares;
            None: all.
        language: of the texts, for models that must be told.
        first: `examples` takes the first ones instead, as runs do that began so.
    """

    name: str
    source: PairSource
    scoring: str = "pll"
    examples: int | None = None
    language: str = "en"
    kind: str = field(default="pairs", init=False)
    head: str = field(default="mlm", init=False)
    metrics: tuple[str, ...] = field(default=("accuracy",), init=False)
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
    def digest(self) -> str:
        """32 hexadecimal digits: equal where every score must be equal."""
        pairs = self.evaluated
        decides = [pairs.good, pairs.bad, pairs.labels.tolist(), pairs.classes, self.scoring]
        return hashlib.blake2b(json.dumps(decides).encode(), digest_size=16).hexdigest()

    def encode(self, tokenizer: Any, config: Any) -> MaskedRows:
        """A row for each masked context that is scored; `parts` says what it counts for.

        A context that good and bad have in common is one row with two targets.
        """
        pairs, name = self.evaluated, f"Task {self.name!r}"
        good = sentences(pairs.good, tokenizer, config, name)
        bad = sentences(pairs.bad, tokenizer, config, name)
        hidden: list[MaskedWord] = []
        for example, (left, right) in enumerate(zip(good, bad, strict=True)):
            chosen = self._words(left, right, example)
            for side, (sentence, words) in enumerate(zip((left, right), chosen, strict=True)):
                hidden += [MaskedWord(example, side, sentence, word) for word in words]
        found = masked_rows(hidden, tokenizer)
        if self.scoring == "word" and all(len(row["target"]) == 2 for row in found.rows):
            for row in found.rows:
                row["candidates"] = row["target"]
        return found

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
        """Log-probabilities of the targets: (rows, reads, vocabulary) -> (rows, 2), float32.

        `logits` are those at the places in `row["positions"]`, one a row. A row with one target
        repeats it. Logits of a row's two words are kept as they are.
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
        parts = encoded.parts
        sums = np.zeros((len(self.evaluated.good), 2))
        np.add.at(sums, (parts.example, parts.side), outputs[parts.row, parts.column])
        return sums.astype(np.float32)


def differing(good: Sentence, bad: Sentence) -> tuple[list[int], list[int]]:
    """The words between what two sentences share at the beginning and at the end."""
    left = [tuple(good.ids[place] for place in word) for word in good.words]
    right = [tuple(bad.ids[place] for place in word) for word in bad.words]
    shortest = min(len(left), len(right))
    start = 0
    while start < shortest and left[start] == right[start]:
        start += 1
    end = 0
    while end < shortest - start and left[-1 - end] == right[-1 - end]:
        end += 1
    return list(range(start, len(left) - end)), list(range(start, len(right) - end))

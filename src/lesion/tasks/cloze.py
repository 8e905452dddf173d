"""Cloze: a word is hidden in each passage of a text, and a masked language model predicts it.

One example is one passage with one hidden word (Taylor 1953). Examples are therefore nearly
independent, unlike several masks in one sequence. Examples and targets are the same for every
tokenizer, and the loss is in nats per word, which is comparable across tokenizers.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.schema.fields import File, doc
from lesion.tasks.base import Kind, OfKind, Row, find_file
from lesion.tasks.columns import Columns, Grouping
from lesion.tasks.masked import MaskedRows, MaskedWord, masked_rows, sentences
from lesion.tasks.metrics import ACCURACY, CROSS_ENTROPY
from lesion.tasks.sources.texts import Place, place_columns, placed_paragraphs
from lesion.tasks.statistics import Array

if TYPE_CHECKING:
    import torch

EXAMPLES = 1_000  # passages by default
WORDS = 24  # of a passage, between spaces; the end of a paragraph may have half as many
WORD = re.compile(r"(?<![\w'’-])[^\W\d_]+(?![\w'’-])")  # letters, no ' or - beside them


class ClozeItem(NamedTuple):
    """A stretch of one paragraph and its hidden word."""

    text: str
    start: int  # the hidden word is text[start:end]
    end: int
    place: Place | None = None  # in a text file; it decides no score

    @property
    def word(self) -> str:
        """The hidden word."""
        return self.text[self.start : self.end]


@dataclass(frozen=True)
class ClozeKind(Kind):
    """hidden words of a text, to be guessed."""

    word, head, target = "cloze", "mlm", "word"
    columns, metrics = ("correct", "loss"), (ACCURACY, CROSS_ENTROPY)
    default_examples, grouping = EXAMPLES, Grouping("document")
    example = {"file": "novel.txt"}  # noqa: RUF012

    file: Annotated[File | None, doc("text with one paragraph a line")] = None

    def task(self, name: str, data: Path | None) -> Cloze:
        """The task on a text file."""
        path = find_file(self.file or "", data)
        return Cloze(name, path, self.examples, self.language or "en")

    @staticmethod
    def correct(outputs: Array, targets: Array) -> Array:
        """1 where every token of the word is the first choice."""
        return np.where(np.isfinite(outputs).all(0), outputs[0], 0.0).astype(np.float32)

    @staticmethod
    def loss(outputs: Array, targets: Array) -> Array:
        """Nats of the word."""
        return np.where(np.isfinite(outputs).all(0), outputs[1], np.inf)

    @staticmethod
    def prior(targets: Array, columns: int, weights: Array) -> Array:
        """Shares of the hidden words, which are many and sparse."""
        order = np.argsort(targets, kind="stable")
        _, starts = np.unique(targets[order], return_index=True)
        sums = np.add.reduceat(weights[:, order].astype(np.float64), starts, axis=1)
        return sums / weights.sum(1, dtype=np.float64)[:, None]


@dataclass(frozen=True)
class Cloze(OfKind):
    """Hidden words of a text file for a masked language model, read at first use.

    The outputs of a passage are [correct, loss]: whether every token of the word is the model's
    first choice, and minus the log-probability of the word in nats. A word of several tokens is
    predicted from left to right, with the later tokens masked, so that its probability is a
    product of conditional ones. Chance is the share of the most frequent hidden word, or the
    entropy of the hidden words. `targets` index `classes`, the different words.

    Attributes:
        name: the task's name in the study.
        path: text in UTF-8, one paragraph a line; plain, .gz or .xz.
        examples: evaluate only so many passages, the first of a fixed random order; None: 1,000.
        language: of the text, for models that need it.
    """

    entry = ClozeKind

    name: str
    path: Path
    examples: int | None = None
    language: str = "en"

    @cached_property
    def evaluated(self) -> tuple[ClozeItem, ...]:
        """The passages that are scored."""
        return cloze_items(self.path, self.examples or EXAMPLES)

    @property
    def columns(self) -> Columns:
        """The document and the paragraph of each passage, by their numbers."""
        return place_columns([passage.place for passage in self.evaluated])

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The hidden words, each once, in alphabetical order."""
        return tuple(sorted({passage.word for passage in self.evaluated}))

    @cached_property
    def targets(self) -> np.ndarray:
        """int64 (passages,): the hidden word of each."""
        index = {word: number for number, word in enumerate(self.classes)}
        return np.array([index[passage.word] for passage in self.evaluated], dtype=np.int64)

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The passages, their hidden words in place."""
        return {"text": tuple(passage.text for passage in self.evaluated)}

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: equal where every score must be equal."""
        text = json.dumps([passage[:3] for passage in self.evaluated])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def encode(self, tokenizer: Any, config: Any) -> MaskedRows:
        """A row for each token of each hidden word."""
        if not tokenizer.is_fast:
            raise LesionError(
                f"Task {self.name!r}: cannot tell where the words of a text are with "
                f"{type(tokenizer).__name__}, a slow tokenizer. "
                "Give a model with a fast tokenizer (a tokenizer.json)."
            )
        texts = [passage.text for passage in self.evaluated]
        tokenised = sentences(texts, tokenizer, config, f"Task {self.name!r}")
        spans = tokenizer(texts, return_offsets_mapping=True)["offset_mapping"]
        masked = []
        for number, (passage, sentence) in enumerate(zip(self.evaluated, tokenised, strict=True)):
            word = [
                position
                for positions in sentence.words
                for position in positions
                if _overlaps(spans[number][position], passage)
            ]
            masked.append(MaskedWord(number, 0, sentence._replace(words=[word]), 0))
        return masked_rows(masked, tokenizer)

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """[first choice, loss] of the target: (rows, 1, vocabulary) -> (rows, 2), float32."""
        import torch

        targets = torch.tensor([row["target"][:1] for row in rows], device=logits.device)
        scores = logits[:, 0].float()
        target = scores.gather(1, targets)
        first = (scores.argmax(-1, keepdim=True) == targets).float()
        return torch.cat([first, scores.logsumexp(-1, keepdim=True) - target], dim=1)

    def gather(self, outputs: np.ndarray, encoded: MaskedRows) -> np.ndarray:
        """(rows, 2) -> (passages, 2): correct if every token is, losses summed; float32."""
        owner = encoded.owners.example
        gathered = np.zeros((len(self.evaluated), 2))
        gathered[:, 0] = 1
        np.minimum.at(gathered[:, 0], owner, outputs[:, 0])
        np.add.at(gathered[:, 1], owner, outputs[:, 1])
        return gathered.astype(np.float32)


def _overlaps(span: tuple[int, int], item: ClozeItem) -> bool:
    """Whether a token belongs to the hidden word."""
    return span[0] < item.end and span[1] > item.start


def cloze_items(path: Path, examples: int) -> tuple[ClozeItem, ...]:
    """Passages of a text file in a fixed random order, the first so many.

    Paragraphs are cut into passages of 24 words between spaces. The end of a paragraph is a
    passage if it has at least 12. The hidden word depends only on the passage.

    Raises:
        LesionError: if the file cannot be read, or has no such passage.
    """
    texts: list[tuple[str, Place]] = []
    for paragraph, place in placed_paragraphs(path):
        words = paragraph.split()
        stretches = (words[start : start + WORDS] for start in range(0, len(words), WORDS))
        texts += [(" ".join(stretch), place) for stretch in stretches if len(stretch) >= WORDS // 2]
    order = np.argsort(random_uint32(len(texts), 0, "cloze", "passages"), kind="stable")
    items: list[ClozeItem] = []
    for index in order:
        if len(items) == examples:
            break
        text, place = texts[index]
        spans = [match.span() for match in WORD.finditer(text)]
        if spans:
            draw = random_uint32(len(spans), 0, "cloze", "word", text)
            items.append(ClozeItem(text, *spans[int(draw.argmin())], place))
    if not items:
        raise LesionError(
            f"{path}: has no paragraph of {WORDS // 2} words or more with one to hide. "
            "Give a text with one paragraph a line and spaces between words."
        )
    return tuple(items)

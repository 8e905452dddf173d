"""Cloze: a word is hidden in each passage of a text, and a masked language model guesses it.

One example is one passage with one hidden word (Taylor 1953). So examples are as good as
independent, which several masks in one sequence would not be, and they and their labels are the
same for every tokenizer: loss is in nats a word, which models with different tokenizers share,
unlike nats a token.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.tasks.base import Row
from lesion.tasks.masked import MaskedRows, MaskedWord, masked_rows, sentences
from lesion.tasks.spec import CLOZE_EXAMPLES

if TYPE_CHECKING:
    import torch

WORDS = 24  # between spaces, a passage; shorter ends of paragraphs are kept from half of it
WORD = re.compile(r"(?<![\w'’-])[^\W\d_]+(?![\w'’-])")  # letters; beside no apostrophe or hyphen


class ClozeItem(NamedTuple):
    """A stretch of one paragraph and its hidden word."""

    text: str
    start: int  # the hidden word is text[start:end]
    end: int

    @property
    def word(self) -> str:
        """What is to be guessed."""
        return self.text[self.start : self.end]


@dataclass(frozen=True)
class Cloze:
    """MaskedWord words of a text file for a masked language model, read when first asked for.

    The outputs of a passage are [correct, loss]: whether every token of the word is the model's
    first choice, and minus the log-probability of the word in nats. A word of several tokens is
    guessed from left to right, each with the ones after it masked, so that its probability is a
    product of conditional ones. Chance is always saying the most frequent of the hidden words,
    or their entropy; `labels` index `classes`, the different words.

    Attributes:
        name: the task's name in the study.
        path: text in UTF-8, one paragraph a line; plain, .gz or .xz.
        examples: evaluate only the first so many passages of a fixed random order, so that a few
            are a sample of the whole file; None: 1,000.
        language: of the text, for models that must be told.
    """

    name: str
    path: Path
    examples: int | None = None
    language: str = "en"
    kind: str = field(default="cloze", init=False)
    head: str = field(default="mlm", init=False)
    metrics: tuple[str, ...] = field(default=("accuracy", "cross_entropy"), init=False)

    @cached_property
    def evaluated(self) -> tuple[ClozeItem, ...]:
        """The passages that are scored."""
        return cloze_items(self.path, self.examples or CLOZE_EXAMPLES)

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
        text = json.dumps(self.evaluated)
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
        found = sentences(texts, tokenizer, config, f"Task {self.name!r}")
        spans = tokenizer(texts, return_offsets_mapping=True)["offset_mapping"]
        hidden = []
        for number, (passage, sentence) in enumerate(zip(self.evaluated, found, strict=True)):
            word = [
                place
                for places in sentence.words
                for place in places
                if spans[number][place][0] < passage.end and spans[number][place][1] > passage.start
            ]
            hidden.append(MaskedWord(number, 0, sentence._replace(words=[word]), 0))
        return masked_rows(hidden, tokenizer)

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """[first choice, loss] of the target: (rows, reads, vocabulary) -> (rows, 2), float32.

        `logits` are those at the places in `row["positions"]`, one a row.
        """
        import torch

        targets = torch.tensor([row["target"][:1] for row in rows], device=logits.device)
        scores = logits[:, 0].float()
        target = scores.gather(1, targets)
        first = (scores.argmax(-1, keepdim=True) == targets).float()
        return torch.cat([first, scores.logsumexp(-1, keepdim=True) - target], dim=1)

    def gather(self, outputs: np.ndarray, encoded: MaskedRows) -> np.ndarray:
        """(rows, 2) -> (passages, 2): correct where every token is, losses summed; float32."""
        owner = encoded.parts.example
        found = np.zeros((len(self.evaluated), 2))
        found[:, 0] = 1
        np.minimum.at(found[:, 0], owner, outputs[:, 0])
        np.add.at(found[:, 1], owner, outputs[:, 1])
        return found.astype(np.float32)


def cloze_items(path: Path, examples: int) -> tuple[ClozeItem, ...]:
    """Passages of a text file in a fixed random order, the first so many.

    Paragraphs are cut into stretches of 24 words between spaces; what is left of a paragraph
    counts from 12 words on. Which word is hidden depends on the passage alone.

    Errors: LesionError if the file cannot be read, or holds no such passage.
    """
    from lesion.tasks.sources.texts import paragraphs

    texts = []
    for paragraph in paragraphs(path):
        words = paragraph.split()
        stretches = (words[start : start + WORDS] for start in range(0, len(words), WORDS))
        texts += [" ".join(stretch) for stretch in stretches if len(stretch) >= WORDS // 2]
    order = np.argsort(random_uint32(len(texts), 0, "cloze", "passages"), kind="stable")
    found: list[ClozeItem] = []
    for index in order:
        if len(found) == examples:
            break
        spans = [match.span() for match in WORD.finditer(texts[index])]
        if spans:
            draw = random_uint32(len(spans), 0, "cloze", "word", texts[index])
            found.append(ClozeItem(texts[index], *spans[int(draw.argmin())]))
    if not found:
        raise LesionError(
            f"{path}: has no paragraph of {WORDS // 2} words or more with one to hide. "
            "Give a text with one paragraph a line and spaces between words."
        )
    return tuple(found)

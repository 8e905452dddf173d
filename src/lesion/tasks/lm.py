"""Running text: the loss of a causal language model.

A text is cut into windows of words, and each window is an example. Windows are counted in words
between spaces, not in tokens. They and their bytes are therefore the same for every model.

- Bits per byte are comparable across tokenizers: all predict the same bytes.
- Nats per token and perplexity are not: larger tokens make fewer and harder predictions.

Chance is the best constant answer: at every position, the token frequencies of the evaluated text
(the entropy of its tokens). A model that is worse has a skill below 0. Damaged models can be much
worse, since a loss has no upper limit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.schema.fields import Between, File, doc
from lesion.tasks.base import Encoded, Kind, OfKind, Row, find_file
from lesion.tasks.columns import Columns, Grouping
from lesion.tasks.metrics import BITS_PER_BYTE, NATS_PER_TOKEN, PERPLEXITY
from lesion.tasks.sources.texts import Place, place_columns, placed_paragraphs
from lesion.tasks.statistics import Array, TextLoss, weighted_mean
from lesion.tasks.tokens import longest_input, opening_token

if TYPE_CHECKING:
    import torch

LENGTH = 128  # words a window
WORD = re.compile(r"\S+")


class Window(NamedTuple):
    """A stretch of the text; the characters before `start` are context only."""

    text: str
    start: int  # of the characters that are predicted
    place: Place | None = None  # of the first predicted word; it decides no score

    @property
    def bytes(self) -> int:
        """Bytes of the predicted characters in UTF-8."""
        return len(self.text[self.start :].encode())


@dataclass(frozen=True)
class WindowRows(Encoded):
    """Windows as tokens, with the columns of the outputs that no model changes.

    Attributes:
        tokens: (windows,) how many tokens are predicted in each.
        baseline: (windows,) nats of the best constant answer on each.
    """

    tokens: np.ndarray
    baseline: np.ndarray


@dataclass(frozen=True)
class LmKind(Kind):
    """running text: how surprised a causal language model is by every next word."""

    word, head, target = "lm", "causal", "bytes"
    columns, baseline_columns = ("nats", "tokens", "baseline"), (2, 1, 2)
    metrics, grouping = (BITS_PER_BYTE, NATS_PER_TOKEN, PERPLEXITY), Grouping("document")
    example = {"file": "novel.txt", "length": 128, "stride": 64}  # noqa: RUF012

    file: Annotated[File | None, doc("text with one paragraph a line")] = None
    length: Annotated[int | None, Between(1), doc("words a window (default: 128)")] = None
    stride: Annotated[
        int | None, Between(1), doc("words from one window to the next (default: length)")
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride and self.stride > (self.length or LENGTH):
            raise ValueError(
                f"stride: must be at most the length ({self.length or LENGTH}), or words would "
                f"be left out. Got {self.stride}."
            )

    def task(self, name: str, data: Path | None) -> RunningText:
        """The task on a text file."""
        path, language = find_file(self.file or "", data), self.language or "en"
        return RunningText(name, path, self.length or LENGTH, self.stride, self.examples, language)

    @staticmethod
    def text_loss(weights: Array, outputs: Array, targets: Array) -> TextLoss:
        """Mean nats, tokens and bytes of a window."""
        nats, tokens, _ = outputs
        nats = np.where(np.isfinite(nats), nats, np.inf)
        means = (weighted_mean(weights, values) for values in (nats, tokens, targets[:, None]))
        return TextLoss(*means)


@dataclass(frozen=True)
class RunningText(OfKind):
    """Loss of a causal language model on a text file, read at first use.

    The outputs of a window are [nats, tokens, baseline]: minus the sum of the log-probabilities
    of its predicted tokens, their number, and the nats of the best constant answer on them.
    `targets` are bytes.

    Each window is read alone, after the token that begins a text (or, if the tokenizer has none,
    the token that ends one), so that its first word is predicted too. Every word is predicted
    exactly once: with a stride below the length, the first words of a window are context only.

    Attributes:
        name: the task's name in the study.
        path: text in UTF-8, one paragraph a line; plain, .gz or .xz.
        length: words per window; the last window may have fewer.
        stride: words from the beginning of one window to that of the next, at most the length;
            None: the length, so that no window has context. A stride of half the length takes
            twice as long, and gives every word except the first half a window of context.
        examples: evaluate only so many windows, a fixed random sample; None: all.
        language: of the text.
        whole: of a part of a task, the task: the best constant answer is that to its text.
    """

    entry = LmKind

    name: str
    path: Path
    length: int = LENGTH
    stride: int | None = None
    examples: int | None = None
    language: str = "en"
    whole: RunningText | None = field(default=None, repr=False, compare=False)
    classes: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def evaluated(self) -> tuple[Window, ...]:
        """The windows that are scored, in the order of the text."""
        whole = windows(self.path, self.length, self.stride or self.length)
        order = np.argsort(random_uint32(len(whole), 0, "lm", "windows"), kind="stable")
        return tuple(whole[index] for index in sorted(order[: self.examples]))

    @property
    def columns(self) -> Columns:
        """The document and the paragraph in which each window's predicted words begin."""
        return place_columns([window.place for window in self.evaluated])

    @cached_property
    def targets(self) -> np.ndarray:
        """int64 (windows,): predicted bytes."""
        return np.array([window.bytes for window in self.evaluated], dtype=np.int64)

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The predicted part of each window."""
        return {"text": tuple(window.text[window.start :] for window in self.evaluated)}

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: equal where every score must be equal."""
        text = json.dumps([window[:2] for window in self.evaluated])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def encode(self, tokenizer: Any, config: Any) -> WindowRows:
        """A row for each window."""
        if not tokenizer.is_fast:
            raise LesionError(
                f"Task {self.name!r}: cannot tell which words a token belongs to with "
                f"{type(tokenizer).__name__}, a slow tokenizer. "
                "Give a model with a fast tokenizer (a tokenizer.json)."
            )
        made = tokenizer(
            [window.text for window in self.evaluated],
            add_special_tokens=False,
            return_attention_mask=False,
            return_offsets_mapping=True,
            verbose=False,  # long windows are refused below, with what to do
        )
        first = opening_token(tokenizer)
        if first is None:
            raise LesionError(
                f"Task {self.name!r}: the tokenizer names no token that begins or ends a text, so "
                "that a window's first word cannot be predicted. Name one in "
                "tokenizer_config.json (bos_token)."
            )
        rows = [
            _row(first, ids, spans, window.start)
            for window, ids, spans in zip(
                self.evaluated, made["input_ids"], made["offset_mapping"], strict=True
            )
        ]
        self._check_length(rows, longest_input(tokenizer, config))
        targets = [row["target"] for row in rows]
        every = targets
        if self.whole is not None:
            every = [row["target"] for row in self.whole.encode(tokenizer, config).rows]
        nats = unigram_nats(targets, every)
        return WindowRows(rows, np.array([len(ids) for ids in targets]), nats)

    def part(self, start: int, stop: int) -> RunningText:
        """A copy of the task that evaluates only the windows start ... stop - 1 of its own."""
        part: RunningText = super().part(start, stop)
        object.__setattr__(part, "whole", self)
        return part

    def _check_length(self, rows: Sequence[Row], limit: int) -> None:
        longest = max(len(row["input_ids"]) for row in rows)
        if longest > limit:
            raise LesionError(
                f"Task {self.name!r}: a window of {self.length} words has {longest} tokens, but "
                f"the model reads at most {limit}. Set length to "
                f"{max(self.length * limit // longest, 1)} words or less."
            )

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """Nats of each window: (rows, positions, vocabulary) -> (rows, 1), float32.

        Windows are reduced in turn: the probabilities of
        all would take as much memory as the logits.
        """
        import torch

        nats = logits.new_empty((len(rows), 1), dtype=torch.float32)
        for number, row in enumerate(rows):
            targets = torch.tensor(row["target"], device=logits.device)
            scores = logits[number, : len(targets)].float()
            nats[number] = torch.nn.functional.cross_entropy(scores, targets, reduction="sum")
        return nats

    def gather(self, outputs: np.ndarray, encoded: WindowRows) -> np.ndarray:
        """(windows, 1) nats -> (windows, 3): nats, tokens, baseline; float32."""
        known = np.stack([encoded.tokens, encoded.baseline], axis=1)
        return np.concatenate([outputs, known], axis=1).astype(np.float32)


def windows(path: Path, length: int, stride: int) -> list[Window]:
    """The windows of a text file, in its order; together they predict every word once.

    Paragraphs are joined by a line feed. The spaces between two windows belong to neither, unless
    the second has the first as its context.

    Raises:
        LesionError: if the file cannot be read, or has no words.
    """
    paragraphs = placed_paragraphs(path)
    text = "\n".join(paragraph for paragraph, _ in paragraphs)
    ends = np.cumsum([len(paragraph) + 1 for paragraph, _ in paragraphs])
    words = [match.span() for match in WORD.finditer(text)]
    cut: list[Window] = []
    done = 0  # words that earlier windows predict
    for start in range(0, len(words), stride):
        if done == len(words):
            break
        end = min(start + length, len(words))
        first, last = words[start][0], words[end - 1][1]
        context = words[done - 1][1] - first if done > start else 0
        _, place = paragraphs[int(np.searchsorted(ends, words[done][0], side="right"))]
        cut.append(Window(text[first:last], context, place))
        done = end
    if not cut:
        raise LesionError(f"{path}: has no words. Give a text with one paragraph a line.")
    return cut


def unigram_nats(
    targets: Sequence[Sequence[int]], every: Sequence[Sequence[int]] | None = None
) -> np.ndarray:
    """Nats of each target under token frequencies: (targets,).

    Args:
        targets: token ids.
        every: the targets whose frequencies are taken, those above among them; default: those.
    """
    flat, of = (_flat(ids) for ids in (targets, targets if every is None else every))
    tokens, counts = np.unique(of, return_counts=True)
    nats = -np.log(counts / len(of))[np.searchsorted(tokens, flat)]
    owners = np.repeat(np.arange(len(targets)), [len(ids) for ids in targets])
    return np.bincount(owners, nats, minlength=len(targets))


def _flat(targets: Sequence[Sequence[int]]) -> np.ndarray:
    return np.concatenate([np.asarray(ids, dtype=np.int64) for ids in targets])


def _row(first: int, ids: list[int], spans: list[tuple[int, int]], start: int) -> Row:
    """A window's tokens; logits are needed at the position before each predicted token."""
    context = next((index for index, (_, end) in enumerate(spans) if end > start), len(ids))
    return {
        "input_ids": [first, *ids],
        "positions": list(range(context, len(ids)))
        or [0],  # a tokenizer may drop what it cannot read
        "target": ids[context:],
    }

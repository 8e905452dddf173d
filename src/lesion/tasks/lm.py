"""Running text for a causal language model: how surprised is it by what comes next?

A text is cut into windows of words, and each window is an example. Windows are counted in words,
between spaces, and not in tokens: so they, and the bytes in them, are the same for every model.

- Bits per byte are comparable over tokenizers: the same bytes are predicted, whatever the pieces.
- Nats per token and perplexity are not: a tokenizer with larger pieces has fewer, harder guesses.

Chance is the best constant answer, as everywhere: always saying how frequent each token is in the
evaluated text (the entropy of its tokens). A model that is worse than that has a skill below 0,
and damaged models can be much worse: loss has no upper limit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.tasks.base import Encoded, Row, longest_input, opening_token
from lesion.tasks.spec import LM_LENGTH

if TYPE_CHECKING:
    import torch

WORD = re.compile(r"\S+")


class Window(NamedTuple):
    """A stretch of the text; what stands before `start` is context only."""

    text: str
    start: int  # of the characters that are predicted

    @property
    def bytes(self) -> int:
        """How long in UTF-8 what is predicted is."""
        return len(self.text[self.start :].encode())


@dataclass(frozen=True)
class WindowRows(Encoded):
    """Windows as tokens, and what is known of them before any model sees them.

    Attributes:
        tokens: (windows,) how many tokens are predicted in each.
        constant: (windows,) nats that the best constant answer spends on each.
    """

    tokens: np.ndarray
    constant: np.ndarray


@dataclass(frozen=True)
class RunningText:
    """Loss of a causal language model on a text file, read when first asked for.

    The outputs of a window are [nats, tokens, constant]: minus the sum of the log-probabilities
    of its predicted tokens, how many these are, and the nats that the best constant answer spends
    on them. `labels` are bytes. So every window's loss a token, perplexity and bits a byte follow.

    Every window is read alone, after the token that begins a text (or, where a tokenizer has
    none, the one that ends it), so that its first word is predicted too. Every word is predicted
    exactly once: with a stride below the length, a window's first words are context for the rest.

    Attributes:
        name: the task's name in the study.
        path: text in UTF-8, one paragraph a line; plain, .gz or .xz.
        length: words a window; the text's last may have fewer.
        stride: words from the beginning of one window to that of the next, at most the length;
            None: the length, so that no window has context. Half the length costs twice as much,
            and gives every word but the first ones half a window of context.
        examples: evaluate only so many windows, spread over the text by chance, always the same;
            None: all.
        language: of the text.
    """

    name: str
    path: Path
    length: int = LM_LENGTH
    stride: int | None = None
    examples: int | None = None
    language: str = "en"
    kind: str = field(default="lm", init=False)
    head: str = field(default="causal", init=False)
    classes: tuple[str, ...] = field(default=(), init=False)
    metrics: tuple[str, ...] = field(
        default=("bits_per_byte", "nats_per_token", "perplexity"), init=False
    )

    @cached_property
    def evaluated(self) -> tuple[Window, ...]:
        """The windows that are scored, in the order of the text."""
        found = windows(self.path, self.length, self.stride or self.length)
        order = np.argsort(random_uint32(len(found), 0, "lm", "windows"), kind="stable")
        return tuple(found[index] for index in sorted(order[: self.examples]))

    @cached_property
    def targets(self) -> np.ndarray:
        """int64 (windows,): bytes that are predicted in each."""
        return np.array([window.bytes for window in self.evaluated], dtype=np.int64)

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """What is predicted in each window."""
        return {"text": tuple(window.text[window.start :] for window in self.evaluated)}

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: equal where every score must be equal."""
        text = json.dumps(self.evaluated)
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
        return WindowRows(rows, np.array([len(ids) for ids in targets]), unigram_nats(targets))

    def _check_length(self, rows: Sequence[Row], limit: int) -> None:
        longest = max(len(row["input_ids"]) for row in rows)
        if longest > limit:
            raise LesionError(
                f"Task {self.name!r}: a window of {self.length} words has {longest} tokens, but "
                f"the model reads at most {limit}. Set length to "
                f"{max(self.length * limit // longest, 1)} words or less."
            )

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """Nats of each window: (rows, reads, vocabulary) -> (rows, 1), float32.

        `logits` are those at `row["positions"]`. Windows are reduced in turn: the probabilities of
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
        """(windows, 1) nats -> (windows, 3): nats, tokens, constant; float32."""
        known = np.stack([encoded.tokens, encoded.constant], axis=1)
        return np.concatenate([outputs, known], axis=1).astype(np.float32)


def windows(path: Path, length: int, stride: int) -> list[Window]:
    """The windows of a text file, in its order; together they predict every word once.

    Paragraphs are joined by a line feed; the spaces between two windows belong to neither, unless
    the second has the first as its context.

    Errors: LesionError if the file cannot be read, or holds no words.
    """
    from lesion.tasks.sources.texts import paragraphs

    text = "\n".join(paragraphs(path))
    words = [match.span() for match in WORD.finditer(text)]
    found: list[Window] = []
    done = 0  # words that are predicted already
    for start in range(0, len(words), stride):
        if done == len(words):
            break
        end = min(start + length, len(words))
        first, last = words[start][0], words[end - 1][1]
        context = words[done - 1][1] - first if done > start else 0
        found.append(Window(text[first:last], context))
        done = end
    if not found:
        raise LesionError(f"{path}: has no words. Give a text with one paragraph a line.")
    return found


def unigram_nats(targets: Sequence[Sequence[int]]) -> np.ndarray:
    """What always answering with the shares of the tokens in all targets costs, (targets,)."""
    flat = np.concatenate([np.asarray(ids, dtype=np.int64) for ids in targets])
    _, kinds, counts = np.unique(flat, return_inverse=True, return_counts=True)
    nats = -np.log(counts / len(flat))[kinds]
    owners = np.repeat(np.arange(len(targets)), [len(ids) for ids in targets])
    return np.bincount(owners, nats, minlength=len(targets))


def _row(first: int, ids: list[int], spans: list[tuple[int, int]], start: int) -> Row:
    """A window's tokens; the place before each predicted one is read."""
    context = next((place for place, (_, end) in enumerate(spans) if end > start), len(ids))
    return {
        "input_ids": [first, *ids],
        "positions": list(range(context, len(ids)))
        or [0],  # a tokenizer may drop what it cannot read
        "target": ids[context:],
    }

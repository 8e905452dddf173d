"""Rows with hidden words, for the tasks of masked language models.

A row has, besides the model's inputs, lists that the model does not see: `read`, the places whose
logits are needed, and `target`, the token ids whose probability is. So the output layer, which
costs as much as several layers of a small model, is computed at these places only; and where every
row of a task has `words`, for these token ids only, as many in every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.base import Encoded, Row, longest_input
from lesion.tasks.classify import has_token_types

if TYPE_CHECKING:
    import torch

END_OF_WORD = "</w>"  # XLM's tokens end in it where a word does


class Sentence(NamedTuple):
    """A text as a model reads it."""

    ids: list[int]
    types: list[int] | None  # token types, where both the tokenizer and the model have them
    words: list[list[int]]  # the places of the tokens of each word; special tokens are no words


class MaskedWord(NamedTuple):
    """A word to be guessed, and the output it counts for."""

    example: int
    side: int
    sentence: Sentence
    word: int


class RowOwners(NamedTuple):
    """Which output of which row counts for which example; each int64 (parts,)."""

    row: np.ndarray
    column: np.ndarray
    example: np.ndarray
    side: np.ndarray


@dataclass(frozen=True)
class MaskedRows(Encoded):
    """Forward rows of a masked task, and what they count for."""

    parts: RowOwners


def at_positions(states: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """What stands at the places to be read: (rows, tokens, width) -> (rows, reads, width).

    The same for hidden states and for logits: the output layer works place by place. Rows with
    fewer places than the longest repeat their first.
    """
    import torch

    named = [row["positions"] for row in rows]
    longest = max(map(len, named))
    padded = [positions + positions[:1] * (longest - len(positions)) for positions in named]
    index = torch.tensor(padded, device=states.device)
    return states[torch.arange(len(rows), device=states.device)[:, None], index]


def sentences(texts: Sequence[str], tokenizer: Any, config: Any, task: str) -> list[Sentence]:
    """Texts as tokens and words.

    A word is what a fast tokenizer calls one (`word_ids`): for BERT also a punctuation mark. XLM's
    tokenizer is slow, but its tokens tell where a word ends.

    Args:
        texts: at least one.
        tokenizer: the model's own.
        config: the model's.
        task: begins the messages.

    Errors: LesionError if a text is too long, or words cannot be told.
    """
    if tokenizer.mask_token_id is None:
        raise LesionError(
            f"{task}: needs a masked language model, but the tokenizer has no mask token. "
            "Choose a model such as BERT or XLM."
        )
    made = tokenizer(list(texts), return_attention_mask=False) if tokenizer.is_fast else None
    found = []
    for number, text in enumerate(texts):
        if made is None:
            ids, belongs = _slow(text, tokenizer, task)
            types = None
        else:
            ids, belongs = made["input_ids"][number], made.word_ids(number)
            typed = "token_type_ids" in made and has_token_types(config)
            types = made["token_type_ids"][number] if typed else None
        groups = groupby(range(len(ids)), key=belongs.__getitem__)
        words = [list(places) for word, places in groups if word is not None]
        found.append(Sentence(ids, types, words))
    _check_length(texts, found, tokenizer, config, task)
    return found


def _slow(text: str, tokenizer: Any, task: str) -> tuple[list[int], list[int | None]]:
    """Ids, and the word that each belongs to (None for special tokens), of XLM's tokenizer."""
    tokens = tokenizer.tokenize(text)
    if tokens and not any(token.endswith(END_OF_WORD) for token in tokens):
        raise LesionError(
            f"{task}: cannot tell the words of {type(tokenizer).__name__}, a slow tokenizer. "
            "Give a model with a fast tokenizer (a tokenizer.json)."
        )
    ends = [token.endswith(END_OF_WORD) for token in tokens]
    inner = tokenizer.convert_tokens_to_ids(tokens)
    ids = tokenizer.build_inputs_with_special_tokens(inner)
    before = tokenizer.get_special_tokens_mask(inner).index(0) if inner else 0
    words: list[int | None] = [sum(ends[:place]) for place in range(len(tokens))]
    return ids, [None] * before + words + [None] * (len(ids) - before - len(words))


def _check_length(
    texts: Sequence[str], found: Sequence[Sentence], tokenizer: Any, config: Any, task: str
) -> None:
    limit = longest_input(tokenizer, config)
    for text, sentence in zip(texts, found, strict=True):
        if len(sentence.ids) > limit:
            raise LesionError(
                f"{task}: a text has {len(sentence.ids)} tokens, but the model reads at most "
                f"{limit}. Leave it out or shorten it: {text[:60]!r}."
            )


def masked_rows(hidden: Sequence[MaskedWord], tokenizer: Any) -> MaskedRows:
    """A row for each token of each hidden word: that token and those to its right are masked.

    Within an example, rows that a model cannot tell apart are one row with several targets.
    """
    rows: list[Row] = []
    parts: list[tuple[int, int, int, int]] = []
    known: dict[tuple, int] = {}
    for example, side, sentence, word in hidden:
        places = sentence.words[word]
        for done, place in enumerate(places):
            ids = list(sentence.ids)
            for later in places[done:]:
                ids[later] = tokenizer.mask_token_id
            key = (example, place, *ids)
            if key not in known:
                known[key] = len(rows)
                rows.append(_row(ids, sentence.types, place))
            row = known[key]
            targets = rows[row]["target"]
            parts.append((row, len(targets), example, side))
            targets.append(sentence.ids[place])
    columns = np.array(parts, dtype=np.int64).reshape(-1, 4).T
    return MaskedRows(rows, RowOwners(*columns))


def _row(ids: list[int], types: list[int] | None, place: int) -> Row:
    row = {"input_ids": ids, "positions": [place], "target": []}
    return row if types is None else {**row, "token_type_ids": list(types)}

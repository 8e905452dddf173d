"""Rows with masked words, for the tasks of masked language models.

Besides the model's inputs a row has lists that the model does not read: `positions`, where logits
are needed, and `target`, the token ids whose probability is needed. The output layer takes as long
as several layers of a small model; it is computed at these positions only. If every row of a task
has `candidates`, equally many in each, it is computed for these token ids only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.base import Encoded, Row
from lesion.tasks.tokens import has_token_types, longest_input

if TYPE_CHECKING:
    import torch

END_OF_WORD = "</w>"  # ends the last token of a word, in XLM's vocabulary


class Sentence(NamedTuple):
    """A text as a model reads it."""

    ids: list[int]
    types: list[int] | None  # token types, where both the tokenizer and the model have them
    words: list[list[int]]  # positions of the tokens of each word, without special tokens


class MaskedWord(NamedTuple):
    """A word to predict, and the output that it counts for."""

    example: int
    side: int
    sentence: Sentence
    word: int


class RowOwners(NamedTuple):
    """The example that each output of each row counts for; all int64 (outputs,)."""

    row: np.ndarray
    column: np.ndarray
    example: np.ndarray
    side: np.ndarray


@dataclass(frozen=True)
class MaskedRows(Encoded):
    """Forward rows of a masked task, and the examples that they count for."""

    owners: RowOwners


def at_positions(states: torch.Tensor, rows: Sequence[Row]) -> torch.Tensor:
    """Selects the positions of each row: (rows, tokens, width) -> (rows, positions, width).

    It suits hidden states and logits: the output layer treats positions independently. Rows with
    fewer positions than the longest repeat their first.
    """
    import torch

    named = [row["positions"] for row in rows]
    longest = max(map(len, named))
    padded = [positions + positions[:1] * (longest - len(positions)) for positions in named]
    index = torch.tensor(padded, device=states.device)
    return states[torch.arange(len(rows), device=states.device)[:, None], index]


def sentences(texts: Sequence[str], tokenizer: Any, config: Any, task: str) -> list[Sentence]:
    """Texts as tokens and words.

    Words are those of a fast tokenizer (`word_ids`): for BERT also punctuation marks. XLM's
    tokenizer is slow, but its tokens mark where a word ends.

    Args:
        texts: at least one.
        tokenizer: the model's own.
        config: the model's.
        task: begins the messages.

    Raises:
        LesionError: if a text is too long, or the tokenizer does not mark words.
    """
    if tokenizer.mask_token_id is None:
        raise LesionError(
            f"{task}: needs a masked language model, but the tokenizer has no mask token. "
            "Choose a model such as BERT or XLM."
        )
    made = tokenizer(list(texts), return_attention_mask=False) if tokenizer.is_fast else None
    tokenised = []
    for number, text in enumerate(texts):
        if made is None:
            ids, owners = _slow(text, tokenizer, task)
            types = None
        else:
            ids, owners = made["input_ids"][number], made.word_ids(number)
            typed = "token_type_ids" in made and has_token_types(config)
            types = made["token_type_ids"][number] if typed else None
        groups = groupby(range(len(ids)), key=owners.__getitem__)
        words = [list(positions) for word, positions in groups if word is not None]
        tokenised.append(Sentence(ids, types, words))
    _check_length(texts, tokenised, tokenizer, config, task)
    return tokenised


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
    words: list[int | None] = [sum(ends[:index]) for index in range(len(tokens))]
    return ids, [None] * before + words + [None] * (len(ids) - before - len(words))


def _check_length(
    texts: Sequence[str], tokenised: Sequence[Sentence], tokenizer: Any, config: Any, task: str
) -> None:
    limit = longest_input(tokenizer, config)
    for text, sentence in zip(texts, tokenised, strict=True):
        if len(sentence.ids) > limit:
            raise LesionError(
                f"{task}: a text has {len(sentence.ids)} tokens, but the model reads at most "
                f"{limit}. Leave it out or shorten it: {text[:60]!r}."
            )


def masked_rows(masked: Sequence[MaskedWord], tokenizer: Any) -> MaskedRows:
    """A row for each token of each masked word: that token and those to its right are masked.

    Within an example, equal rows are merged into one row with several targets.
    """
    rows: list[Row] = []
    owners: list[tuple[int, int, int, int]] = []
    known: dict[tuple, int] = {}
    for example, side, sentence, word in masked:
        positions = sentence.words[word]
        for done, position in enumerate(positions):
            ids = list(sentence.ids)
            for later in positions[done:]:
                ids[later] = tokenizer.mask_token_id
            key = (example, position, *ids)
            if key not in known:
                known[key] = len(rows)
                rows.append(_row(ids, sentence.types, position))
            row = known[key]
            targets = rows[row]["target"]
            owners.append((row, len(targets), example, side))
            targets.append(sentence.ids[position])
    columns = np.array(owners, dtype=np.int64).reshape(-1, 4).T
    return MaskedRows(rows, RowOwners(*columns))


def _row(ids: list[int], types: list[int] | None, position: int) -> Row:
    row = {"input_ids": ids, "positions": [position], "target": []}
    return row if types is None else {**row, "token_type_ids": list(types)}

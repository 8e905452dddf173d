"""Labelled texts as token ids, cut at the length of their task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lesion.errors import LesionError
from lesion.tasks.base import Encoded, Row
from lesion.tasks.examples import Split
from lesion.tasks.tokens import has_token_types, longest_input, opening_token

if TYPE_CHECKING:
    from lesion.tasks.classify import Classification


def encode(task: Classification, split: Split, tokenizer: Any, config: Any) -> Encoded:
    """Token ids of each example, cut to the task's length, without padding.

    Token types are kept only if the tokenizer makes them and the model has a table of them. XLM
    would add the embeddings of the ordinary words 0 and 1 instead.
    """
    made = tokenizer(
        *(list(column) for column in split.texts),
        truncation=True,
        max_length=task.max_length,
        padding=False,
        return_attention_mask=False,
    )
    names = ["input_ids"]
    if "token_type_ids" in made and has_token_types(config):
        names.append("token_type_ids")
    rows = [
        dict(zip(names, values, strict=True))
        for values in zip(*(made[name] for name in names), strict=True)
    ]
    _fill_empty(rows, tokenizer)
    _check_length(task, rows, tokenizer, config)
    return Encoded(rows, cut=_cut(task.max_length, split, rows, tokenizer))


def _cut(limit: int, split: Split, rows: list[Row], tokenizer: Any) -> float:
    """The share of the rows that are cut.

    Only rows that fill the limit can be; they are tokenised again without it.
    """
    full = [index for index, row in enumerate(rows) if len(row["input_ids"]) >= limit]
    if not full:
        return 0.0
    texts = [[column[index] for index in full] for column in split.texts]
    whole = tokenizer(*texts, return_attention_mask=False, verbose=False)["input_ids"]
    return sum(len(ids) > limit for ids in whole) / len(rows)


def _fill_empty(rows: list[Row], tokenizer: Any) -> None:
    """Gives an empty text (all words dropped) one token: decoders add none, models need one."""
    empty = [row for row in rows if not row["input_ids"]]
    opening = opening_token(tokenizer) if empty else None
    if opening is not None:
        for row in empty:
            row.update({name: [opening if name == "input_ids" else 0] for name in row})


def _check_length(task: Classification, rows: list[Row], tokenizer: Any, config: Any) -> None:
    limit = longest_input(tokenizer, config)
    longest = max((len(row["input_ids"]) for row in rows), default=0)
    if longest > limit:
        raise LesionError(
            f"Task {task.name!r}: an example has {longest} tokens, but the model reads at most "
            f"{limit}. Set max_length to {limit} or less. Got {task.max_length}."
        )

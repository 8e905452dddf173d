"""Rows of different lengths side by side, so that no arithmetic is spent on padding.

The rows of a batch are laid out one after the other, sorted by length. What works token by token
(most of a transformer) runs over the real tokens alone; attention runs over each stretch of rows of
one length. On a GPU, where a few large kernels beat many small ones, a batch is one padded stretch.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch

from lesion.models.inputs import collate
from lesion.tasks.base import Row


class Stretch(NamedTuple):
    """Rows of one length that stand together in a pack.

    Attributes:
        start: its first token.
        rows: how many rows.
        length: tokens of each.
        mask: bool (rows, length), True for real tokens; None where all are.
    """

    start: int
    rows: int
    length: int
    mask: torch.Tensor | None = None

    @property
    def tokens(self) -> slice:
        """Where its tokens stand in the pack."""
        return slice(self.start, self.start + self.rows * self.length)


class Pack(NamedTuple):
    """A batch without padding.

    Attributes:
        inputs: what the model's own forward takes, padded: (rows, tokens).
        real: int64 (tokens,), where the tokens of the pack stand in the padded rows, row by row.
        stretches: of equal length, from the first token to the last.
        places: int64 (rows, reads), the places of each row that the head reads.
        reads: int64 (rows * reads,), where these stand in the pack.
    """

    inputs: dict[str, torch.Tensor]
    real: torch.Tensor
    stretches: tuple[Stretch, ...]
    places: torch.Tensor
    reads: torch.Tensor

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return len(self.real)


def batches(rows: Sequence[Row], batch_tokens: int) -> list[list[int]]:
    """Row numbers, longest first, at most `batch_tokens` padded tokens a batch."""
    lengths = [len(row["input_ids"]) for row in rows]
    order = sorted(range(len(rows)), key=lambda number: (-lengths[number], number))
    found: list[list[int]] = []
    for number in order:
        if found and (len(found[-1]) + 1) * lengths[found[-1][0]] <= batch_tokens:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def pack(
    rows: Sequence[Row],
    tokenizer: Any,
    language: int | None,
    device: torch.device,
    reads: int,
    padded: bool = False,
) -> Pack:
    """Lay rows out side by side.

    Args:
        rows: those of one batch, longest first.
        reads: places that are read of each row: those in `positions`, the first again where a row
            has fewer; the first token where a row names none.
        padded: one stretch, padded and masked.
    """
    inputs = collate(rows, tokenizer, language, device)
    lengths = [len(row["input_ids"]) for row in rows]
    mask = inputs["attention_mask"].bool()
    if not padded:
        real = mask.flatten().nonzero().flatten()
        groups = [(length, len(list(same))) for length, same in groupby(lengths)]
        stretches, start = [], 0
        for length, count in groups:
            stretches.append(Stretch(start, count, length))
            start += length * count
        starts = [sum(lengths[:row]) for row in range(len(rows))]
    else:
        real = torch.arange(mask.numel(), device=device)
        stretches = [Stretch(0, len(rows), lengths[0], mask)]
        starts = [row * lengths[0] for row in range(len(rows))]
    named = [row.get("positions", [0]) for row in rows]
    places = torch.tensor([place + place[:1] * (reads - len(place)) for place in named])
    found = (torch.tensor(starts)[:, None] + places).flatten()
    return Pack(inputs, real, tuple(stretches), places.to(device), found.to(device))

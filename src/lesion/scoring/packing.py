"""Rows of different lengths side by side, so that no arithmetic is spent on padding.

The rows of a batch are laid out one after the other, sorted by length. Maps of single tokens (most
of a transformer) run over the real tokens alone; attention runs over each segment of rows of one
length. On a GPU, where a few large kernels beat many small ones, a batch is one padded segment.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch

from lesion.models.inputs import Batcher
from lesion.tasks.base import Row


class Segment(NamedTuple):
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
        """Its tokens in the pack."""
        return slice(self.start, self.start + self.rows * self.length)


class Pack(NamedTuple):
    """A batch without padding.

    Attributes:
        inputs: arguments of the model's own forward, padded: (rows, tokens).
        token_index: int64 (tokens,), the index of each token in the padded rows, row by row.
        segments: rows of equal length, from the first token to the last.
        positions: int64 (rows, n), the positions of each row that the head reads.
        position_index: int64 (rows * n,), the index of each of them in the pack.
    """

    inputs: dict[str, torch.Tensor]
    token_index: torch.Tensor
    segments: tuple[Segment, ...]
    positions: torch.Tensor
    position_index: torch.Tensor

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return len(self.token_index)


def batches(rows: Sequence[Row], batch_tokens: int) -> list[list[int]]:
    """Row numbers, longest first, at most `batch_tokens` padded tokens a batch."""
    lengths = [len(row["input_ids"]) for row in rows]
    order = sorted(range(len(rows)), key=lambda number: (-lengths[number], number))
    numbers: list[list[int]] = []
    for number in order:
        if numbers and (len(numbers[-1]) + 1) * lengths[numbers[-1][0]] <= batch_tokens:
            numbers[-1].append(number)
        else:
            numbers.append([number])
    return numbers


def pack(
    rows: Sequence[Row], batcher: Batcher, positions_per_row: int, padded: bool = False
) -> Pack:
    """Lay rows out side by side.

    Args:
        rows: those of one batch, longest first.
        positions_per_row: how many are read of each row: those in `positions`, the first again
            where a row has fewer; by default the first token of the row.
        padded: one segment, padded and masked.
    """
    inputs, device = batcher(rows), batcher.device
    lengths = [len(row["input_ids"]) for row in rows]
    mask = inputs["attention_mask"].bool()
    if not padded:
        token_index = mask.flatten().nonzero().flatten()
        groups = [(length, len(list(same))) for length, same in groupby(lengths)]
        segments, start = [], 0
        for length, count in groups:
            segments.append(Segment(start, count, length))
            start += length * count
        starts = [sum(lengths[:row]) for row in range(len(rows))]
    else:
        token_index = torch.arange(mask.numel(), device=device)
        segments = [Segment(0, len(rows), lengths[0], mask)]
        starts = [row * lengths[0] for row in range(len(rows))]
    listed = [row.get("positions", [0]) for row in rows]
    positions = torch.tensor([each + each[:1] * (positions_per_row - len(each)) for each in listed])
    index = (torch.tensor(starts)[:, None] + positions).flatten()
    return Pack(inputs, token_index, tuple(segments), positions.to(device), index.to(device))

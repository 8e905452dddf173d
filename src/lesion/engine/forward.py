"""Exact scoring of a model on encoded examples.

Rows are tokenised once, sorted by length and cut into batches by the number of tokens, padded to
the longest row of their batch only. Nothing is approximated: the outputs are those of the model's
own forward.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from lesion.models.inputs import collate, language_of
from lesion.tasks.base import Row, Task
from lesion.tasks.masked import at

BATCH_TOKENS = 4096


class Scorer:
    """A task made ready for one model: call it as often as the model's weights change.

    Args:
        model: in evaluation mode.
        tokenizer: the model's own.
        task: what is scored.
        batch_tokens: padded tokens a batch.
    """

    def __init__(
        self, model: nn.Module, tokenizer: Any, task: Task, batch_tokens: int = BATCH_TOKENS
    ) -> None:
        self.tokenizer = tokenizer
        self._model, self._batch_tokens = model, batch_tokens
        self.read(task)

    def read(self, task: Task) -> None:
        """Score this version of the task from now on."""
        config: Any = self._model.config
        self._task = task
        self._encoded = task.encode(self.tokenizer, config)
        self._rows = self._encoded.rows
        self._batches = batches(self._rows, self._batch_tokens)
        device = next(self._model.parameters()).device
        language = language_of(config, task.language)
        self._inputs = [
            collate([self._rows[row] for row in batch], self.tokenizer, language, device)
            for batch in self._batches
        ]

    @property
    def tokens(self) -> list[int]:
        """Padded tokens of each batch."""
        return [inputs["input_ids"].numel() for inputs in self._inputs]

    def __call__(self) -> np.ndarray:
        """Outputs of every example, float32 (examples, columns)."""
        found: list[np.ndarray] = [np.empty(0)] * len(self._rows)
        for batch, rows in enumerate(self._batches):
            for row, value in zip(rows, self.forward(batch), strict=True):
                found[row] = value
        return self._task.gather(np.stack(found), self._encoded)

    @torch.inference_mode()
    def forward(self, batch: int) -> np.ndarray:
        """Kept outputs of one batch, float32 (rows, columns)."""
        rows = [self._rows[row] for row in self._batches[batch]]
        logits = self._model(**self._inputs[batch]).logits
        if "read" in rows[0]:
            logits = at(logits, rows)
        return self._task.read(logits, rows).float().cpu().numpy()


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

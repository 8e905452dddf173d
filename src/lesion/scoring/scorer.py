"""Exact scoring of a model on encoded examples.

Rows are tokenised once, sorted by length and cut into batches by the number of tokens. Encoders of
the families in `lesion.scoring.encoders` are run block by block on rows without padding
(`passage.py`), all others by their own forward, padded to the longest row of a batch. The outputs
are those of the model's own forward in the same precision, within rounding.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from lesion.models.inputs import Batcher
from lesion.scoring.device import computing
from lesion.scoring.encoder_pass import Passage
from lesion.scoring.encoders import encoder_of
from lesion.scoring.packing import batches, pack
from lesion.tasks.base import Row, Task
from lesion.tasks.masked import at_positions

# On a CPU larger batches leave its cache, and smaller ones read the weights too often: 1024 is best
# at widths of 128 and of 768 (`benchmarks/bench_batches.py`).
BATCH_TOKENS = 1024
LOGITS = 2**19  # computed and read at a time: they stay in the cache
# Another device has no such cache to keep to: its batches are long enough to hide the launch of a
# kernel, and short enough that rows of about one length stand together, and that the states
# (100 MB of float32 where an MLP is 3072 wide) leave room on a small GPU.
DEVICE_TOKENS = 8192
DEVICE_LOGITS = 2**26
# A model's own forward may give logits of every word for every token: 800 MB of GPT-2's.
WORDY_TOKENS = 4096


class Scorer:
    """A task made ready for one model: call it as often as the model's weights change.

    Equal weights give equal bits, whatever was scored before.

    Args:
        model: in evaluation mode.
        tokenizer: the model's own.
        task: what is scored.
        batch_tokens: padded tokens a batch; None for what suits the model and its device.
        fast: False for the model's own forward throughout.
        columns: the head's output for each class of the task, where their order differs.
        precision: of products of matrices, see `lesion.models.dtypes.PRECISIONS`; None for that
            to which torch is set.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        task: Task,
        batch_tokens: int | None = None,
        fast: bool = True,
        columns: Sequence[int] | None = None,
        precision: str | None = None,
    ) -> None:
        self.tokenizer, self._precision = tokenizer, precision
        self._columns = None if columns is None else list(columns)
        self._model = model
        self._device = next(model.parameters()).device
        found = encoder_of(model, task.head) if fast else "the plain forward was asked for"
        self._encoder = None if isinstance(found, str) else found
        self.note = found if isinstance(found, str) else ""
        self._batch_tokens = batch_tokens or self._suitable(task.head)
        self.read(task)

    def _suitable(self, head: str) -> int:
        if self._device.type == "cpu":
            return BATCH_TOKENS
        few = self._encoder is not None or head == "classification"
        return DEVICE_TOKENS if few else WORDY_TOKENS

    def read(self, task: Task) -> None:
        """Score this version of the task from now on."""
        config: Any = self._model.config
        self._task = task
        self._encoded = task.encode(self.tokenizer, config)
        self._rows = self._encoded.rows
        self._batches = batches(self._rows, self._batch_tokens)
        self._reads = max((len(row.get("positions", [0])) for row in self._rows), default=1)
        self._passage: Passage | None = None
        parts, device = [self._rows_of(batch) for batch in self._batches], self._device
        self.batcher = Batcher(self.tokenizer, config, task.language, device)
        language = self.batcher.language_id
        self._words = [_words(rows, device) for rows in parts]
        if self._encoder is None:
            self._inputs = [self.batcher(rows) for rows in parts]
        else:
            packs = [
                pack(rows, self.tokenizer, language, device, self._reads, device.type != "cpu")
                for rows in parts
            ]
            self._inputs = [one.inputs for one in packs]
            self._passage = Passage(self._encoder, packs)

    @property
    def cut(self) -> float:
        """Share of the examples that are cut in what is read now."""
        return self._encoded.cut

    @property
    def tokens(self) -> list[int]:
        """Padded tokens of each batch."""
        return [len(batch) * len(self._rows[batch[0]]["input_ids"]) for batch in self._batches]

    def __call__(self) -> np.ndarray:
        """Outputs of every example, float32 (examples, columns)."""
        if self._precision is None:
            return self._outputs()
        with computing(self._precision, self._device):  # anew: in bf16 torch keeps cast weights
            return self._outputs()

    @torch.inference_mode()
    def _outputs(self) -> np.ndarray:
        found: list[np.ndarray] = [np.empty(0)] * len(self._batches)
        if self._passage is not None and self._is_plain():
            for numbers, states, finite in self._passage.run():
                for number, part in zip(numbers, self._heard(numbers, states, finite), strict=True):
                    found[number] = part
        else:
            found = [self._own(number) for number in range(len(self._batches))]
        order = [row for batch in self._batches for row in batch]
        outputs = np.concatenate(found)
        gathered = self._task.gather(outputs[np.argsort(order)], self._encoded)
        return gathered if self._columns is None else gathered[:, self._columns]

    @torch.inference_mode()
    def forward(self, batch: int) -> np.ndarray:
        """Kept outputs of one batch, float32 (rows, columns)."""
        if self._passage is None or not self._is_plain():
            return self._own(batch)
        return self._heard([batch], *self._passage.alone(batch))[0]

    def _is_plain(self) -> bool:
        """Whether its modules alone decide what the model does: nothing hooked or replaced."""
        return not any(
            one.training or one._forward_hooks or one._forward_pre_hooks or "forward" in vars(one)
            for one in self._model.modules()
        )

    def _heard(
        self, numbers: list[int], states: torch.Tensor, finite: torch.Tensor
    ) -> list[np.ndarray]:
        """Kept outputs of each batch, from the states at the places that the head reads.

        Where numbers overflow, what is left out could have mattered: the model's own forward says.
        """
        assert self._encoder is not None
        rows = [row for number in numbers for row in self._rows_of(self._batches[number])]
        asked = [words for number in numbers if (words := self._words[number]) is not None]
        states, words = states.view(len(rows), self._reads, -1), torch.cat(asked) if asked else None
        output = self._encoder.output
        columns = output.out_features if output is not None and words is None else 1
        room = LOGITS if self._device.type == "cpu" else DEVICE_LOGITS
        step = max(1, room // (self._reads * columns))
        parts = [
            self._task.reduce(
                self._encoder.logits(states[part], None if words is None else words[part]),
                rows[part],
            )
            for part in (slice(start, start + step) for start in range(0, len(rows), step))
        ]
        outputs = torch.cat(parts).float()
        if not bool(finite & outputs.isfinite().all()):
            return [self._own(number) for number in numbers]
        sizes = [len(self._batches[number]) for number in numbers]
        return np.split(outputs.cpu().numpy(), np.cumsum(sizes)[:-1])

    def _own(self, batch: int) -> np.ndarray:
        """Kept outputs of one batch by the model's own forward."""
        rows = self._rows_of(self._batches[batch])
        logits = self._model(**self._inputs[batch]).logits
        if "positions" in rows[0]:
            logits = at_positions(logits, rows)
        words = self._words[batch]
        if words is not None:
            logits = logits.gather(2, words[:, None].expand(-1, logits.shape[1], -1))
        return self._task.reduce(logits, rows).float().cpu().numpy()

    def _rows_of(self, batch: Sequence[int]) -> list[Row]:
        return [self._rows[row] for row in batch]


def _words(rows: Sequence[Row], device: torch.device) -> torch.Tensor | None:
    """The words that a task asks of each row, int64 (rows, n); None where it asks for all."""
    if "candidates" not in rows[0]:
        return None
    return torch.tensor([row["candidates"] for row in rows], device=device)

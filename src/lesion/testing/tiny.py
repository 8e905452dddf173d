"""A tiny random BERT, on which entries of damage are checked by default."""

from __future__ import annotations

import tempfile
from functools import cache
from typing import Any

import torch
from scipy.special import ndtri

from lesion.keys import random_uint32
from lesion.models.hush import silence_transformers

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 32,
}
_folders: list[tempfile.TemporaryDirectory] = []  # kept until the process ends


@cache
def tiny_model() -> str:
    """The folder of a masked BERT of two layers whose every parameter is random; no tokenizer."""
    from transformers import BertConfig, BertForMaskedLM

    _folders.append(tempfile.TemporaryDirectory(prefix="lesion-testing-"))
    with torch.random.fork_rng(devices=[]), silence_transformers(), torch.no_grad():
        model = BertForMaskedLM(BertConfig(**SIZES))
        for name, parameter in model.named_parameters():
            drawn = (random_uint32(parameter.numel(), 0, "tiny", name) + 0.5) / 2**32
            normal = torch.from_numpy(ndtri(drawn)).reshape(parameter.shape)
            parameter.copy_(0.2 * normal)
        model.save_pretrained(_folders[-1].name)
    return _folders[-1].name

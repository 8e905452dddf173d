"""A model before its first step: an ordinary BERT whose initial weights follow from the seed.

`plain` draws every matrix from a normal distribution. `neighbours` also initialises what a small
BERT learns only after most of a short training, on the unigram plateau:

- `hidden / heads` dimensions are reserved for positions and hold an orthogonal code (sines of
  evenly spaced frequencies) in which a shift by one position is a rotation. The query matrices of
  the first two layers contain such rotations, so that each head attends to one neighbour; in the
  second layer the neighbours are farther away.
- The other dimensions of the word embeddings start from counts of neighbours in the training text
  of the twin (`cooccurrence.py`), and the output bias from the token frequencies.

These are initial values only, as in mimetic initialisation (Trockman & Kolter 2023,
arXiv:2305.09828). The architecture is unchanged, and training may change all of them.
"""

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM

from lesion.keys import generator
from lesion.pretraining import cooccurrence, corpus
from lesion.pretraining.family import Pretraining

OFFSETS = (  # of the neighbours that the heads of the first two layers attend to
    (-1, 1, -2, 2, -3, 3, -4, 4),
    (-3, 3, -4, -6, 4, 6, -5, -8),
)


def architecture(config: Pretraining) -> BertConfig:
    """The Hugging Face configuration that all twins of the family share."""
    return BertConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate,
        max_position_embeddings=config.positions,
        type_vocab_size=1,
        initializer_range=config.deviation,
        hidden_dropout_prob=0.0,  # one pass over the text does not overfit
        attention_probs_dropout_prob=0.0,
        pad_token_id=corpus.PAD,
    )


@torch.no_grad()
def initial_model(config: Pretraining, seed: int, rows: np.ndarray) -> BertForMaskedLM:
    """A model with its initial weights, on the CPU, in float32.

    Args:
        rows: its training sequences, (sequences, length - 2); `plain` does not use them.
    """
    with torch.random.fork_rng(devices=[]):  # the constructor draws from the global generator
        model = BertForMaskedLM(architecture(config))
    for name, weight in model.named_parameters():
        if name.endswith("LayerNorm.weight"):
            weight.fill_(1.0)
        elif weight.ndim == 1:
            weight.zero_()
        else:
            draw = generator(seed, "initial", name).standard_normal(weight.shape, np.float32)
            weight.copy_(torch.from_numpy(draw * config.deviation))
    if config.initialisation == "neighbours":
        _init_embeddings(model, config, seed, rows)
        _init_attention(model, config)
    return model


def _init_embeddings(
    model: BertForMaskedLM, config: Pretraining, seed: int, rows: np.ndarray
) -> None:
    """Set word embeddings and output bias from counts; 0 in the dimensions of positions."""
    size, special = config.hidden // config.heads, len(corpus.SPECIAL)
    words = model.bert.embeddings.word_embeddings.weight
    vectors = cooccurrence.vectors(rows, config.vocabulary, config.hidden - size, seed)
    words[special:, size:] = vectors[special:] * config.deviation
    words[:, :size] = 0.0
    frequencies = cooccurrence.log_frequencies(rows, config.vocabulary)
    model.cls.predictions.bias.copy_(torch.from_numpy(frequencies))


def _init_attention(model: BertForMaskedLM, config: Pretraining) -> None:
    """Set the code of positions, and the neighbour of each head in the first two layers."""
    size = config.hidden // config.heads
    frequency = torch.pi * (torch.arange(size // 2) + 0.5) / (size // 2)  # (size / 2,)
    angle = torch.arange(config.positions)[:, None] * frequency  # (positions, size / 2)
    code = torch.stack([angle.cos(), angle.sin()], dim=-1).flatten(1)  # (positions, size)
    weights = dict(model.named_parameters())
    embeddings = "bert.embeddings.{}_embeddings.weight"
    weights[embeddings.format("token_type")].zero_()
    weights[embeddings.format("position")].zero_()
    weights[embeddings.format("position")][:, :size] = code * config.deviation * 2**0.5
    for layer, offsets in zip(range(config.layers), OFFSETS, strict=False):
        name = f"bert.encoder.layer.{layer}.attention.self.{{}}.weight"
        for head, offset in zip(range(config.heads), offsets, strict=False):
            rows = slice(head * size, (head + 1) * size)
            for part, shift in (("query", offset), ("key", 0)):
                weights[name.format(part)][rows] = 0.0
                weights[name.format(part)][rows, :size] = _rotation(shift * frequency)


def _rotation(angles: torch.Tensor) -> torch.Tensor:
    """A block-diagonal rotation, (2n, 2n), by `angles` (n,): code(i) -> code(i + shift)."""
    cos, sin = angles.cos(), angles.sin()
    pairs = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return torch.block_diag(*pairs)

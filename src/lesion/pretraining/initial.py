"""A model before its first step: an ordinary BERT whose initial weights follow from the seed.

`plain` draws every matrix from a normal distribution. `neighbours` also gives it what a small BERT
needs most of a short training to find, while it sits on the unigram plateau:

- Positions get `hidden / heads` dimensions to themselves, filled with an orthogonal code (sines of
  evenly spread frequencies) in which a shift by one place is a rotation. Query matrices of the
  first two layers that hold such rotations make each head look at one neighbour, farther ones in
  the second.
- The other dimensions of the word embeddings start from counts of neighbours in the very text that
  the twin will read (`cooccurrence.py`), and the output's bias from the frequencies.

These are initial values only, as in mimetic initialisation (Trockman & Kolter 2023,
arXiv:2305.09828): the architecture is unchanged, and training moves them as it likes.
"""

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM

from lesion.keys import generator
from lesion.pretraining import cooccurrence, corpus
from lesion.pretraining.family import Pretraining

OFFSETS = (  # where the heads of the first two layers look, in this order
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
        hidden_dropout_prob=0.0,  # one pass over the text: nothing to overfit
        attention_probs_dropout_prob=0.0,
        pad_token_id=corpus.PAD,
    )


@torch.no_grad()
def newborn(config: Pretraining, seed: int, rows: np.ndarray) -> BertForMaskedLM:
    """A model with its initial weights, on the CPU, in float32.

    Args:
        rows: the sequences that it will read, (sequences, length - 2); `plain` ignores them.
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
        _know_words(model, config, seed, rows)
        _see_neighbours(model, config)
    return model


def _know_words(model: BertForMaskedLM, config: Pretraining, seed: int, rows: np.ndarray) -> None:
    """Word embeddings and output bias from counts; the places' dimensions of words stay zero."""
    size, special = config.hidden // config.heads, len(corpus.SPECIAL)
    words = model.bert.embeddings.word_embeddings.weight
    made = cooccurrence.vectors(rows, config.vocabulary, config.hidden - size, seed)
    words[special:, size:] = made[special:] * config.deviation
    words[:, :size] = 0.0
    frequencies = cooccurrence.log_frequencies(rows, config.vocabulary)
    model.cls.predictions.bias.copy_(torch.from_numpy(frequencies))


def _see_neighbours(model: BertForMaskedLM, config: Pretraining) -> None:
    """Give positions a code of their own, and each head of the first layer a neighbour."""
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
    """A block-diagonal rotation, (2n, 2n), by `angles` (n,): code(place) -> code(place + shift)."""
    cos, sin = angles.cos(), angles.sin()
    pairs = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    return torch.block_diag(*pairs)

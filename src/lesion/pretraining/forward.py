"""The forward pass of training: the part of BERT that the loss needs.

All sequences of a batch have the same length, without padding, and there is no dropout, so the
attention needs no mask. The top layer computes only the masked positions. Logits equal those of the
model's own forward pass, which a test checks. `benchmarks/bench_pretraining.py` measures the gain:
one twelfth of a step on one core.
"""

from typing import Any

import torch
from torch.nn import functional
from transformers import BertForMaskedLM

from lesion.pretraining.corpus import Batch


def masked_logits(model: BertForMaskedLM, batch: Batch) -> torch.Tensor:
    """Logits at the masked positions, (masked, vocabulary), float32; bfloat16 inside on CUDA."""
    device = batch.ids.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        states = _embedded(model, batch.ids)  # (sequences * length, hidden)
        layers = model.bert.encoder.layer
        for layer in layers[:-1]:
            states = _layer(layer, states, batch.ids.shape)
        states = _layer(layers[-1], states, batch.ids.shape, batch.positions)  # (masked, hidden)
        return model.cls(states).float()


def _embedded(model: BertForMaskedLM, ids: torch.Tensor) -> torch.Tensor:
    embeddings = model.bert.embeddings
    positions = embeddings.position_embeddings.weight[: ids.shape[1]]
    added = positions + embeddings.token_type_embeddings.weight[0]
    return embeddings.LayerNorm(embeddings.word_embeddings(ids) + added).flatten(0, 1)


def _layer(
    layer: Any, states: torch.Tensor, shape: torch.Size, positions: torch.Tensor | None = None
) -> torch.Tensor:
    """One layer over all tokens; after the attention, only `positions` are computed."""
    attention, out = layer.attention.self, layer.attention.output

    def heads(linear: Any) -> torch.Tensor:
        split = (*shape, attention.num_attention_heads, attention.attention_head_size)
        return linear(states).view(split).transpose(1, 2)  # (sequences, heads, length, head)

    attended = functional.scaled_dot_product_attention(
        heads(attention.query), heads(attention.key), heads(attention.value)
    )
    attended = attended.transpose(1, 2).reshape(states.shape)
    if positions is not None:
        attended, states = attended[positions], states[positions]
    states = out.LayerNorm(states + out.dense(attended))
    wide = functional.gelu(layer.intermediate.dense(states))
    return layer.output.LayerNorm(states + layer.output.dense(wide))

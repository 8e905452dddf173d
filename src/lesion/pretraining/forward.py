"""The forward pass of training: BERT written out, and no more of it than the loss needs.

Every sequence of a batch has the same length, nothing is padding and there is no dropout, so the
attention needs no mask. The top layer computes only the masked places. Logits equal those of the
model's own forward pass (a test holds that). `benchmarks/bench_pretraining.py` measures what it
saves: one part in twelve of a step on one core.
"""

from typing import Any

import torch
from torch.nn import functional
from transformers import BertForMaskedLM

from lesion.pretraining.corpus import Batch


def masked_logits(model: BertForMaskedLM, batch: Batch) -> torch.Tensor:
    """Logits at the masked places, (masked, vocabulary), float32; bfloat16 inside on CUDA."""
    kind = batch.ids.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        states = _embedded(model, batch.ids)  # (sequences * length, hidden)
        layers = model.bert.encoder.layer
        for layer in layers[:-1]:
            states = _layer(layer, states, batch.ids.shape)
        states = _layer(layers[-1], states, batch.ids.shape, batch.places)  # (masked, hidden)
        return model.cls(states).float()


def _embedded(model: BertForMaskedLM, ids: torch.Tensor) -> torch.Tensor:
    parts = model.bert.embeddings
    places = (
        parts.position_embeddings.weight[: ids.shape[1]] + parts.token_type_embeddings.weight[0]
    )
    return parts.LayerNorm(parts.word_embeddings(ids) + places).flatten(0, 1)


def _layer(
    layer: Any, states: torch.Tensor, shape: torch.Size, places: torch.Tensor | None = None
) -> torch.Tensor:
    """One layer over all tokens, of which only `places` go on after the attention."""
    look, out = layer.attention.self, layer.attention.output

    def heads(linear: Any) -> torch.Tensor:
        split = (*shape, look.num_attention_heads, look.attention_head_size)
        return linear(states).view(split).transpose(1, 2)  # (sequences, heads, length, head)

    found = functional.scaled_dot_product_attention(
        heads(look.query), heads(look.key), heads(look.value)
    )
    found = found.transpose(1, 2).reshape(states.shape)
    if places is not None:
        found, states = found[places], states[places]
    states = out.LayerNorm(states + out.dense(found))
    wide = functional.gelu(layer.intermediate.dense(states))
    return layer.output.LayerNorm(states + layer.output.dense(wide))

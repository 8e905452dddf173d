"""DistilBERT: BERT without types of tokens and without a pooler, under other names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lesion.models.families.base import Family, FastForward
from lesion.models.families.bert import embeddings

if TYPE_CHECKING:
    import torch


def _classes(model: Any, states: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = model.classifier(model.pre_classifier(states[:, 0]).relu())
    return logits


def _mlm(model: Any, states: torch.Tensor) -> torch.Tensor:
    activated = model.activation(model.vocab_transform(states))
    transformed: torch.Tensor = model.vocab_layer_norm(activated)
    return transformed


def _activation(config: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    from transformers.activations import ACT2FN

    activation: Callable[[torch.Tensor], torch.Tensor] = ACT2FN[config.activation]
    return activation


DISTILBERT = Family(
    "distilbert",
    body={
        "embeddings": ("embeddings.word_embeddings", "embeddings.position_embeddings"),
        "query": ("transformer.layer.{n}.attention.q_lin",),
        "key": ("transformer.layer.{n}.attention.k_lin",),
        "value": ("transformer.layer.{n}.attention.v_lin",),
        "attention_output": ("transformer.layer.{n}.attention.out_lin",),
        "mlp_in": ("transformer.layer.{n}.ffn.lin1",),
        "mlp_out": ("transformer.layer.{n}.ffn.lin2",),
        "norms": (
            "embeddings.LayerNorm",
            "transformer.layer.{n}.sa_layer_norm",
            "transformer.layer.{n}.output_layer_norm",
        ),
    },
    head={
        "classifier": ("pre_classifier", "classifier"),
        "mlm_head": ("vocab_transform", "vocab_layer_norm", "vocab_projector"),
    },
    fast=FastForward(embeddings, {"classification": _classes, "mlm": _mlm}, activation=_activation),
)

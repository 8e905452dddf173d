"""ALBERT: all layers compute with one set of weights (a group), held once as layer 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lesion.models.families.base import Family, FastForward
from lesion.models.families.bert import BERT_BODY, embeddings

if TYPE_CHECKING:
    import torch


def _projected_embeddings(base: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    projected: torch.Tensor = base.encoder.embedding_hidden_mapping_in(embeddings(base, inputs))
    return projected


def _classes(model: Any, states: torch.Tensor) -> torch.Tensor:
    base = model.albert
    logits: torch.Tensor = model.classifier(base.pooler_activation(base.pooler(states[:, 0])))
    return logits


def _mlm(model: Any, states: torch.Tensor) -> torch.Tensor:
    head = model.predictions
    transformed: torch.Tensor = head.LayerNorm(head.activation(head.dense(states)))
    return transformed


ALBERT = Family(
    "albert",
    body={
        "embeddings": (
            *BERT_BODY["embeddings"],
            "encoder.embedding_hidden_mapping_in",  # widens the narrow tables
        ),
        "query": ("encoder.albert_layer_groups.{n}.albert_layers.0.attention.query",),
        "key": ("encoder.albert_layer_groups.{n}.albert_layers.0.attention.key",),
        "value": ("encoder.albert_layer_groups.{n}.albert_layers.0.attention.value",),
        "attention_output": ("encoder.albert_layer_groups.{n}.albert_layers.0.attention.dense",),
        "mlp_in": ("encoder.albert_layer_groups.{n}.albert_layers.0.ffn",),
        "mlp_out": ("encoder.albert_layer_groups.{n}.albert_layers.0.ffn_output",),
        "norms": (
            "embeddings.LayerNorm",
            "encoder.albert_layer_groups.{n}.albert_layers.0.attention.LayerNorm",
            "encoder.albert_layer_groups.{n}.albert_layers.0.full_layer_layer_norm",
        ),
        "pooler": ("pooler",),
    },
    head={
        "classifier": ("classifier",),
        "mlm_head": ("predictions.dense", "predictions.LayerNorm", "predictions.decoder"),
    },
    layers="num_hidden_groups",
    fast=FastForward(
        _projected_embeddings,
        {"classification": _classes, "mlm": _mlm},
        is_standard=lambda config: config.inner_group_num == 1,
    ),
)

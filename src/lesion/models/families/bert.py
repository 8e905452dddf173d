"""BERT, and the families that keep its layers: RoBERTa, XLM-R, ELECTRA and MPNet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lesion.models.families.base import Family, FastForward, Paths

if TYPE_CHECKING:
    import torch

BERT_BODY: Paths = {
    "embeddings": (
        "embeddings.word_embeddings",
        "embeddings.position_embeddings",
        "embeddings.token_type_embeddings",
    ),
    "query": ("encoder.layer.{n}.attention.self.query",),
    "key": ("encoder.layer.{n}.attention.self.key",),
    "value": ("encoder.layer.{n}.attention.self.value",),
    "attention_output": ("encoder.layer.{n}.attention.output.dense",),
    "mlp_in": ("encoder.layer.{n}.intermediate.dense",),
    "mlp_out": ("encoder.layer.{n}.output.dense",),
    "norms": (
        "embeddings.LayerNorm",
        "encoder.layer.{n}.attention.output.LayerNorm",
        "encoder.layer.{n}.output.LayerNorm",
    ),
    "pooler": ("pooler.dense",),
}


def embeddings(base: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The embedded tokens, by the model's own module."""
    named = {key: inputs[key] for key in ("input_ids", "token_type_ids") if key in inputs}
    embedded: torch.Tensor = base.embeddings(**named)
    return embedded


def _projected_embeddings(base: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    embedded = embeddings(base, inputs)
    return base.embeddings_project(embedded) if hasattr(base, "embeddings_project") else embedded


def _distance_bias(base: Any, length: int) -> torch.Tensor:
    """MPNet's bias by the distance of two positions."""
    table = base.encoder.relative_attention_bias.weight
    bias: torch.Tensor = base.encoder.compute_position_bias(table.new_empty(1, length, 1))
    return bias


def _roberta_mlm(model: Any, states: torch.Tensor) -> torch.Tensor:
    from torch.nn import functional

    head = model.lm_head
    transformed: torch.Tensor = head.layer_norm(functional.gelu(head.dense(states)))
    return transformed


BERT = Family(
    "bert",
    body=BERT_BODY,
    head={
        "classifier": ("classifier",),
        "mlm_head": (
            "cls.predictions.transform.dense",
            "cls.predictions.transform.LayerNorm",
            "cls.predictions.decoder",
        ),
    },
    fast=FastForward(
        embeddings,
        {
            "classification": lambda model, states: model.classifier(model.bert.pooler(states)),
            "mlm": lambda model, states: model.cls.predictions.transform(states),
        },
    ),
)

_ROBERTA_HEADS = {
    "classification": lambda model, states: model.classifier(states),
    "mlm": _roberta_mlm,
}

ROBERTA = Family(
    "roberta",
    body=BERT_BODY,
    head={
        "classifier": ("classifier.dense", "classifier.out_proj"),
        "mlm_head": ("lm_head.dense", "lm_head.layer_norm", "lm_head.decoder"),
    },
    skips_padding=True,
    fast=FastForward(embeddings, _ROBERTA_HEADS),
)

XLM_ROBERTA = replace(ROBERTA, word="xlm-roberta")

ELECTRA = Family(
    "electra",
    body={
        # The small sizes look words up in narrow tables and widen them: embeddings_project.
        **BERT_BODY,
        "embeddings": (*BERT_BODY["embeddings"], "embeddings_project"),
    },
    head={
        "classifier": ("classifier.dense", "classifier.out_proj"),
        "mlm_head": (
            "generator_predictions.dense",
            "generator_predictions.LayerNorm",
            "generator_lm_head",
        ),
    },
    fast=FastForward(
        _projected_embeddings,
        {
            "classification": lambda model, states: model.classifier(states),
            "mlm": lambda model, states: model.generator_predictions(states),
        },
    ),
)

MPNET = Family(
    "mpnet",
    body={
        "embeddings": (
            "embeddings.word_embeddings",
            "embeddings.position_embeddings",
            "encoder.relative_attention_bias",  # (distances, heads): where words stand
        ),
        "query": ("encoder.layer.{n}.attention.attn.q",),
        "key": ("encoder.layer.{n}.attention.attn.k",),
        "value": ("encoder.layer.{n}.attention.attn.v",),
        "attention_output": ("encoder.layer.{n}.attention.attn.o",),
        "mlp_in": ("encoder.layer.{n}.intermediate.dense",),
        "mlp_out": ("encoder.layer.{n}.output.dense",),
        "norms": (
            "embeddings.LayerNorm",
            "encoder.layer.{n}.attention.LayerNorm",
            "encoder.layer.{n}.output.LayerNorm",
        ),
        "pooler": ("pooler.dense",),
    },
    head=ROBERTA.head,
    skips_padding=True,
    fast=FastForward(embeddings, _ROBERTA_HEADS, bias=_distance_bias),
)

"""XLM: position and language embeddings beside the words, and its own names of modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lesion.models.families.base import Family, FastForward

if TYPE_CHECKING:
    import torch


def _embeddings(base: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    ids = inputs["input_ids"]
    embedded = base.embeddings(ids) + base.position_embeddings(base.position_ids[:, : ids.shape[1]])
    if "langs" in inputs and base.use_lang_emb and base.n_langs > 1:
        embedded = embedded + base.lang_embeddings(inputs["langs"])
    normed: torch.Tensor = base.layer_norm_emb(embedded)
    return normed


def _activation(config: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    from torch.nn import functional

    return functional.gelu if config.gelu_activation else functional.relu


def _is_standard(config: Any) -> bool:
    return not config.causal and not config.asm and config.summary_type == "first"


XLM = Family(
    "xlm",
    body={
        "embeddings": ("embeddings", "position_embeddings", "lang_embeddings"),
        "query": ("attentions.{n}.q_lin",),
        "key": ("attentions.{n}.k_lin",),
        "value": ("attentions.{n}.v_lin",),
        "attention_output": ("attentions.{n}.out_lin",),
        "mlp_in": ("ffns.{n}.lin1",),
        "mlp_out": ("ffns.{n}.lin2",),
        "norms": ("layer_norm_emb", "layer_norm1.{n}", "layer_norm2.{n}"),
    },
    head={
        "classifier": ("sequence_summary.summary",),
        "mlm_head": ("pred_layer.proj",),
    },
    fast=FastForward(
        _embeddings,
        {
            "classification": lambda model, states: model.sequence_summary(states),
            "mlm": lambda model, states: states,
        },
        activation=_activation,
        is_standard=_is_standard,
    ),
)

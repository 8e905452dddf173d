"""A family of models: what Lesion must know of the architecture in `modeling.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lesion.models.families.base import Family, FastForward

if TYPE_CHECKING:
    import torch


def _register() -> None:
    """Called once in each process, before a model of the family is loaded."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    from lesion_example.modeling import PebbleConfig, PebbleForMaskedLM

    AutoConfig.register("pebble", PebbleConfig, exist_ok=True)
    AutoModelForMaskedLM.register(PebbleConfig, PebbleForMaskedLM, exist_ok=True)


def _embedded(base: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    embedded: torch.Tensor = base.embed(inputs["input_ids"])
    return embedded


def _before_output(model: Any, states: torch.Tensor) -> torch.Tensor:
    return states  # the output layer follows at once


PEBBLE = Family(
    "pebble",
    body={
        "embeddings": ("words", "positions"),
        "query": ("layers.{n}.query",),
        "key": ("layers.{n}.key",),
        "value": ("layers.{n}.value",),
        "attention_output": ("layers.{n}.output",),
        "mlp_in": ("layers.{n}.up",),
        "mlp_out": ("layers.{n}.down",),
        "norms": ("norm", "layers.{n}.norm_1", "layers.{n}.norm_2"),
    },
    head={"mlm_head": ("decoder",)},
    fast=FastForward(_embedded, {"mlm": _before_output}),
    register=_register,
)

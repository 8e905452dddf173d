"""What goes into the modules of a live model, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from lesion.models import anatomy


def has_module(model: Any, path: str) -> bool:
    """Whether a model has the module of a path."""
    try:
        return model.get_submodule(path) is not None
    except AttributeError:
        return False


def first_site(model: Any, part: str) -> Any:
    """The first site of a part."""
    return anatomy.select_sites(model, "all", (part,))[0]


def blank_input(site: Any) -> tuple[torch.Tensor]:
    """What enters the module of a site, all zero."""
    return (torch.zeros(1, site.weight.shape[site.in_axis]),)


def erase(site: Any) -> None:
    """Set all that a site holds to zero."""
    for tensor in (site.weight, site.bias):
        if tensor is not None:
            tensor.zero_()


def at_own_positions(logits: torch.Tensor, row: Mapping[str, list[int]]) -> torch.Tensor:
    """The logits at the positions that a row names; all where it names none."""
    return logits[:, row["positions"]] if "positions" in row else logits


@torch.inference_mode()
def logits(model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """What a model gives for inputs."""
    result: torch.Tensor = model(**inputs).logits.clone()
    return result


def seen(model: Any, module: Any, inputs: Mapping[str, torch.Tensor], side: str) -> torch.Tensor:
    """What enters ("in") or leaves ("out") a module, of one text: (tokens, features)."""
    caught: list[torch.Tensor] = []

    def note(_: Any, given: Any, result: Any) -> None:
        caught.append(given[0] if side == "in" else result)

    hook = module.register_forward_hook(note)
    logits(model, inputs)
    hook.remove()
    return caught[0].reshape(-1, caught[0].shape[-1])

"""The modules that a family's paths lead to in one model."""

import re
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from lesion.errors import LesionError
from lesion.models.families import FAMILIES, find_family
from lesion.models.families.base import Family
from lesion.models.parts import PARTS
from lesion.schema.entries import installed

_BLOCK = re.compile(r"^(.*)\[(\d+)/(\d+)\]$")

Place = tuple[int | None, int, str, nn.Module, tuple[int, int] | None]


def family_of(model: nn.Module) -> Family:
    """The family of a model.

    Raises:
        LesionError: for an object without a configuration, and for an unknown family.
    """
    if getattr(model, "config", None) is None:
        raise LesionError(
            f"model: must be a Hugging Face model of a known family ({', '.join(FAMILIES)}). Got "
            f"{type(model).__name__}, which has no config that names one."
        )
    model_type = getattr(model.config, "model_type", "")
    family = find_family(model_type)
    if family is None:
        raise LesionError(
            f"model_type {model_type!r} is not a family that Lesion knows. Known: "
            f"{', '.join([*FAMILIES, *installed('family')])}. Install a package that describes "
            "it, or add a file to lesion/models/families."
        )
    return family


def layer_count(model: nn.Module) -> int:
    """Number of layers with weights of their own."""
    family = family_of(model)
    return int(getattr(model.config, family.layers))


def paths(model: nn.Module) -> Iterator[tuple[nn.Module, str, Sequence[str]]]:
    """The module where the paths of a part start, the part, and its paths."""
    family = family_of(model)
    body = getattr(model, "base_model", model)
    for part in PARTS:
        for root, table in ((body, family.body), (model, family.head)):
            listed = table.get(part, ())
            if part != "classifier" or not listed or _module(root, listed[-1]) is not None:
                yield root, part, listed


def places(model: nn.Module, root: nn.Module, listed: Sequence[str]) -> Iterator[Place]:
    """Layer, index, path, module and block of every module that the model has."""
    for index, path in enumerate(listed):
        layers: Sequence[int | None] = range(layer_count(model)) if "{n}" in path else (None,)
        for layer in layers:
            full = path.replace("{n}", str(layer))
            path_of_module, block = _split(full)
            module = _module(root, path_of_module)
            if module is not None:
                yield layer, index, full, module, block


def check_writable(called: str, module: nn.Module) -> None:
    """Refuse a module that has numbers, but no tensor that a lesion could write to.

    Raises:
        LesionError: naming how the module keeps them.
    """
    weight, bias = getattr(module, "weight", None), module._parameters.get("bias")
    if isinstance(weight, torch.Tensor):
        return
    tensors = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]
    if bias is not None:  # an output bias whose matrix belongs to the embeddings'
        tensors = [name for name in tensors if "." not in name and name != "bias"]
    if callable(weight) and not tensors:
        tensors = list(module._modules) or ["weight()"]
    if tensors:
        more = "" if len(tensors) <= 4 else f" and {len(tensors) - 4} more"
        raise LesionError(
            f"{called}: {type(module).__name__} holds its numbers as {', '.join(tensors[:4])}"
            f"{more} and not as a weight, so that they cannot be damaged. Merge adapters into the "
            "weights (PEFT: merge_and_unload()), and load weights in a floating-point format."
        )


def _split(path: str) -> tuple[str, tuple[int, int] | None]:
    """`attn.Wqkv[0/3]` -> the path of its module, and the block."""
    match = _BLOCK.match(path)
    return (match[1], (int(match[2]), int(match[3]))) if match else (path, None)


def _module(root: nn.Module, path: str) -> nn.Module | None:
    try:
        return root.get_submodule(path)
    except AttributeError:
        return None

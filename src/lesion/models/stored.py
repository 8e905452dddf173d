"""How the numbers of a checkpoint are stored, whatever they are cast to when a model is loaded."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from lesion.errors import LesionError
from lesion.models.dtypes import LOAD_DTYPES

# In the order in which transformers looks for them.
SAFE, SAFE_PARTS = "model.safetensors", "model.safetensors.index.json"
TORCH, TORCH_PARTS = "pytorch_model.bin", "pytorch_model.bin.index.json"
WEIGHTS = (SAFE, SAFE_PARTS, TORCH, TORCH_PARTS)
COMPUTED = ("float32", "bfloat16", "float16", "float64")  # formats that models compute in
LOADED = "lesion_loaded"  # the attribute of a model that `load_model` sets


class Loaded(NamedTuple):
    """How `load_model` loaded a model; its attribute `lesion_loaded`.

    Attributes:
        stored: format of its numbers in the checkpoint, such as bfloat16.
        dtype: what they were loaded as.
        drawn: parameters of the encoder that the checkpoint lacks, drawn at random.
    """

    stored: str
    dtype: str
    drawn: tuple[str, ...] = ()


def stored_format(path: str, revision: str | None) -> str:
    """The format of most floating-point numbers of a checkpoint: `float32`, `bfloat16`, ...

    Only headers are read, not the weights. "" if there are no such files.

    Args:
        path: folder or hub id, whose weights are downloaded if they are not in the cache.
    """
    from transformers.modeling_utils import load_state_dict  # loads what only models need

    counts: Counter[str] = Counter()
    for file in _files(path, revision):
        for tensor in load_state_dict(file, map_location="meta").values():
            if tensor.is_floating_point():
                counts[name_of(tensor.dtype)] += tensor.numel()
    return max(counts, key=lambda name: (counts[name], name), default="")


def memory_format(model: nn.Module) -> str | None:
    """The format in which a memory holds a model's numbers, if it is not that of its tensors.

    None for a model that `load_model` did not load, or that was cast since: its tensors' own.
    """
    loaded: Loaded | None = getattr(model, LOADED, None)
    first = next(model.parameters(), None)
    if loaded is None or first is None or name_of(first.dtype) != loaded.dtype:
        return None
    return loaded.stored if loaded.stored != loaded.dtype else None


def number_of(source: str, dtype: str, stored: str) -> torch.dtype:
    """The dtype in which a model is loaded, by a word of `lesion.models.dtypes.LOAD_DTYPES`.

    Raises:
        LesionError: for another word, or a format in which models do not compute.
    """
    if dtype not in LOAD_DTYPES:
        raise LesionError(f"dtype: must be one of {', '.join(LOAD_DTYPES)}. Got {dtype!r}.")
    name = stored if dtype == "stored" else dtype
    if name not in COMPUTED:
        raise LesionError(
            f"{source}: is stored as {stored}, and models compute in {', '.join(COMPUTED)}. "
            "Load it as float32."
        )
    number: torch.dtype = getattr(torch, name)
    return number


def name_of(dtype: torch.dtype) -> str:
    """`bfloat16` of torch.bfloat16."""
    return str(dtype).removeprefix("torch.")


def _files(path: str, revision: str | None) -> list[str]:
    """The files of weights that transformers would load."""
    for name in WEIGHTS:
        file = _file(path, revision, name)
        if file and name in (SAFE_PARTS, TORCH_PARTS):
            names = set(json.loads(Path(file).read_text(encoding="utf-8"))["weight_map"].values())
            parts: list[Any] = [_file(path, revision, part) for part in sorted(names)]
            return [part for part in parts if part]
        if file:
            return [file]
    return []


def _file(path: str, revision: str | None, name: str) -> str | None:
    from transformers.utils.hub import cached_file

    file: str | None = cached_file(
        path,
        name,
        revision=revision or "main",
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return file

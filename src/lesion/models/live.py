"""Models that a caller has in memory: saved once under their content, then used like folders.

A model whose class no Auto class of transformers makes cannot be loaded from its folder. It is kept
here for this process, and the folder holds what identifies it.
"""

import copy
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from lesion import digests
from lesion.atomic import publish
from lesion.errors import LesionError
from lesion.models.cache import cache_folder

MARKER = "held-in-memory.txt"  # in the folder of a model that cannot be loaded from it
AUTO = (
    "AutoModel",
    "AutoModelForSequenceClassification",
    "AutoModelForMaskedLM",
    "AutoModelForCausalLM",
)
VOLATILE = ("transformers_version", "_name_or_path", "architectures")  # of a configuration


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A model of this process and its tokenizer."""

    model: nn.Module
    tokenizer: Any


_HELD: dict[str, LiveModel] = {}  # folder -> the model that only this process has


def save_live(model: Any, tokenizer: Any) -> Path:
    """The folder of a live model, in the cache under the digest of its content.

    Raises:
        LesionError: for anything but a model and a tokenizer of transformers.
    """
    if not isinstance(model, transformers.PreTrainedModel):
        raise LesionError(
            f"model: must be a model of transformers (PreTrainedModel). Got {type(model).__name__}."
        )
    if not hasattr(tokenizer, "save_pretrained"):
        raise LesionError(
            "tokenizer: a model in memory needs its tokenizer beside it, one of transformers. "
            f"Got {type(tokenizer).__name__}."
        )
    cache = cache_folder() / "live"
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=cache, prefix="."))
    try:
        tokenizer.save_pretrained(work)
        target = cache / f"{type(model).__name__}-{_digest(model, work)}"
        if not (target / "config.json").is_file():
            if not _loadable(model):
                (work / MARKER).write_text(f"{_name(model)} is no class of transformers.\n")
            model.save_pretrained(work)
            publish(work, target, "config.json")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if not _loadable(model):
        _HELD[str(target)] = LiveModel(model, tokenizer)
    return target


def held(path: str) -> LiveModel | None:
    """The live model of a folder that cannot be loaded from it; None for any other folder.

    Raises:
        LesionError: if another process had it.
    """
    if path not in _HELD and (Path(path) / MARKER).is_file():
        name = (Path(path) / MARKER).read_text().split()[0]
        raise LesionError(
            f"{path}: was saved from a model in memory of the class {name}, which transformers "
            "does not load. Run the study from Python with this model again."
        )
    return _HELD.get(path)


def held_class(source: str) -> str:
    """The class of a source that only this process has; "" for all others."""
    return _name(_HELD[source].model) if source in _HELD else ""


def copied(live: LiveModel, number: torch.dtype | None, changes: dict[str, Any]) -> nn.Module:
    """A copy of a live model, in the format in which weights are loaded.

    Raises:
        LesionError: if its configuration would change, as for a new head.
    """
    if changes:
        raise LesionError(
            f"{_name(live.model)}: a model of a class that transformers does not load cannot get a "
            "new head. Leave finetune out of the study, or train the head first."
        )
    model = copy.deepcopy(live.model)
    return model if number is None else model.to(number)


def _loadable(model: nn.Module) -> bool:
    """Whether an Auto class makes a model of exactly this class from its configuration."""
    config: Any = model.config
    made = (getattr(transformers, auto)._model_mapping.get(type(config), None) for auto in AUTO)
    return any(type(model) is kind for kind in made)


def _name(model: nn.Module) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def _digest(model: Any, tokenizer: Path) -> str:
    """Of class, configuration, weights and the files of the tokenizer."""
    digest = blake2b(digest_size=16)
    for part in _parts(model, tokenizer):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _parts(model: Any, tokenizer: Path) -> Iterator[bytes]:
    config = {key: of for key, of in model.config.to_dict().items() if key not in VOLATILE}
    yield json.dumps([_name(model), config], sort_keys=True, default=str).encode()
    for name, tensor in sorted(model.state_dict().items()):
        yield f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
        yield tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    for path in sorted(tokenizer.iterdir()):
        yield f"{path.name} {digests.of_file(path)}".encode()

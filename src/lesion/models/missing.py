"""What a checkpoint lacks of the model that it is loaded as, and when that is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from lesion.errors import LesionError
from lesion.models.families import find_family

REMEDIES = {
    "classification": "Fine-tune it: give the study a finetune section.",
    "mlm": "Choose a checkpoint that was saved with its masked language model.",
    "causal": "Choose a checkpoint that was saved with its language model.",
}


def check_missing(
    source: str, model: Any, head: str, missing: Sequence[str], require_head: bool
) -> tuple[str, ...]:
    """Refuse random weights; returns the missing weights of a pooler, which may be random.

    A pooler is trained together with a new head, and nothing else reads that of a base model.

    Args:
        head: as of `load_model`; a base model's parameters have no prefix.
        missing: parameters of the model that the checkpoint does not hold in their shape.
        require_head: whether the head must have all its weights.

    Raises:
        LesionError: if weights of the base model are missing, or of a head that is needed.
    """
    prefix = "" if head == "base" else f"{model.base_model_prefix}."
    family = find_family(model.config.model_type)
    paths = family.body.get("pooler", ()) if family else ()
    body = [key for key in missing if key.startswith(prefix)]
    pooler = [key for key in body if key.startswith(tuple(f"{prefix}{path}." for path in paths))]
    lost = [key for key in body if key not in pooler]
    if lost:
        raise LesionError(
            f"{source}: lacks weights of the {model.config.model_type} that its config.json "
            f"describes ({lost[0]} is missing, {len(lost)} in all), which would be random. Save "
            "the whole model, or choose another checkpoint."
        )
    if require_head and head != "base" and missing:
        raise LesionError(
            f"{source}: has no trained {head} head ({missing[0]} is missing). {REMEDIES[head]}"
        )
    return tuple(pooler)


@contextmanager
def generator_kept(keep: bool) -> Iterator[None]:
    """Leave torch's global generator as it was, unless weights are to be drawn from it."""
    if not keep:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        yield

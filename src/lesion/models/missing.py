"""What a checkpoint lacks of the model that it is loaded as, and when that matters."""

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
    source: str, model: Any, head: str, missing: Sequence[str], complete: bool
) -> tuple[str, ...]:
    """Refuse what would be random; returns the weights of a pooler, which may be.

    A pooler is trained together with a new head, and nothing else reads that of a base model.

    Args:
        head: as of `load_model`; a base model's parameters have no prefix.
        missing: parameters of the model that the checkpoint does not hold in their shape.
        complete: whether the head must be there too.

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
    if complete and head != "base" and missing:
        raise LesionError(
            f"{source}: has no trained {head} head ({missing[0]} is missing). {REMEDIES[head]}"
        )
    return tuple(pooler)


@contextmanager
def generator_kept(kept: bool) -> Iterator[None]:
    """Leave torch's global generator as it was, unless weights are to be drawn from it."""
    if not kept:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        yield

"""The weights of a model with the head that a task needs: resolved, and trained if necessary."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lesion.models.finetune import finetuned_checkpoint
from lesion.models.load import Checkpoint, format_of, load_config, load_tokenizer, resolve
from lesion.models.recipes import Finetuning
from lesion.preparing.head_classes import columns_of
from lesion.study.specs import ModelSpec
from lesion.tasks.base import Task

StepCallback = Callable[[int, int], None]
Note = Callable[[str], None]


def find_weights(
    spec: ModelSpec,
    seed: int,
    task: Task,
    recipe: Finetuning | None,
    *,
    device: str = "cpu",
    progress: StepCallback | None = None,
    note: Note | None = None,
    pinned: str | None = None,
) -> Checkpoint:
    """The weights of a study's model with a head for a task; trained now if necessary.

    Args:
        note: called with sentences that the user should know.
        pinned: digest of the weights with which the run began.

    Raises:
        LesionError: if the model is not available, or its head has other classes than the task.
    """
    checkpoint = resolve(spec.source, spec.revision)
    columns = None
    if recipe and task.head == "classification":
        tokenizer = load_tokenizer(checkpoint)
        checkpoint = train_head(
            checkpoint, tokenizer, task, recipe, seed, device, progress, note, pinned
        )
    elif task.head == "classification":
        columns = columns_of(spec, load_config(checkpoint), task)
    return replace(checkpoint, columns=columns, stored=format_of(checkpoint))


def train_head(
    base: Checkpoint,
    tokenizer: Any,
    task: Any,
    recipe: Finetuning,
    seed: int,
    device: str = "cpu",
    progress: StepCallback | None = None,
    note: Note | None = None,
    pinned: str | None = None,
) -> Checkpoint:
    """A classification head trained on a task's training split, or the cached one."""
    rows, labels = task.encode_split("train", tokenizer, load_config(base))
    return finetuned_checkpoint(
        base,
        tokenizer,
        rows,
        labels,
        task.classes,
        recipe,
        seed,
        language=task.language,
        device=device,
        progress=progress,
        note=note,
        pinned=pinned,
    )

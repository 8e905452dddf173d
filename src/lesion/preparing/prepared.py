"""A model made ready for one task: found, fine-tuned if the study says so, loaded, encoded."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from lesion.damage.lesion import WithRecovery
from lesion.damage.originals import Originals
from lesion.distraction.distraction import Distraction
from lesion.distraction.wound import TextTask
from lesion.models.finetune import finetuned_checkpoint
from lesion.models.inputs import collate, language_id
from lesion.models.load import (
    Checkpoint,
    format_of,
    load_config,
    load_model,
    load_tokenizer,
    resolve,
)
from lesion.models.origins import TWIN
from lesion.models.recipes import Finetuning
from lesion.models.stored import LOADED, Loaded
from lesion.preparing.head_classes import fitted, head_labels, head_notes
from lesion.preparing.recovery import retrained
from lesion.scoring.scorer import Scorer
from lesion.study.damages import Damage
from lesion.study.needs import EXAMPLES
from lesion.study.specs import ModelSpec
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification

Progress = Callable[[int, int], None]
Note = Callable[[str], None]
SUITED = "asked before any model is loaded (lesion.study.needs)"


@dataclass(frozen=True, eq=False)
class Bench:
    """One patient on the table.

    Attributes:
        checkpoint: the weights that are damaged, pinned.
        model: live, in evaluation mode.
        task: what it is asked.
        score: outputs of every example with the model as it is now.
        originals: what is restored after a lesion, without a copy of its own.
        precision: of scoring, see `lesion.words.PRECISIONS`.
        columns: the head's output for each class of the task; None where they stand in its order.
        notes: what a person should know of it, in sentences.
    """

    checkpoint: Checkpoint
    model: nn.Module
    task: Task
    score: Scorer
    originals: Originals
    precision: str = "float32"
    columns: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device


def find(
    spec: ModelSpec,
    seed: int,
    task: Task,
    recipe: Finetuning | None,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    note: Note | None = None,
    pinned: str | None = None,
) -> Checkpoint:
    """The weights of a study's model with a head for a task; trained now if need be.

    Args:
        note: called with sentences that a person should know.
        pinned: digest of the weights with which the run began.

    Raises:
        LesionError: if the model cannot be had, or its head has other classes than the task.
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


def lay(
    spec: ModelSpec,
    checkpoint: Checkpoint,
    task: Task,
    *,
    device: str = "cpu",
    precision: str = "float32",
    load_dtype: str = "float32",
) -> Bench:
    """Load the weights that were found.

    Args:
        load_dtype: a word of `lesion.words.LOAD_DTYPES`.

    Raises:
        LesionError: if they cannot be had here, or their head does not fit the task.
    """

    def load(device: str) -> nn.Module:
        return load_model(checkpoint, head=task.head, device=device, dtype=load_dtype)

    model: Any = load(device)
    notes = notes_on(spec, model, task)
    columns = columns_of(spec, model.config, task)
    score = Scorer(model, load_tokenizer(checkpoint), task, columns=columns)
    originals = Originals(model, lambda: load("cpu"))
    return Bench(checkpoint, model, task, score, originals, precision, columns, tuple(notes))


def columns_of(spec: ModelSpec, config: Any, task: Task) -> tuple[int, ...] | None:
    """The head's output for each class of a task; None where they stand in the task's order.

    Raises:
        LesionError: if the names of the classes conflict.
    """
    fit = fitted(spec.source, config, task) if task.head == "classification" else None
    return fit.columns if fit and fit.moved else None


def notes_on(spec: ModelSpec, model: Any, task: Task) -> list[str]:
    """What a person should know of a loaded model that keeps its own head.

    Raises:
        LesionError: if its head has other classes than the task.
    """
    loaded: Loaded = getattr(model, LOADED)
    notes = head_notes(spec, model.config, task) if task.head == "classification" else []
    if loaded.stored == loaded.dtype:
        return notes
    twin = spec.source.startswith(TWIN)  # nine of them would be nine equal sentences
    whose = "Built-in twins: their" if twin else f"{spec.name}: its"
    return [
        *notes,
        f"{whose} weights are stored as {loaded.stored} and loaded as {loaded.dtype}; lesions of "
        f"bits damage {loaded.stored} unless they give a format.",
    ]


def opened(damage: Damage, bench: Bench, draw: int) -> AbstractContextManager[Any]:
    """A lesion of the model, or a distraction in what it reads; undone on leaving."""
    if isinstance(damage, Distraction):
        score, task = bench.score, cast(TextTask, bench.task)
        return damage.open(task, score.tokenizer, score.set_task, draw)
    measured = damage.needs & {"labels", "examples"}
    examples = _examples(bench, "labels" in damage.needs) if measured else ()
    if isinstance(damage, WithRecovery):
        assert isinstance(bench.task, Classification), SUITED
        return retrained(
            damage, bench.model, bench.score.tokenizer, bench.task, draw, examples, bench.columns
        )
    return damage.opened(bench.model, draw, examples, bench.originals)


def _examples(bench: Bench, labelled: bool) -> list[dict[str, torch.Tensor]]:
    """The first training examples as model inputs with labels, one example each.

    Where there are none and labels are not needed: as many of the evaluated rows, evenly spaced.
    """
    task, config = bench.task, cast(Any, bench.model.config)
    tokenizer = bench.score.tokenizer
    labels: list[int] = []
    if isinstance(task, Classification) and (labelled or "training" in task.offers):
        rows, found = task.encode_split("train", tokenizer, config, EXAMPLES)
        labels = head_labels(found, bench.columns).tolist()
    else:
        rows = task.encode(tokenizer, config).rows
        rows = rows[:: -(-len(rows) // EXAMPLES)]
    language = language_id(config, task.language)
    examples = [collate([row], tokenizer, language, bench.device) for row in rows]
    for inputs, label in zip(examples, labels, strict=False):
        inputs["labels"] = torch.tensor([label], device=bench.device)
    return examples


def train_head(
    base: Checkpoint,
    tokenizer: Any,
    task: Any,
    recipe: Finetuning,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
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

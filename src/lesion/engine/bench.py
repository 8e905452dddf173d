"""A model made ready for one task: found, fine-tuned if the study says so, loaded, encoded."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from lesion.damage.distraction import Distraction
from lesion.damage.lesion import Damage, Recovering
from lesion.damage.originals import Originals
from lesion.engine.forward import Scorer
from lesion.engine.recovery import retrained
from lesion.errors import LesionError
from lesion.models.finetune import finetuned
from lesion.models.inputs import collate, language_of
from lesion.models.load import Checkpoint, load_config, load_model, load_tokenizer, resolve
from lesion.specs import Finetuning, ModelSpec
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification

Progress = Callable[[int, int], None]
EXAMPLES = 128  # of the training set, for orders by importance and effect mean


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
    """

    checkpoint: Checkpoint
    model: nn.Module
    task: Task
    score: Scorer
    originals: Originals
    precision: str = "float32"

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
) -> Checkpoint:
    """The weights of a study's model with a head for a task; trained now if need be.

    Raises:
        LesionError: if the model cannot be had.
    """
    checkpoint = resolve(spec.source, spec.revision)
    if recipe and task.head == "classification":
        tokenizer = load_tokenizer(checkpoint)
        checkpoint = train_head(checkpoint, tokenizer, task, recipe, seed, device, progress)
    return checkpoint


def lay(
    spec: ModelSpec,
    checkpoint: Checkpoint,
    task: Task,
    *,
    device: str = "cpu",
    precision: str = "float32",
) -> Bench:
    """Load the weights that were found.

    Raises:
        LesionError: if they cannot be had here, or their head does not fit the task.
    """
    model: Any = load_model(checkpoint, head=task.head, device=device)
    if task.head == "classification" and model.config.num_labels != len(task.classes):
        raise LesionError(
            f"{spec.source}: its head has {model.config.num_labels} classes, but "
            f"{task.name} has {len(task.classes)} ({', '.join(task.classes)}). Choose a "
            "checkpoint of this task, or give the study a finetune section."
        )
    score = Scorer(model, load_tokenizer(checkpoint), task)
    originals = Originals(model, lambda: load_model(checkpoint, head=task.head))
    return Bench(checkpoint, model, task, score, originals, precision)


def opened(damage: Damage, bench: Bench, draw: int) -> AbstractContextManager[Any]:
    """A lesion of the model, or a distraction in what it reads; undone on leaving."""
    if isinstance(damage, Distraction):
        if not isinstance(bench.task, Classification):
            raise LesionError(
                f"{damage.name}: a distraction needs a task of kind classify. "
                f"{bench.task.name} is of kind {bench.task.kind}."
            )
        score = bench.score
        return damage.wounded(bench.task, score.tokenizer, score.read, draw)
    examples = _examples(bench, damage.needs_labels) if damage.needs_examples else ()
    if isinstance(damage, Recovering):
        return retrained(damage, bench.model, bench.score.tokenizer, bench.task, draw, examples)
    return damage.opened(bench.model, draw, examples, bench.originals)


def _examples(bench: Bench, labelled: bool) -> list[dict[str, torch.Tensor]]:
    """The first training examples as model inputs with labels, one example each.

    Where there are none and labels are not needed: as many of the evaluated rows, evenly spaced.
    """
    task, config = bench.task, cast(Any, bench.model.config)
    if labelled and not isinstance(task, Classification):
        raise LesionError(
            f"an order by importance needs a task of kind classify, which has training examples. "
            f"{task.name} is of kind {task.kind}."
        )
    tokenizer = bench.score.tokenizer
    labels: list[int] = []
    if isinstance(task, Classification) and (labelled or task.trains):
        rows, found = task.encode_split("train", tokenizer, config, EXAMPLES)
        labels = found.tolist()
        if labelled:
            _check_several(task, labels)
    else:
        rows = task.encode(tokenizer, config).rows
        rows = rows[:: -(-len(rows) // EXAMPLES)]
    language = language_of(config, task.language)
    examples = [collate([row], tokenizer, language, bench.device) for row in rows]
    for inputs, label in zip(examples, labels, strict=False):
        inputs["labels"] = torch.tensor([label], device=bench.device)
    return examples


def _check_several(task: Classification, labels: list[int]) -> None:
    """Refuse to rank units by examples of one class: the file is sorted."""
    if len(set(labels)) == 1:
        raise LesionError(
            f"an order by importance reads the first {len(labels)} training examples, and those of "
            f"{task.name} are all {task.classes[labels[0]]!r}: they are sorted by label. Shuffle "
            "the training file."
        )


def train_head(
    base: Checkpoint,
    tokenizer: Any,
    task: Any,
    recipe: Finetuning,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Checkpoint:
    """A classification head trained on a task's training split, or the cached one."""
    rows, labels = task.encode_split("train", tokenizer, load_config(base))
    return finetuned(
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
    )

"""Plasticity: a damaged model is trained again, its destroyed units frozen, and then scored.

Every dose starts from the damaged weights and not from what was learned at an earlier dose, so that
a trial can be repeated alone. Batches and dropout are keyed by seed, lesion, draw and dose, never
by the model. Leaving restores every bit of the model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count, islice

import numpy as np
import torch
from torch import nn

from lesion.damage.lesion import WithRecovery
from lesion.damage.receipt import Receipt
from lesion.damage.wound import Wound
from lesion.keys import Address, random_uint32
from lesion.models.finetune import preserve_rng
from lesion.models.inputs import Batcher
from lesion.models.recipes import Finetuning, Recovery
from lesion.preparing.head_classes import head_labels
from lesion.tasks.base import Row
from lesion.tasks.classify import Classification

CLIP = 1.0  # largest norm of a step's gradient, as Hugging Face's Trainer
Inputs = Mapping[str, torch.Tensor]


@contextmanager
def open_with_training(
    damage: WithRecovery,
    model: nn.Module,
    batcher: Batcher,
    task: Classification,
    draw: int,
    examples: Sequence[Inputs] = (),
    columns: tuple[int, ...] | None = None,
) -> Iterator["RetrainedWound"]:
    """Open a lesion whose every dose is followed by training.

    Args:
        batcher: of the model.
        columns: the head's output for each class of the task, where their order differs.

    Raises:
        LesionError: as `Lesion.opened`.
    """
    rows, targets = task.encode_split("train", batcher.tokenizer, model.config)
    labels = head_labels(targets, columns)

    def batch(numbers: list[int]) -> Inputs:
        inputs = batcher([rows[number] for number in numbers])
        return {**inputs, "labels": torch.from_numpy(labels[numbers]).to(batcher.device)}

    address = ("recovery", damage.lesion.name, draw if damage.random else 0)
    with damage.lesion.opened(model, draw, examples) as wound:
        yield RetrainedWound(wound, model, rows, batch, damage, address)


class RetrainedWound:
    """A wound whose every dose is followed by training."""

    def __init__(
        self,
        wound: Wound,
        model: nn.Module,
        rows: Sequence[Row],
        batch: Callable[[list[int]], Inputs],
        damage: WithRecovery,
        address: tuple[Address, ...],
    ) -> None:
        self._wound, self._model, self._rows, self._batch = wound, model, rows, batch
        self._damage, self._address = damage, address
        self._before: list[torch.Tensor] = []
        wound.before_leaving = self.restore

    def deepen(self, dose: float) -> Receipt:
        """Go to a dose from the damage alone, and train."""
        self.restore()
        receipt = self._wound.deepen(dose).measured()  # training changes all weights
        self._before = [tensor.detach().clone() for tensor in self._tensors()]
        seed, key = self._damage.seed, (*self._address, float(dose))
        order = _order(len(self._rows), seed, key)
        size = self._damage.recipe.batch_size or Finetuning().batch_size
        batches = (self._batch(list(islice(order, size))) for _ in count())
        with preserve_rng():
            # dropout draws from torch's global generator
            torch.manual_seed(int(random_uint32(1, seed, *key, "dropout")[0]))  # noqa: TID251
            train(self._model, batches, self._damage.recipe, self._wound.freezer())
        return receipt

    @torch.no_grad()
    def restore(self) -> None:
        """Restore every bit to its value after the damage."""
        for tensor, before in zip(self._tensors(), self._before, strict=False):
            tensor.copy_(before)
        self._before = []

    def _tensors(self) -> Iterator[torch.Tensor]:
        return chain(self._model.parameters(), self._model.buffers())


def train(
    model: nn.Module, batches: Iterator[Inputs], recipe: Recovery, freeze: Callable[[], None]
) -> None:
    """Train a model in place by AdamW, as fine-tuning does; its mode and gradients are restored.

    Args:
        batches: model inputs with labels, as many as there are steps, or more.
        freeze: called after every step; it restores the destroyed units.
    """
    recipe = recipe.with_defaults(Finetuning())
    assert recipe.learning_rate is not None
    assert recipe.warmup is not None
    parameters = [tensor for tensor in model.parameters() if tensor.requires_grad]
    gradients = [tensor.grad for tensor in parameters]
    matrices = [tensor for tensor in parameters if tensor.dim() > 1]
    vectors = [tensor for tensor in parameters if tensor.dim() <= 1]
    decays = (recipe.weight_decay or 0.0, 0.0)
    optimiser = torch.optim.AdamW(
        [
            {"params": group, "weight_decay": decay}
            for group, decay in zip((matrices, vectors), decays, strict=True)
        ],
        lr=recipe.learning_rate,
    )
    evaluating = not model.training
    model.train()
    try:
        for step, inputs in zip(range(recipe.steps), batches, strict=False):
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * linear_schedule(
                    step, recipe.steps, recipe.warmup
                )
            optimiser.zero_grad(set_to_none=True)
            with torch.enable_grad():
                model(**inputs).loss.backward()
            nn.utils.clip_grad_norm_(parameters, CLIP)
            optimiser.step()
            freeze()
    finally:
        model.train(not evaluating)
        for tensor, gradient in zip(parameters, gradients, strict=True):
            tensor.grad = gradient


def linear_schedule(step: int, steps: int, warmup: float) -> float:
    """The learning rate's share of its peak: up over the warm-up, then down in a line to 0.

    Example:
        >>> [linear_schedule(step, 4, 0.25) for step in range(4)]
        [0.0, 1.0, 0.6666666666666666, 0.3333333333333333]
    """
    rising = round(warmup * steps)
    if step < rising:
        return step / rising
    return (steps - step) / max(1, steps - rising)


def _order(examples: int, seed: int, key: tuple) -> Iterator[int]:
    """The numbers of the training examples, again and again, every time in another order."""
    for epoch in count():
        yield from np.argsort(
            random_uint32(examples, seed, *key, "epoch", epoch), kind="stable"
        ).tolist()

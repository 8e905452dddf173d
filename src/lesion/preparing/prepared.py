"""A model made ready for one task: loaded, its examples encoded, its original weights at hand."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

import torch
from torch import nn

from lesion.damage.lesion import WithRecovery
from lesion.damage.originals import Originals
from lesion.models.inputs import Batcher
from lesion.models.load import Checkpoint, load_model, load_tokenizer
from lesion.models.origins import TWIN
from lesion.models.stored import LOADED, Loaded
from lesion.preparing.head_classes import columns_of, head_labels, head_notes
from lesion.preparing.recovery import open_with_training
from lesion.scoring.scorer import Scorer
from lesion.study.needs import EXAMPLES, classified, trains
from lesion.study.specs import ModelSpec
from lesion.tasks.base import Task


class Openable(Protocol):
    """Damage of any kind: a lesion, several together, one with recovery, a distraction."""

    def open_on(self, prepared: "PreparedModel", draw: int) -> AbstractContextManager[Any]:
        """A wound, whose `deepen(dose)` returns a receipt; undone on leaving."""


@dataclass(frozen=True, eq=False)
class PreparedModel:
    """A model, its task, and everything that damage of any kind needs.

    Attributes:
        checkpoint: the weights that are damaged, pinned.
        model: live, in evaluation mode.
        task: what is scored.
        score: outputs of every example with the model as it is now.
        originals: restore the weights after a lesion without a copy of them.
        columns: the head's output for each class of the task; None where they stand in its order.
        notes: sentences that the user should know.
    """

    checkpoint: Checkpoint
    model: nn.Module
    task: Task
    score: Scorer
    originals: Originals
    columns: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def tokenizer(self) -> Any:
        """The model's own."""
        return self.batcher.tokenizer

    @property
    def batcher(self) -> Batcher:
        """Rows to tensors, as they are scored."""
        return self.score.batcher

    def scoring(self, part: tuple[int, int]) -> "PreparedModel":
        """The same model, of whose task only the examples start ... stop - 1 are scored.

        What damage needs of the task is still that of the whole task, so that it is the same
        damage.
        """
        score = Scorer(
            self.model, self.tokenizer, self.task, columns=self.columns,
            precision=self.score.precision, part=part,
        )  # fmt: skip
        return replace(self, score=score)

    def open(self, damage: Openable, draw: int) -> AbstractContextManager[Any]:
        """Open damage of any kind; undone on leaving."""
        return damage.open_on(self, draw)

    def open_with_training(self, damage: WithRecovery, draw: int) -> AbstractContextManager[Any]:
        """Open a lesion whose every dose is followed by training."""
        examples = self.calibration_examples(damage.lesion.needs)
        task = classified(self.task)
        return open_with_training(
            damage, self.model, self.batcher, task, draw, examples, self.columns
        )

    def calibration_examples(self, needs: frozenset[str]) -> Sequence[dict[str, Any]]:
        """The first training examples as model inputs with labels, one example each.

        Where there are none and labels are not needed: as many of the evaluated rows, evenly
        spaced.

        Args:
            needs: of the damage: "labels", "examples" or both; without one, there are none.
        """
        if not needs:
            return ()
        task, config = self.task, cast(Any, self.model.config)
        labels: list[int] = []
        if "labels" in needs or trains(task):
            rows, targets = classified(task).encode_split("train", self.tokenizer, config, EXAMPLES)
            labels = head_labels(targets, self.columns).tolist()
        else:
            rows = task.encode(self.tokenizer, config).rows
            rows = rows[:: -(-len(rows) // EXAMPLES)]
        examples = [self.batcher([row]) for row in rows]
        for inputs, label in zip(examples, labels, strict=False):
            inputs["labels"] = torch.tensor([label], device=self.batcher.device)
        return examples


class Undamaged:
    """The damage of an intact trial: none."""

    @contextmanager
    def open_on(self, prepared: PreparedModel, draw: int) -> Iterator["Undamaged"]:
        """A wound without effect."""
        yield self

    def deepen(self, dose: float) -> None:
        """Nothing is destroyed, so there is no receipt."""


def prepare(
    spec: ModelSpec,
    checkpoint: Checkpoint,
    task: Task,
    *,
    device: str = "cpu",
    precision: str = "float32",
    load_dtype: str = "float32",
    part: tuple[int, int] | None = None,
) -> PreparedModel:
    """Load the weights that were found.

    Args:
        part: of the examples, that is scored; None: all.
        precision: of scoring, see `lesion.models.dtypes.PRECISIONS`.
        load_dtype: see `lesion.models.dtypes.LOAD_DTYPES`.

    Raises:
        LesionError: if they cannot be loaded here, or their head does not fit the task.
    """

    def load(device: str) -> nn.Module:
        return load_model(checkpoint, head=task.head, device=device, dtype=load_dtype)

    model: Any = load(device)
    notes = notes_on(spec, model, task)
    columns = columns_of(spec, model.config, task)
    tokenizer = load_tokenizer(checkpoint)
    score = Scorer(model, tokenizer, task, columns=columns, precision=precision, part=part)
    originals = Originals(model, lambda: load("cpu"))
    return PreparedModel(checkpoint, model, task, score, originals, columns, tuple(notes))


def notes_on(spec: ModelSpec, model: Any, task: Task) -> list[str]:
    """What the user should know of a loaded model that keeps its own head.

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

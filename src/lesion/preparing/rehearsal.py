"""Rehearsal: every model, task and lesion of a study is tried on two examples before it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from lesion.damage.lesion import Lesion, Together
from lesion.damage.orders import Random
from lesion.damage.reach import Reach
from lesion.damage.rows import Inputs
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.finetune import preserve_rng
from lesion.models.inputs import Batcher
from lesion.models.load import Checkpoint, load_model, load_tokenizer, resolve
from lesion.models.recipes import Finetuning
from lesion.models.stored import LOADED
from lesion.preparing.head_classes import columns_of, head_labels
from lesion.preparing.prepared import notes_on
from lesion.scoring.scorer import Scorer
from lesion.study.damages import Damage
from lesion.study.needs import classified, distractions, lesions_of, needs_gradients, suited
from lesion.study.specs import ModelSpec
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification
from lesion.tasks.encoding import encode
from lesion.tasks.examples import Split

FEW = 2
CPU_OOM_MESSAGES = ("not enough memory", "can't allocate memory")


@dataclass(frozen=True, eq=False)
class Patient:
    """A model with the head that a task needs: its own, or a new one that is not trained yet.

    Attributes:
        trained: whether the head is to be trained.
        notes: sentences that the user should know.
    """

    spec: ModelSpec
    task: Task
    checkpoint: Checkpoint
    model: nn.Module
    tokenizer: Any
    trained: bool
    columns: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def batcher(self) -> Batcher:
        """Rows to tensors."""
        device = next(self.model.parameters()).device
        return Batcher(self.tokenizer, self.model.config, self.task.language, device)


def admit(
    spec: ModelSpec,
    task: Task,
    recipe: Finetuning | None = None,
    device: str = "cpu",
    load_dtype: str = "float32",
) -> Patient:
    """Load a model of a study for a task.

    Raises:
        LesionError: if it cannot be had, or its head does not fit the task.
    """
    checkpoint = resolve(spec.source, spec.revision)
    trained = recipe is not None and task.head == "classification"
    if not trained:
        model = load_model(checkpoint, head=task.head, device=device, dtype=load_dtype)
        notes, columns = notes_on(spec, model, task), columns_of(spec, model.config, task)
        tokenizer = load_tokenizer(checkpoint)
        return Patient(spec, task, checkpoint, model, tokenizer, False, columns, tuple(notes))
    with preserve_rng():  # a new head is drawn from torch's global generator
        model = load_model(
            checkpoint,
            head=task.head,
            device=device,
            require_head=False,
            num_labels=len(task.classes),
        )
    # once it is trained, it is stored as it was loaded
    setattr(model, LOADED, getattr(model, LOADED)._replace(stored="float32"))
    return Patient(spec, task, checkpoint, model, load_tokenizer(checkpoint), True)


def rehearse(
    spec: ModelSpec,
    task: Task,
    damages: Mapping[str, Damage],
    recipe: Finetuning | None = None,
    device: str = "cpu",
    load_dtype: str = "float32",
) -> list[str]:
    """What of a model, a task and these lesions cannot run: see `admit` and `problems`."""
    try:
        patient = admit(spec, task, recipe, device, load_dtype)
    except LesionError as error:
        return [str(error)]
    return problems(patient, damages)


def problems(
    patient: Patient, damages: Mapping[str, Damage], reach: dict[str, Reach] | None = None
) -> list[str]:
    """What of a loaded model cannot run on its task: in sentences, each with what to do.

    Two examples are scored and, where there is training, trained on without a step. Each lesion
    is opened for its first draw; an order by importance with another order, for its gradients
    take their time and reach the same units.

    Args:
        reach: is given the reach of each lesion of units that can be opened.
    """
    reaches = {} if reach is None else reach
    where = f"{patient.spec.name} on {patient.task.name}"
    sentences = tried(where, lambda: _score(patient))
    # what does not suit the task is reported without a model
    opened = suited(damages, patient.task)
    learns = patient.trained or any(map(needs_gradients, opened.values()))
    if not sentences and learns and isinstance(patient.task, Classification):
        sentences = tried(where, lambda: _learn(patient))
    if not sentences and any(map(lesions_of, opened.values())):
        sentences = tried(patient.spec.name, lambda: anatomy.sites(patient.model))
    if sentences:
        return sentences  # no lesion can be better
    for name in opened:
        place = f"{name} in {patient.spec.name}"
        sentences += [
            line.replace(f"{place}: {name}: ", f"{place}: ", 1)
            for line in tried(place, lambda name=name: _open(patient, name, opened[name], reaches))
        ]
    return sentences


def tried(what: str, act: Any) -> list[str]:
    """Do something; a sentence for the user where it cannot be done.

    Raises:
        MemoryError, torch.OutOfMemoryError, RuntimeError: if memory runs out, which is no mistake
            in the study.
    """
    try:
        act()
    except LesionError as error:
        return [f"{what}: {error}"]
    except Exception as error:
        if out_of_memory(error):
            raise
        first = (str(error).strip().splitlines() or [""])[0]
        return [f"{what}: cannot run ({type(error).__name__}: {first})."]
    return []


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; torch has no error class for the memory of a CPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        message in str(error) for message in CPU_OOM_MESSAGES
    )


def few(task: Task) -> Task:
    """A task with two of its examples; the longest texts, where there is a choice."""
    if not isinstance(task, Classification):
        return replace(task, examples=FEW)  # type: ignore[type-var]
    return task.with_examples(longest(task.evaluated))


def longest(split: Split, examples: int = FEW) -> Split:
    """The examples with the longest texts."""
    sizes = np.array([sum(map(len, texts)) for texts in zip(*split.texts, strict=True)])
    places = np.argsort(-sizes, kind="stable")[:examples]
    texts = tuple(tuple(column[place] for place in places) for column in split.texts)
    return replace(split, texts=texts, labels=split.labels[places])


def lesson(patient: Patient) -> Inputs:
    """The longest training examples as the inputs of one step, labels too.

    Raises:
        LesionError: if there are none, or the model cannot read them.
    """
    task, batcher = classified(patient.task), patient.batcher
    split = longest(task.split("train"))
    inputs = batcher(encode(task, split, patient.tokenizer, patient.model.config).rows)
    labels = torch.from_numpy(head_labels(split.labels, patient.columns))
    return {**inputs, "labels": labels.to(batcher.device)}


def _score(patient: Patient) -> None:
    Scorer(patient.model, patient.tokenizer, few(patient.task), columns=patient.columns)()


@torch.no_grad()
def _learn(patient: Patient) -> None:
    patient.model(**lesson(patient))


def _open(patient: Patient, name: str, damage: Damage, reach: dict[str, Reach]) -> None:
    """Open a lesion for its first draw, note its reach, and leave it."""
    for distraction in distractions([damage]):
        distraction.check_tokenizer(patient.tokenizer)
    lesions = tuple(map(_cheap, lesions_of(damage)))
    if lesions:
        needed = any(lesion.needs for lesion in lesions)
        examples = _examples(patient) if needed else ()
        with Together(lesions).opened(patient.model, 0, examples) as wound:
            reach[name] = wound.reach()


def _cheap(lesion: Lesion) -> Lesion:
    """A lesion of the same units that needs no gradients."""
    ranked = "labels" in lesion.needs
    return replace(lesion, order=Random(), size_matched=False) if ranked else lesion


def _examples(patient: Patient) -> list[Inputs]:
    """Two rows, for effect mean."""
    batcher, config = patient.batcher, patient.model.config
    rows = few(patient.task).encode(patient.tokenizer, config).rows[:FEW]
    return [batcher([row]) for row in rows]

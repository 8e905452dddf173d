"""Every model, task and lesion of a study tried on two examples, before anything takes hours."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from lesion.damage.lesion import Lesion, Together, WithRecovery
from lesion.damage.rows import Inputs
from lesion.distraction.distraction import Distraction
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.finetune import preserve_rng
from lesion.models.inputs import collate, language_id
from lesion.models.load import Checkpoint, load_model, load_tokenizer, resolve
from lesion.models.recipes import Finetuning
from lesion.models.stored import LOADED
from lesion.preparing.head_classes import head_labels
from lesion.preparing.prepared import columns_of, notes_on
from lesion.scoring.scorer import Scorer
from lesion.study.damages import Damage
from lesion.study.needs import needs_gradients, unsuited
from lesion.study.specs import ModelSpec
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification, encode
from lesion.tasks.examples import Split

FEW = 2


@dataclass(frozen=True, eq=False)
class Patient:
    """A model with the head that a task needs: its own, or a new one that is not trained yet.

    Attributes:
        trained: whether the head is to be trained.
        notes: what a person should know of it, in sentences.
    """

    spec: ModelSpec
    task: Task
    checkpoint: Checkpoint
    model: nn.Module
    tokenizer: Any
    trained: bool
    columns: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


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


def problems(patient: Patient, damages: Mapping[str, Damage]) -> list[str]:
    """What of a loaded model cannot run on its task: in sentences, each with what to do.

    Two examples are scored and, where there is training, trained on without a step. Each lesion
    is opened for its first draw; an order by importance with another order, for its gradients
    take their time and reach the same units.
    """
    where = f"{patient.spec.name} on {patient.task.name}"
    found = tried(where, lambda: _score(patient))
    # what does not suit the task is reported without a model
    suited = {name: one for name, one in damages.items() if not unsuited(name, one, patient.task)}
    learns = patient.trained or any(map(needs_gradients, suited.values()))
    if not found and learns and isinstance(patient.task, Classification):
        found = tried(where, lambda: _learn(patient))
    if not found and not all(isinstance(one, Distraction) for one in suited.values()):
        found = tried(patient.spec.name, lambda: anatomy.sites(patient.model))
    if found:
        return found  # no lesion can be better
    for name, damage in suited.items():
        place = f"{name} in {patient.spec.name}"
        found += [
            line.replace(f"{place}: {name}: ", f"{place}: ", 1)
            for line in tried(place, lambda one=damage: _open(patient, one))
        ]
    return found


def tried(what: str, act: Any) -> list[str]:
    """Do something; what a user must know of it, in a sentence, where it cannot be done.

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
    """Whether memory has run out; torch has no class of its own for that of a CPU."""
    said = ("not enough memory", "can't allocate memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in said
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
    task, model = patient.task, patient.model
    assert isinstance(task, Classification), "only such a task trains"
    split, config = longest(task.split("train")), model.config
    rows = encode(task, split, patient.tokenizer, config).rows
    device = next(model.parameters()).device
    inputs = collate(rows, patient.tokenizer, language_id(config, task.language), device)
    labels = torch.from_numpy(head_labels(split.labels, patient.columns))
    return {**inputs, "labels": labels.to(device)}


def _score(patient: Patient) -> None:
    Scorer(patient.model, patient.tokenizer, few(patient.task), columns=patient.columns)()


@torch.no_grad()
def _learn(patient: Patient) -> None:
    patient.model(**lesson(patient))


def _open(patient: Patient, damage: Damage) -> None:
    """Open a lesion for its first draw, and leave it."""
    if isinstance(damage, Distraction):
        damage.check_tokenizer(patient.tokenizer)
        return
    lesion = damage.lesion if isinstance(damage, WithRecovery) else damage
    examples = _examples(patient) if lesion.needs else ()
    with _cheap(lesion).opened(patient.model, 0, examples):
        pass


def _cheap(lesion: Lesion | Together) -> Lesion | Together:
    """A lesion of the same units that needs no gradients."""
    if isinstance(lesion, Together):
        return replace(lesion, lesions=tuple(map(_cheap, lesion.lesions)))  # type: ignore[arg-type]
    if "labels" not in lesion.needs:
        return lesion
    return replace(lesion, order="random", size_matched=False)  # type: ignore[arg-type]


def _examples(patient: Patient) -> list[Inputs]:
    """Two rows, for effect mean."""
    config: Any = patient.model.config
    rows = few(patient.task).encode(patient.tokenizer, config).rows[:FEW]
    language, device = language_id(config, patient.task.language), patient.model.device
    return [collate([row], patient.tokenizer, language, device) for row in rows]  # type: ignore[arg-type]

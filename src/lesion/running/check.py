"""What a study would run, how long and in how much memory: tried and timed before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lesion.errors import LesionError
from lesion.record.cuts import Cuts
from lesion.study.specs import LesionSpec, ModelSpec
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.damage.reach import Reach
    from lesion.preparing.cost import Cost
    from lesion.preparing.rehearsal import Patient
    from lesion.study.damages import Damage
    from lesion.tasks.base import Task


class Needs(NamedTuple):
    """What a model needs for a task.

    Attributes:
        cost: of one trial.
        seconds: of all trials.
        memory: bytes of all workers together while they score.
        training: the same while they fine-tune; 0 where they do not.
        notes: sentences that the user should know.
        cuts: the share of the examples that are cut, for each lesion and dose.
        reach: what each lesion of units can reach of the model.
    """

    cost: "Cost"
    seconds: float
    memory: int
    training: int
    notes: list[str]
    cuts: Cuts
    reach: "Mapping[str, Reach]"


class Row(NamedTuple):
    """A model on a task; `needs` is None if it cannot run."""

    model: str
    task: str
    examples: int
    trials: int
    needs: Needs | None


@dataclass(frozen=True)
class Preview:
    """What a study would run; `lesion.report.preview` words it.

    Attributes:
        rows: every model on every task that can be loaded.
        workers: how many would run.
        available: bytes of memory that are free now.
        notes: sentences about the tasks.
        problems: what cannot run, in sentences.
    """

    study: Study
    rows: list[Row]
    workers: int
    available: int
    notes: list[str]
    problems: tuple[str, ...] = ()

    @property
    def pairs(self) -> int:
        """Models times tasks of the study, those that cannot run included."""
        return len(self.study.models) * len(self.study.tasks)

    @property
    def trials(self) -> int:
        """Trials of one model on one task."""
        return trials_per_pair(self.study)

    @property
    def reaches(self) -> "dict[tuple[str, str], Reach]":
        """(lesion, model) -> reach; that of the first task that the lesion suits."""
        reaches: dict[tuple[str, str], Reach] = {}
        for row in self.rows:
            for lesion, reach in (row.needs.reach if row.needs else {}).items():
                reaches.setdefault((lesion, row.model), reach)
        return reaches

    @property
    def measured(self) -> list[Needs]:
        """The needs of everything that can run."""
        return [row.needs for row in self.rows if row.needs is not None]


def preview(study: Study, data: str | Path | None = None, workers: int | None = None) -> Preview:
    """Resolve all that a study names, try it on two examples, and time a few batches.

    What cannot run is a problem of the preview, and the rest is measured.

    Args:
        workers: as of `lesion.run`.
    """
    from lesion.preparing.machine import available_memory
    from lesion.running.options import PoolOptions, worker_count
    from lesion.scoring.device import single_thread
    from lesion.study.resolve import resolved
    from lesion.study.task_notes import cluster_notes, task_notes

    problems: list[str] = []
    tasks, damages = resolved(study, data, problems)
    count = worker_count(PoolOptions(workers), "cpu")
    trials = trials_per_pair(study)
    rows: list[Row] = []
    for spec, (name, task) in product(study.models, tasks.items()):
        with single_thread("cpu"):
            needs = _measure(study, spec, task, damages, count, problems)
        rows.append(Row(spec.name, name, len(task.targets), trials, needs))
    notes = [*task_notes(tasks), *cluster_notes(study, tasks)]
    return Preview(study, rows, count, available_memory(), notes, tuple(dict.fromkeys(problems)))


def _measure(
    study: Study,
    spec: ModelSpec,
    task: "Task",
    damages: "Mapping[str, Damage]",
    workers: int,
    problems: list[str],
) -> Needs | None:
    """What a model needs for a task; None if something cannot run, which is added to `problems`."""
    from lesion.preparing.rehearsal import admit, tried
    from lesion.preparing.rehearsal import problems as rehearsed

    try:
        patient = admit(spec, task, study.finetune)
    except LesionError as error:
        problems.append(str(error))
        return None
    reach: dict[str, Reach] = {}
    wrong = rehearsed(patient, damages, reach)
    measured: list[Needs] = []
    if not wrong:
        wrong = tried(
            f"{spec.name} on {task.name}",
            lambda: measured.append(_needs(study, patient, damages, workers, reach)),
        )
    problems += wrong
    return measured[0] if measured else None


def _needs(
    study: Study,
    patient: "Patient",
    damages: "Mapping[str, Damage]",
    workers: int,
    reach: "Mapping[str, Reach]",
) -> Needs:
    """Time and memory of a model that can run."""
    from lesion.preparing.cost import TRAINING_PASSES, cut_shares, measure_cost, writable_bytes
    from lesion.running.messages import NoFastForward
    from lesion.study.needs import needs_gradients, suited
    from lesion.study.trials import Patient as Address

    spec, task, recipe = patient.spec, patient.task, study.finetune
    usable = list(suited(damages, task).values())
    learns = patient.trained or any(map(needs_gradients, usable))
    cost = measure_cost(patient, recipe, learns)
    gradients = len(study.seeds) * sum(
        training_examples(study, lesion, damages[lesion.name])
        for lesion in study.lesions
        if lesion.name in damages
    )
    passes = trials_per_pair(study) + TRAINING_PASSES * gradients / len(task.targets)
    written = max(
        (writable_bytes(damage, patient.model, cost.activations) for damage in usable), default=0
    )
    training = 0
    if recipe and patient.trained:
        heads = len(study.seeds) * len(study.models) * len(study.tasks)
        training = cost.training_bytes(min(workers, heads), recipe.batch_size)
    notes = [*patient.notes]
    if cost.fallback_reason:
        notes.append(str(NoFastForward(Address(spec.name, 0, task.name), cost.fallback_reason)))
    shares = cut_shares(spec, task, usable, study, cost.cut)
    memory = cost.total_bytes(workers, written)
    return Needs(cost, cost.seconds * passes, memory, training, notes, shares, reach)


def trials_per_pair(study: Study) -> int:
    """Trials of one model on one task, of all seeds."""
    return len(study.seeds) * (1 + sum(_trials(study, lesion) for lesion in study.lesions))


def _trials(study: Study, lesion: LesionSpec) -> int:
    return len(study.draws_of(lesion)) * len(study.doses_of(lesion))


def training_examples(study: Study, lesion: LesionSpec, damage: "Damage") -> int:
    """How many examples a model takes gradients on, in all: for an order, and after the damage."""
    from lesion.study.needs import EXAMPLES, LABELS, needs

    recipe = lesion.retrained
    examples = len(study.draws_of(lesion)) * EXAMPLES if LABELS in needs(damage) else 0
    if recipe is not None:
        examples += _trials(study, lesion) * recipe.steps * (recipe.batch_size or 0)
    return examples

"""What a study would run, about how long and in how much memory, before anything runs."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lesion import cuts
from lesion.errors import LesionError
from lesion.progress import duration
from lesion.specs import LesionSpec, ModelSpec
from lesion.study import Study

if TYPE_CHECKING:
    from lesion.damage.lesion import Damage
    from lesion.engine.estimate import Cost
    from lesion.tasks.base import Task


HEADINGS = ("model", "task", "examples", "cut", "trials", "seconds a trial", "total", "memory")


class Plan(NamedTuple):
    """What `lesion check` prints.

    Attributes:
        rows: as `HEADINGS`.
        lines: sentences below the table.
    """

    rows: list[tuple[str, ...]]
    lines: list[str]


def plan(study: Study, data: str | Path | None = None, workers: int | None = None) -> Plan:
    """Resolve everything a study names; time a few batches of every model on every task.

    Args:
        workers: as of `lesion.run`.

    Raises:
        LesionError: if a task or its data cannot be had. A model that cannot be had is a line:
            the rest of the plan is still worth reading.
    """
    from lesion.api import load_tasks
    from lesion.damage.lesion import build
    from lesion.engine.estimate import TRAINING, cut_shares
    from lesion.engine.hiring import Hiring, wanted
    from lesion.engine.work import Patient, Slow
    from lesion.tasks.notes import task_notes

    tasks = load_tasks(study, data)
    lesions = [build(lesion, study.seed) for lesion in study.lesions]
    each = sum(len(study.draws_of(one)) * len(study.doses_of(one)) for one in study.lesions)
    trials, hands = len(study.seeds) * (1 + each), wanted(Hiring(workers), "cpu")
    trained = len(study.seeds) * sum(training_examples(study, one) for one in study.lesions)
    rows: list[tuple[str, ...]] = []
    lines = [*study.notes(), *task_notes(tasks)]
    total, training, most = 0.0, 0.0, 0
    shares: dict[cuts.Text, cuts.Shares] = {}
    for spec, (name, task) in product(study.models, tasks.items()):
        row = (spec.name, name, str(len(task.labels)))
        try:
            found, memory, notes = _needs(study, spec, task, lesions, hands)
            shares |= cut_shares(spec, task, lesions, study, found.cut)
        except LesionError as error:
            rows.append((*row, "?", str(trials), "?", "?", "?"))
            lines.append(str(error))
            continue
        lines += notes
        if found.slow:
            lines.append(str(Slow(Patient(spec.name, 0, name), found.slow)))
        seconds = found.seconds * (trials + TRAINING * trained / len(task.labels))
        cost = (f"{found.seconds:.2f}", duration(seconds), _gigabytes(memory))
        rows.append((*row, f"{found.cut:.1%}", str(trials), *cost))
        total, most = total + seconds, max(most, memory)
        training += found.training * len(study.seeds)
    lines += cuts.sentences(shares, {one.name: one.max_length for one in study.tasks}).values()
    count = trials * len(study.models) * len(tasks)
    lines.append(f"{study.name}: {count} trials, {_about(total, hands)}, {_gigabytes(most)}.")
    if study.finetune:
        heads = len(study.seeds) * len(study.models) * len(tasks)
        lines.append(
            f"Before that, {heads} models are fine-tuned, unless they are in the cache: "
            f"{_about(training, hands)}."
        )
    return Plan(rows, [*dict.fromkeys(lines), *_warning(most, hands)])


def _needs(
    study: Study, spec: ModelSpec, task: "Task", lesions: "Sequence[Damage]", workers: int
) -> "tuple[Cost, int, list[str]]":
    """What a trial costs, the bytes that the workers take together, and what else to know."""
    from lesion.engine.bench import notes_on
    from lesion.engine.estimate import cost, damaged
    from lesion.engine.threads import one_thread

    notes: list[str] = []
    with one_thread("cpu"):
        found, model = cost(spec, task, study.finetune)
    if not (study.finetune and task.head == "classification"):  # it keeps its own head
        notes = notes_on(spec, model, task)
    return found, found.machine(workers, max(damaged(one, model) for one in lesions)), notes


def _about(seconds: float, workers: int) -> str:
    if workers == 1:
        return f"about {duration(seconds)} on one thread here"
    return f"about {duration(seconds / workers)} with {workers} workers here"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _warning(memory: int, workers: int) -> list[str]:
    """What to do where a run would not fit."""
    from lesion.engine.estimate import free

    there = free()
    if there is None or memory < there:
        return []
    advice = " Take fewer workers: --workers." if workers > 1 else ""
    return [f"That is more than the {_gigabytes(there)} that are free here.{advice}"]


def training_examples(study: Study, lesion: LesionSpec) -> int:
    """How many examples a model reads, in all, while it is trained after this damage."""
    recipe = lesion.retrained
    if recipe is None:
        return 0
    trials = len(study.draws_of(lesion)) * len(study.doses_of(lesion))
    return trials * recipe.steps * (recipe.batch_size or 0)

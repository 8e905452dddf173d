"""What a study would run, and about how long, before anything runs."""

from pathlib import Path
from typing import NamedTuple

from lesion.errors import LesionError
from lesion.progress import duration
from lesion.specs import LesionSpec
from lesion.study import Study

BACKWARD = 3  # a step of training costs about three forward passes of its examples


class Plan(NamedTuple):
    """What `lesion check` prints.

    Attributes:
        rows: model, task, examples, trials, seconds a trial, total.
        lines: sentences below the table.
    """

    rows: list[tuple[str, ...]]
    lines: list[str]


def plan(study: Study, data: str | Path | None = None) -> Plan:
    """Resolve everything a study names; time a few batches of every model on every task.

    Raises:
        LesionError: if a task or its data cannot be had. A model that cannot be had is a line:
            the rest of the plan is still worth reading.
    """
    from lesion.api import load_tasks
    from lesion.damage.lesion import build
    from lesion.engine.estimate import cost
    from lesion.engine.threads import one_thread

    tasks = load_tasks(study, data)
    for lesion in study.lesions:
        build(lesion, study.seed)
    each = sum(len(study.draws_of(one)) * len(study.doses_of(one)) for one in study.lesions)
    trials = len(study.seeds) * (1 + each)
    trained = len(study.seeds) * sum(training_examples(study, one) for one in study.lesions)
    rows: list[tuple[str, ...]] = []
    lines, total = [*study.notes()], 0.0
    for spec in study.models:
        for name, task in tasks.items():
            row = (spec.name, name, str(len(task.labels)), str(trials))
            try:
                with one_thread("cpu"):
                    seconds = cost(spec, task).seconds
            except LesionError as error:
                rows.append((*row, "?", "?"))
                lines.append(str(error))
                continue
            whole = seconds * (trials + BACKWARD * trained / len(task.labels))
            total += whole
            rows.append((*row, f"{seconds:.2f}", duration(whole)))
    count = trials * len(study.models) * len(tasks)
    lines.append(f"{study.name}: {count} trials, about {duration(total)} on one thread here.")
    if study.finetune:
        heads = len(study.seeds) * len(study.models) * len(tasks)
        lines.append(f"Before that, {heads} models are fine-tuned, unless they are in the cache.")
    return Plan(rows, list(dict.fromkeys(lines)))


def training_examples(study: Study, lesion: LesionSpec) -> int:
    """How many examples a model reads, in all, while it is trained after this damage."""
    recipe = lesion.retrained
    if recipe is None:
        return 0
    trials = len(study.draws_of(lesion)) * len(study.doses_of(lesion))
    return trials * recipe.steps * (recipe.batch_size or 0)

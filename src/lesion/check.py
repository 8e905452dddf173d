"""What a study would run, and about how long, before anything runs."""

from pathlib import Path
from typing import NamedTuple

from lesion.errors import LesionError
from lesion.progress import duration
from lesion.study import Study


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
            total += seconds * trials
            rows.append((*row, f"{seconds:.2f}", duration(seconds * trials)))
    count = trials * len(study.models) * len(tasks)
    lines.append(f"{study.name}: {count} trials, about {duration(total)} on one thread here.")
    if study.finetune:
        heads = len(study.seeds) * len(study.models) * len(tasks)
        lines.append(f"Before that, {heads} models are fine-tuned, unless they are in the cache.")
    return Plan(rows, list(dict.fromkeys(lines)))

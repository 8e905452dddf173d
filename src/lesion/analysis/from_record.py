"""What a record holds, as the arrays that the analysis takes."""

from itertools import product

import numpy as np

from lesion.analysis.responses import Responses
from lesion.record import Record
from lesion.specs import LesionSpec, ModelSpec
from lesion.study import INTACT, Trial


def responses(record: Record) -> list[Responses]:
    """One element per model, task and lesion that has a finished draw.

    A draw counts when all its doses are there; of an unfinished run, the seeds and draws are kept
    that make the largest complete table.
    """
    study, done = record.study, record.done()
    found = []
    for model, task, lesion in product(study.models, study.tasks, study.lesions):
        seeds, draws = _complete(record, model, task.name, lesion, done)
        if draws:
            found.append(_table(record, model, task.name, lesion, seeds, draws))
    return found


def _complete(
    record: Record, model: ModelSpec, task: str, lesion: LesionSpec, done: set[Trial]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    study = record.study

    def finished(seed: int, draw: int) -> bool:
        return all(
            Trial(model.name, seed, task, lesion.name, dose, draw) in done
            for dose in study.doses_of(lesion)
        )

    draws_of = {
        seed: {draw for draw in study.draws_of(lesion) if finished(seed, draw)}
        for seed in study.seeds
        if Trial(model.name, seed, task, INTACT, 0.0, 0) in done
    }
    ranked = sorted(draws_of, key=lambda seed: (-len(draws_of[seed]), seed))
    best: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    for count in range(1, len(ranked) + 1):
        common = set.intersection(*(draws_of[seed] for seed in ranked[:count]))
        if count * len(common) > len(best[0]) * len(best[1]):
            best = tuple(sorted(ranked[:count])), tuple(sorted(common))
    return best


def _table(
    record: Record,
    model: ModelSpec,
    task: str,
    lesion: LesionSpec,
    seeds: tuple[int, ...],
    draws: tuple[int, ...],
) -> Responses:
    about = record.task(task)
    assert about is not None, "a task is recorded before its first trial"
    doses = (0.0, *record.study.doses_of(lesion))
    first = record.outputs(Trial(model.name, seeds[0], task, INTACT, 0.0, 0))
    outputs = np.empty((len(seeds), len(draws), len(doses), *first.shape), np.float32)
    for s, seed in enumerate(seeds):
        outputs[s, :, 0] = record.outputs(Trial(model.name, seed, task, INTACT, 0.0, 0))
        for (d, draw), (t, dose) in product(enumerate(draws), enumerate(doses[1:], start=1)):
            trial = Trial(model.name, seed, task, lesion.name, dose, draw)
            outputs[s, d, t] = record.outputs(trial)
    return Responses(
        model=model.name,
        group=model.group,
        task=task,
        lesion=lesion.name,
        doses=np.array(doses),
        outputs=outputs,
        seeds=seeds,
        draws=draws,
        **about,
    )

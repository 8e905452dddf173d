"""A record as the arrays that the analysis takes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from lesion.analysis.responses import Responses
from lesion.errors import LesionError
from lesion.record.groups import Groups, groups
from lesion.record.record import Record
from lesion.schema import did_you_mean
from lesion.study.comparison import Draws, own_metrics
from lesion.study.specs import LesionSpec, ModelSpec
from lesion.study.study import Study
from lesion.study.trials import INTACT, Trial
from lesion.tasks.metrics import Metric, word_of


class Shown(NamedTuple):
    """The metrics of an analysis beside those of the task: the main one, and a user's own."""

    lead: str | Metric | None = None
    own: tuple[Metric, ...] = ()


def load_responses(
    record: Record,
    study: Study | None = None,
    note: Callable[[str], None] = lambda sentence: None,
) -> list[Responses]:
    """One element per model, task and lesion that has a finished draw.

    A draw counts if all its doses are finished. Of an unfinished run, the seeds and draws are taken
    that make the largest complete table. If draws and doses are added as needed, the doses are
    those that most draws have; if examples are, they are the first ones, which all trials of the
    table have. The study's metric of comparison comes first.

    Args:
        study: the run's, where it compares or shows metrics that were made in Python, or resamples
            examples by other columns.
        note: called with a sentence for each column of a task that is not at hand.
    """
    study, done = study or record.study, record.done()
    shown = Shown(study.compare.metric, own_metrics(study.compare, study.figures))
    tables = []
    grouped: dict[str, Groups] = {}
    for model, task, lesion in product(study.models, study.tasks, study.lesions):
        doses = study.doses_of(lesion)
        if isinstance(study.draws, Draws):
            doses = _shared(record, model, task.name, lesion, done)
        seeds, draws = _complete(record, model, task.name, lesion, doses, done)
        if draws:
            if task.name not in grouped:
                grouped[task.name] = groups(record, task, note)
            of_task = (model, task.name, lesion, seeds, draws, doses, shown, grouped[task.name])
            tables.append(response_table(record, *of_task))
    return _of_equal_length(tables)


def _of_equal_length(tables: Sequence[Responses]) -> list[Responses]:
    """Models that are compared have the same examples: where a run goes on, some have more."""
    fewest: dict[tuple[str, str], int] = {}
    for table in tables:
        key, examples = (table.task, table.lesion), len(table.labels)
        fewest[key] = min(fewest.get(key, examples), examples)
    lengths = [fewest[table.task, table.lesion] for table in tables]
    return [
        table if length == len(table.labels) else table.first(length)
        for table, length in zip(tables, lengths, strict=True)
    ]


def _shared(
    record: Record, model: ModelSpec, task: str, lesion: LesionSpec, done: set[Trial]
) -> tuple[float, ...]:
    """The doses of the largest table of draws 0, 1, ... of every seed.

    Where seeds are added as needed, of seeds 0, 1, ...
    """
    study = record.study
    least = study.growing_seeds.start if study.growing_seeds else len(study.seeds)
    best: tuple[int, tuple[float, ...]] = (0, ())
    for count in range(least, len(study.seeds) + 1):
        depth = Counter[float]()
        for dose in study.doses_of(lesion):
            for draw in study.draws_of(lesion):
                wanted = {
                    Trial(model.name, seed, task, lesion.name, dose, draw)
                    for seed in study.seeds[:count]
                }
                if not wanted <= done:
                    break
                depth[dose] += 1
        best = max(best, _largest(count, depth), key=lambda table: table[0])
    return best[1]


def _largest(seeds: int, depth: Mapping[float, int]) -> tuple[int, tuple[float, ...]]:
    """Trials and doses of the largest table, from the number of draws that each dose has."""
    sizes = {n: n * sum(d >= n for d in depth.values()) for n in set(depth.values())}
    best = max(sizes, key=lambda n: (sizes[n], n), default=1)
    doses = tuple(dose for dose, draws in depth.items() if draws >= best)
    return seeds * best * len(doses), doses


def _complete(
    record: Record,
    model: ModelSpec,
    task: str,
    lesion: LesionSpec,
    doses: Sequence[float],
    done: set[Trial],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    study = record.study

    def finished(seed: int, draw: int) -> bool:
        return bool(doses) and all(
            Trial(model.name, seed, task, lesion.name, dose, draw) in done for dose in doses
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


def response_table(
    record: Record,
    model: ModelSpec,
    task: str,
    lesion: LesionSpec,
    seeds: Sequence[int],
    draws: Sequence[int],
    doses: Sequence[float],
    shown: Shown | None = None,
    together: Groups | None = None,
    examples: int | None = None,
) -> Responses:
    """Finished trials of one model, task and lesion, at doses above 0.

    Args:
        together: which examples of the task belong together; default: as the record has it.
        examples: the first so many; None: those that all these trials have.
    """
    shown = shown or Shown(record.study.compare.metric)
    if together is None:
        spec = next(spec for spec in record.study.tasks if spec.name == task)
        together = groups(record, spec)
    about = record.task(task)
    assert about is not None, "a task is recorded before its first trial"
    about["metrics"] = _main_first(shown.lead, [*about["metrics"], *map(word_of, shown.own)])
    doses = (0.0, *doses)
    first = record.outputs(Trial(model.name, seeds[0], task, INTACT, 0.0, 0))
    common = len(first) if examples is None else examples
    outputs = np.empty((len(seeds), len(draws), len(doses), *first[:common].shape), np.float32)

    def put(place: tuple[Any, ...], trial: Trial) -> None:
        nonlocal common
        scored = record.outputs(trial)[:common]
        common = min(common, len(scored))
        outputs[place][..., : len(scored), :] = scored

    for s, seed in enumerate(seeds):
        put((s, slice(None), 0), Trial(model.name, seed, task, INTACT, 0.0, 0))
        for (d, draw), (t, dose) in product(enumerate(draws), enumerate(doses[1:], start=1)):
            put((s, d, t), Trial(model.name, seed, task, lesion.name, dose, draw))
    table = Responses(
        model=model.name,
        group=model.group,
        task=task,
        lesion=lesion.name,
        doses=np.array(doses),
        outputs=outputs,
        seeds=tuple(seeds),
        draws=tuple(draws),
        random=lesion.random,
        dose_scale=record.study.dose_scale_of(lesion),
        own_metrics=shown.own,
        **together._asdict(),
        damage_done=_damage_done(record, model.name, task, lesion.name, (seeds, draws, doses)),
        reach=record.reach().get((model.name, task, lesion.name)),
        **about,
    )
    return table if common == len(table.labels) else table.first(common)


def _damage_done(
    record: Record,
    model: str,
    task: str,
    lesion: str,
    trials: tuple[Sequence[int], Sequence[int], Sequence[float]],
) -> np.ndarray:
    """The mean over seeds and draws at each dose; the first is the intact model."""
    seeds, draws, doses = trials
    norms = record.damage_done(model, task, lesion)
    each = [
        [norms.get(Trial(model, seed, task, lesion, dose, draw), np.nan) for dose in doses[1:]]
        for seed, draw in product(seeds, draws)
    ]
    return np.concatenate(([0.0], np.mean(each, 0)))


def _main_first(lead: str | Metric | None, metrics: Sequence[str]) -> tuple[str, ...]:
    """The metrics of a task, the study's metric of comparison first."""
    if lead is None:
        return tuple(metrics)
    metric = word_of(lead)
    if metric not in metrics:
        raise LesionError(
            f"compare.metric: must be one of {', '.join(metrics)}. Got {metric!r}."
            f"{did_you_mean(metric, metrics)}"
        )
    return (metric, *(name for name in metrics if name != metric))

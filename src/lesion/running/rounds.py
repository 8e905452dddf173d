"""Which trials are missing: all at once, or in rounds where more is added as needed.

Every round is a function of the trials of the rounds before it (`lesion.analysis.adaptive`). A run
that is resumed goes through the rounds from the first: what is in the record is not run twice, and
the next round depends neither on where the run was interrupted nor on the number of workers. Where
examples are added, a round uses the examples that it asked for, also if the record has more.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.from_record import response_table
from lesion.analysis.growth import PASSES
from lesion.record.record import Record
from lesion.schema import Growing
from lesion.study.comparison import Draws
from lesion.study.specs import LesionSpec
from lesion.study.study import Study
from lesion.study.trials import INTACT, Part, Trial

Grids = Mapping[tuple[str, str], TrialGrid]  # (task, lesion) -> its grid


class Round(NamedTuple):
    """Trials that are missing.

    Attributes:
        trials: in the order in which they run.
        parts: the examples that each lacks, of tasks whose examples are added as needed.
    """

    trials: list[Trial]
    parts: dict[Trial, Part]


def adaptive(study: Study) -> bool:
    """Whether draws and doses are added as needed."""
    return isinstance(study.draws, Draws)


def rounds(study: Study, record: Record) -> Iterator[Round]:
    """The missing trials, one round after the other; each must be in the record before the next.

    A round may be empty. A study whose draws are fixed has a single round.
    """
    if not adaptive(study):
        done = record.done()
        yield Round([trial for trial in study.trials() if trial not in done], {})
        return
    yield from _planned(study, record)


def missing(study: Study, record: Record) -> list[Trial]:
    """The trials of the first round that is not in the record; none: the run is finished."""
    return next((each.trials for each in rounds(study, record) if each.trials), [])


def progress(study: Study, record: Record) -> tuple[int, int]:
    """Finished trials, and trials of the study (those that are known to be needed).

    A trial that lacks examples is not finished.
    """
    done = record.done()
    if adaptive(study):
        lacking = set(missing(study, record))
        return len(done - lacking), len(done | lacking)
    wanted = set(study.trials())
    return len(wanted & done), len(wanted)


def aim_of(
    study: Study,
    lesion: LesionSpec,
    examples: Growing | None = None,
    training: int = 0,
) -> Target:
    """The target of a lesion of a study; a lesion that is not random has one draw.

    Args:
        examples: how many a task has; None: they are not added.
        training: on how many examples the heads of the task are trained.
    """
    rule = study.draws
    assert isinstance(rule, Draws), "only such a study has rounds"
    draws = len(study.draws_of(lesion))
    epochs = study.finetune.epochs if study.finetune else 0
    return Target(
        (0.0, *study.doses_of(lesion)),
        min(rule.start, draws),
        draws,
        rule.until,
        study.dose_scale_of(lesion),
        examples,
        study.growing_seeds,
        PASSES * epochs * training,
    )


def _planned(study: Study, record: Record) -> Iterator[Round]:
    """A round holds the grids of all tasks and lesions that are not done, in the study's order."""
    grids: Grids = {
        (task.name, lesion.name): first_grid(_aim(study, record, task.name, lesion))
        for task in study.tasks
        for lesion in study.lesions
    }
    while grids:
        yield _round(study, record, grids)
        following = {key: _next(study, record, *key, grid) for key, grid in grids.items()}
        grids = {key: grid for key, grid in following.items() if grid is not None}


def _round(study: Study, record: Record, grids: Grids) -> Round:
    """The trials of some grids that are not done, or lack examples."""
    scored = record.scored()
    trials, parts = list[Trial](), dict[Trial, Part]()
    for trial in study.trials():
        asking = [grid for grid in _grids_of(trial, grids) if _belongs(study, trial, grid)]
        if not asking:
            continue
        examples = max(grid.examples or 0 for grid in asking)
        if trial in scored and scored[trial] >= examples:
            continue
        trials.append(trial)
        if examples:
            parts[trial] = Part(scored.get(trial, 0), examples)
    return Round(trials, parts)


def _grids_of(trial: Trial, grids: Grids) -> list[TrialGrid]:
    """The grids that may ask for a trial: of its task and lesion; of its task, if it is intact."""
    if trial.lesion == INTACT:
        return [grid for (task, _), grid in grids.items() if task == trial.task]
    grid = grids.get((trial.task, trial.lesion))
    return [] if grid is None else [grid]


def _belongs(study: Study, trial: Trial, grid: TrialGrid) -> bool:
    """Whether a trial of its task and lesion is one of a grid."""
    if grid.seeds is not None and trial.seed not in study.seeds[: grid.seeds]:
        return False
    return trial.lesion == INTACT or (trial.draw < grid.draws and trial.dose in grid.doses)


def _aim(study: Study, record: Record, task: str, lesion: LesionSpec) -> Target:
    """The target of a task and a lesion. There may be fewer examples than the study allows."""
    spec = next(spec for spec in study.tasks if spec.name == task)
    examples, about = spec.growing, record.task(task)
    if examples is not None and about is not None:
        examples = Growing(examples.start, min(examples.most, len(about["labels"])))
    training = record.training(task) if study.growing_seeds else 0
    return aim_of(study, lesion, examples, training)


def _next(
    study: Study, record: Record, task: str, lesion: str, grid: TrialGrid
) -> TrialGrid | None:
    spec = next(spec for spec in study.lesions if spec.name == lesion)
    seeds, draws = study.seeds[: grid.seeds], range(grid.draws)
    responses = [
        response_table(
            record, model, task, spec, seeds, draws, grid.doses[1:], examples=grid.examples
        )
        for model in study.models
    ]
    target = _aim(study, record, task, spec)
    return next_grid(grid, responses, target, study.compare.between, study.seed)

"""Which trials are missing: all at once, or in rounds where draws and doses are added as needed.

Every round is a function of the trials of the rounds before it (`lesion.analysis.adaptive`). A run
that is resumed goes through the rounds from the first: what is in the record is not run twice, and
the next round depends neither on where the run was interrupted nor on the number of workers.
"""

from collections.abc import Iterator

from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.from_record import response_table
from lesion.record.record import Record
from lesion.study.comparison import Draws
from lesion.study.specs import LesionSpec
from lesion.study.study import Study
from lesion.study.trials import INTACT, Trial


def adaptive(study: Study) -> bool:
    """Whether draws and doses are added as needed."""
    return isinstance(study.draws, Draws)


def rounds(study: Study, record: Record) -> Iterator[list[Trial]]:
    """The missing trials, one round after the other; each must be in the record before the next.

    A round may be empty. A study whose draws are fixed has a single round.
    """
    if not adaptive(study):
        yield _pending(study, record)
        return
    yield from _planned(study, record)


def missing(study: Study, record: Record) -> list[Trial]:
    """The trials of the first round that is not in the record; none: the run is finished."""
    return next(filter(None, rounds(study, record)), [])


def progress(study: Study, record: Record) -> tuple[int, int]:
    """Finished trials, and trials of the study (those that are known to be needed)."""
    done = record.done()
    if adaptive(study):
        return len(done), len(done) + len(missing(study, record))
    wanted = set(study.trials())
    return len(wanted & done), len(wanted)


def aim_of(study: Study, lesion: LesionSpec) -> Target:
    """The target of a lesion of a study; a lesion that is not random has one draw."""
    rule = study.draws
    assert isinstance(rule, Draws), "only such a study has rounds"
    draws = len(study.draws_of(lesion))
    doses, scale = (0.0, *study.doses_of(lesion)), study.dose_scale_of(lesion)
    return Target(doses, min(rule.start, draws), draws, rule.until, scale)


def _planned(study: Study, record: Record) -> Iterator[list[Trial]]:
    """A round holds the grids of all tasks and lesions that are not done, in the study's order."""
    grids = {
        (task.name, lesion.name): first_grid(aim_of(study, lesion))
        for task in study.tasks
        for lesion in study.lesions
    }
    while grids:
        yield [trial for trial in _pending(study, record) if _belongs(trial, grids)]
        following = {key: _next(study, record, *key, grid) for key, grid in grids.items()}
        grids = {key: grid for key, grid in following.items() if grid is not None}


def _belongs(trial: Trial, grids: dict[tuple[str, str], TrialGrid]) -> bool:
    if trial.lesion == INTACT:
        return any(task == trial.task for task, _ in grids)
    grid = grids.get((trial.task, trial.lesion))
    return grid is not None and trial.draw < grid.draws and trial.dose in grid.doses


def _next(
    study: Study, record: Record, task: str, lesion: str, grid: TrialGrid
) -> TrialGrid | None:
    spec = next(spec for spec in study.lesions if spec.name == lesion)
    responses = [
        response_table(record, model, task, spec, study.seeds, range(grid.draws), grid.doses[1:])
        for model in study.models
    ]
    return next_grid(grid, responses, aim_of(study, spec), study.compare.between, study.seed)


def _pending(study: Study, record: Record) -> list[Trial]:
    """The trials of a study that are not done, in the order in which they run."""
    done = record.done()
    return [trial for trial in study.trials() if trial not in done]

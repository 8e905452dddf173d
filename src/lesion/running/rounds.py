"""Rounds of trials for a study whose draws and doses are added as needed.

Every round is a function of the trials of the rounds before it (`lesion.analysis.adaptive`). The
rounds are gone through from the first whenever a run is taken up again: what is in the record is
not run twice, and what is asked for next does not depend on where the run was interrupted, nor on
how many workers there were.
"""

from collections.abc import Callable, Iterator
from typing import Any

from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.from_record import response_table
from lesion.record.record import Record
from lesion.study.comparison import Draws
from lesion.study.specs import LesionSpec
from lesion.study.study import Study
from lesion.study.trials import INTACT, Trial

Rounds = Callable[[Study, Any], Iterator[Any]]


def adaptive(study: Study) -> bool:
    """Whether draws and doses are added as needed."""
    return isinstance(study.draws, Draws)


def rounds(study: Study, once: Rounds) -> Rounds:
    """The rounds that a study asks for: those of this file, or one."""
    return planned if adaptive(study) else once


def planned(study: Study, record: Record) -> Iterator[list[Trial]]:
    """The missing trials of one plan after the other; each must be in the record before the next.

    A round holds the plans of all tasks and lesions that are not done, in the order of the study.
    """
    open_plans = {
        (task.name, lesion.name): first_grid(aim_of(study, lesion))
        for task in study.tasks
        for lesion in study.lesions
    }
    while open_plans:
        yield [t for t in pending(study, record.done()) if _asked(t, open_plans)]
        found = {key: _next(study, record, *key, plan) for key, plan in open_plans.items()}
        open_plans = {key: plan for key, plan in found.items() if plan is not None}


def missing(study: Study, record: Record) -> list[Trial]:
    """The trials of the first round that is not in the record; none: the run is finished."""
    for trials in planned(study, record):
        if trials:
            return trials
    return []


def aim_of(study: Study, lesion: LesionSpec) -> Target:
    """What a study asks of one of its lesions; without chance in it, draws are one."""
    rule = study.draws
    assert isinstance(rule, Draws), "only such a study has rounds"
    draws = len(study.draws_of(lesion))
    return Target((0.0, *study.doses_of(lesion)), min(rule.start, draws), draws, rule.until)


def _asked(trial: Trial, plans: dict[tuple[str, str], TrialGrid]) -> bool:
    if trial.lesion == INTACT:
        return any(task == trial.task for task, _ in plans)
    plan = plans.get((trial.task, trial.lesion))
    return plan is not None and trial.draw < plan.draws and trial.dose in plan.doses


def _next(
    study: Study, record: Record, task: str, lesion: str, plan: TrialGrid
) -> TrialGrid | None:
    spec = next(one for one in study.lesions if one.name == lesion)
    found = [
        response_table(record, model, task, spec, study.seeds, range(plan.draws), plan.doses[1:])
        for model in study.models
    ]
    return next_grid(plan, found, aim_of(study, spec), study.compare.between, study.seed)


def pending(study: Study, done: set[Trial]) -> Iterator[Trial]:
    """The trials of a study that are not done, in the order in which they run."""
    return (trial for trial in study.trials() if trial not in done)

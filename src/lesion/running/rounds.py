"""Which trials are missing: all at once, or in rounds where draws and doses are added as needed.

Every round is a function of the trials of the rounds before it (`lesion.analysis.plan`). A run that
is resumed goes through the rounds from the first: what is in the record is not run twice, and the
next round depends neither on where the run was interrupted nor on the number of workers.
"""

from collections.abc import Iterator

from lesion.analysis.from_record import table
from lesion.analysis.plan import Aim, Plan, first_plan, next_plan
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


def aim_of(study: Study, lesion: LesionSpec) -> Aim:
    """The target of a lesion of a study; a lesion that is not random has one draw."""
    rule = study.draws
    assert isinstance(rule, Draws), "only such a study has rounds"
    draws = len(study.draws_of(lesion))
    return Aim((0.0, *study.doses_of(lesion)), min(rule.start, draws), draws, rule.until)


def _planned(study: Study, record: Record) -> Iterator[list[Trial]]:
    """A round holds the plans of all tasks and lesions that are not done, in the study's order."""
    plans = {
        (task.name, lesion.name): first_plan(aim_of(study, lesion))
        for task in study.tasks
        for lesion in study.lesions
    }
    while plans:
        yield [trial for trial in _pending(study, record) if _belongs(trial, plans)]
        following = {key: _next(study, record, *key, plan) for key, plan in plans.items()}
        plans = {key: plan for key, plan in following.items() if plan is not None}


def _belongs(trial: Trial, plans: dict[tuple[str, str], Plan]) -> bool:
    if trial.lesion == INTACT:
        return any(task == trial.task for task, _ in plans)
    plan = plans.get((trial.task, trial.lesion))
    return plan is not None and trial.draw < plan.draws and trial.dose in plan.doses


def _next(study: Study, record: Record, task: str, lesion: str, plan: Plan) -> Plan | None:
    spec = next(spec for spec in study.lesions if spec.name == lesion)
    responses = [
        table(record, model, task, spec, study.seeds, range(plan.draws), plan.doses[1:])
        for model in study.models
    ]
    return next_plan(plan, responses, aim_of(study, spec), study.compare.between, study.seed)


def _pending(study: Study, record: Record) -> list[Trial]:
    """The trials of a study that are not done, in the order in which they run."""
    done = record.done()
    return [trial for trial in study.trials() if trial not in done]

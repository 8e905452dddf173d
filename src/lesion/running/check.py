"""What a study would run, about how long and in how much memory, before anything runs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lesion.errors import LesionError
from lesion.record import cuts
from lesion.report.numbers import duration
from lesion.study.specs import LesionSpec, ModelSpec
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.preparing.cost import Cost
    from lesion.preparing.rehearsal import Patient
    from lesion.study.damages import Damage
    from lesion.tasks.base import Task


HEADINGS = ("model", "task", "examples", "cut", "trials", "seconds a trial", "total", "memory")
UNKNOWN = "unknown"
NOTHING = "time and memory unknown"


class Plan(NamedTuple):
    """What `lesion check` prints.

    Attributes:
        rows: as `HEADINGS`.
        lines: sentences below the table.
        problems: what cannot run, in sentences.
    """

    rows: list[tuple[str, ...]]
    lines: list[str]
    problems: tuple[str, ...] = ()


class Needs(NamedTuple):
    """What a model needs for a task.

    Attributes:
        cost: of one trial.
        seconds: of all trials.
        memory: bytes of all workers together while they score.
        training: the same while they fine-tune; 0 where they do not.
        notes: what else to know.
        cuts: the share of the examples that are cut, for each lesion and dose.
    """

    cost: "Cost"
    seconds: float
    memory: int
    training: int
    notes: list[str]
    cuts: cuts.Cuts


def plan(study: Study, data: str | Path | None = None, workers: int | None = None) -> Plan:
    """Resolve all that a study names, try it on two examples, and time a few batches.

    What cannot run is a problem of the plan; the rest of it is still worth reading.

    Args:
        workers: as of `lesion.run`.
    """
    from lesion.running.backends import Hiring, wanted
    from lesion.scoring.device import single_thread
    from lesion.study.resolve import resolved
    from lesion.study.task_notes import task_notes

    problems: list[str] = []
    tasks, lesions = resolved(study, data, problems)
    hands = wanted(Hiring(workers), "cpu")
    trials = len(study.seeds) * (1 + sum(_trials(study, one) for one in study.lesions))
    rows: list[tuple[str, ...]] = []
    found: list[Needs] = []
    for spec, (name, task) in product(study.models, tasks.items()):
        with single_thread("cpu"):
            needs = _needs(study, spec, task, lesions, hands, problems)
        shown = [str(trials), *[UNKNOWN] * 3] if needs is None else _shown(needs, trials)
        cut = UNKNOWN if needs is None else f"{needs.cost.cut:.1%}"
        rows.append((spec.name, name, str(len(task.targets)), cut, *shown))
        found += [needs] if needs else []
    lines = [*study.notes(), *task_notes(tasks), *(note for one in found for note in one.notes)]
    shares = {text: doses for one in found for text, doses in one.cuts.items()}
    lines += cuts.sentences(shares, {one.name: one.max_length for one in study.tasks}).values()
    pairs = len(study.models) * len(study.tasks)
    lines += _totals(study, found, trials, pairs, hands)
    return Plan(rows, list(dict.fromkeys(lines)), tuple(dict.fromkeys(problems)))


def _needs(
    study: Study,
    spec: ModelSpec,
    task: "Task",
    lesions: "Mapping[str, Damage]",
    workers: int,
    problems: list[str],
) -> Needs | None:
    """What a model needs for a task; None if something cannot run, which goes to the problems."""
    from lesion.preparing.rehearsal import admit, tried
    from lesion.preparing.rehearsal import problems as found_in

    try:
        patient = admit(spec, task, study.finetune)
    except LesionError as error:
        problems.append(str(error))
        return None
    wrong = found_in(patient, lesions)
    measured: list[Needs] = []
    if not wrong:
        wrong = tried(
            f"{spec.name} on {task.name}",
            lambda: measured.append(_measured(study, patient, lesions, workers)),
        )
    problems += wrong
    return measured[0] if measured else None


def _measured(
    study: Study, patient: "Patient", lesions: "Mapping[str, Damage]", workers: int
) -> Needs:
    """Time and memory of a model that can run."""
    from lesion.preparing.cost import TRAINING, cost, cut_shares, damaged
    from lesion.running.messages import Slow
    from lesion.study.needs import needs_gradients, unsuited
    from lesion.study.trials import Patient as Address

    spec, task, recipe = patient.spec, patient.task, study.finetune
    suited = [one for name, one in lesions.items() if not unsuited(name, one, task)]
    learns = patient.trained or any(needs_gradients(one) for one in suited)
    found = cost(patient, recipe, learns)
    read = len(study.seeds) * sum(
        training_examples(study, one, lesions[one.name])
        for one in study.lesions
        if one.name in lesions
    )
    trials = len(study.seeds) * (1 + sum(_trials(study, one) for one in study.lesions))
    seconds = found.seconds * (trials + TRAINING * read / len(task.targets))
    own = max((damaged(one, patient.model, found.activations) for one in suited), default=0)
    training = 0
    if recipe and patient.trained:
        heads = len(study.seeds) * len(study.models) * len(study.tasks)
        training = found.training_machine(min(workers, heads), recipe.batch_size)
    notes = [*patient.notes]
    if found.slow:
        notes.append(str(Slow(Address(spec.name, 0, task.name), found.slow)))
    shares = cut_shares(spec, task, suited, study, found.cut)
    return Needs(found, seconds, found.machine(workers, own), training, notes, shares)


def _shown(needs: Needs, trials: int) -> list[str]:
    """The last cells of a row."""
    seconds = f"{needs.cost.seconds:.2f}"
    return [str(trials), seconds, duration(needs.seconds), _gigabytes(needs.memory)]


def _totals(
    study: Study, found: Sequence[Needs], trials: int, pairs: int, workers: int
) -> Iterator[str]:
    """Time and memory of everything, as far as they are known."""
    seconds = sum(one.seconds for one in found)
    memory = max((one.memory for one in found), default=0)
    rest = "" if len(found) == pairs else f", for {len(found)} of {pairs} models and tasks"
    about = f"{_about(seconds, workers)}, {_gigabytes(memory)}{rest}" if found else NOTHING
    yield f"{study.name}: {trials * pairs} trials, {about}."
    taught = [one for one in found if one.training]
    if study.finetune:
        heads = len(study.seeds) * pairs
        seconds = sum(one.cost.training for one in taught) * len(study.seeds)
        most = max((one.training for one in taught), default=0)
        about = f"{_about(seconds, workers)}, {_gigabytes(most)}{rest}" if taught else NOTHING
        yield (
            f"Before that, {heads} models are fine-tuned, unless they are in the cache: {about}."
        )
        memory = max(memory, most)
    if rest and found:
        yield "What the others need is unknown."
    yield from _warning(memory, workers)


def _about(seconds: float, workers: int) -> str:
    if workers == 1:
        return f"about {duration(seconds)} on one thread here"
    return f"about {duration(seconds / workers)} with {workers} workers here"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def _warning(memory: int, workers: int) -> list[str]:
    """What to do where a run would not fit."""
    from lesion.preparing.machine import free

    there = free()
    if memory < there:
        return []
    advice = " Take fewer workers: --workers." if workers > 1 else ""
    return [f"That is more than the {_gigabytes(there)} that are free here.{advice}"]


def _trials(study: Study, lesion: LesionSpec) -> int:
    return len(study.draws_of(lesion)) * len(study.doses_of(lesion))


def training_examples(study: Study, lesion: LesionSpec, damage: "Damage") -> int:
    """How many examples a model takes gradients on, in all: for an order, and after the damage."""
    from lesion.study.needs import EXAMPLES, needs_labels

    recipe = lesion.retrained
    found = len(study.draws_of(lesion)) * EXAMPLES if needs_labels(damage) else 0
    if recipe is not None:
        found += _trials(study, lesion) * recipe.steps * (recipe.batch_size or 0)
    return found

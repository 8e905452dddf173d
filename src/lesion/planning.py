"""Plan a study: a pilot, what its numbers predict for any other design, and the best one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lesion.api import run
from lesion.errors import LesionError
from lesion.results import Run
from lesion.running.watcher import Watcher
from lesion.study import variants
from lesion.study.comparison import Draws
from lesion.study.specs import LesionSpec
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.analysis.design import Design, Options, Part, Source
    from lesion.analysis.verdict import Verdict
    from lesion.tasks.base import Task

PILOT_DRAWS, PILOT_DOSES, PILOT_EXAMPLES, PILOT_SEEDS = 5, 9, 240, 2
PRICED = 24  # examples of the trials whose price is compared with that of the pilot's
FEWEST_DRAWS, FEWEST_EXAMPLES = 3, 48
MOST_DRAWS, MOST_SEEDS = 200, 12
ALL = 10**9  # examples: as many as there are
TRAINING_PASSES = 3  # a backward pass is twice a forward pass


class Plan(NamedTuple):
    """What to spend on a study.

    Attributes:
        study: as it was given.
        pilot: folder of the run that the numbers come from.
        sources: the comparisons of the study, with the sources of their variance in the pilot.
        parts: prices, by task.
        current: the study's own design; None where its draws are added as needed.
        proposed: the best design; None if none of those within reach is good enough.
        nearest: the narrowest design within reach.
        until: the half-width that was asked for; None: what the hours buy.
        hours: that the proposed design may take; None: what the half-width needs.
        workers: that share the work.
        margin: of the comparison.
        uncertainty: relative standard error of the predicted half-widths.
        result: the study with the proposed design; None as `proposed`.
    """

    study: Study
    pilot: Path
    sources: "tuple[Source, ...]"
    parts: "dict[str, Part]"
    current: "Design | None"
    proposed: "Design | None"
    nearest: "Design"
    until: float | None
    hours: float | None
    workers: int
    margin: float
    uncertainty: float
    result: Study | None


def plan(
    study: Study,
    until: float | None = None,
    hours: float | None = None,
    *,
    record: str | Path | None = None,
    out: str | Path | None = None,
    data: str | Path | None = None,
    workers: int | None = None,
    watcher: Watcher | None = None,
) -> Plan:
    """The cheapest design whose intervals are narrow enough, or the narrowest that hours buy.

    Args:
        study: to be planned; a pilot of it is run first, and resumed if it was begun.
        until: half-width of the 95% interval of each difference of retained areas. Default,
            without hours: the margin of the comparison.
        hours: wall time with the workers.
        record: folder of a finished run of the same models, tasks and lesions, in place of a pilot.
        out: folder of the pilot. Default: `runs/NAME-pilot`.
        data: as of `run`.
        workers: as of `run`.
        watcher: receives the progress of the pilot.

    Raises:
        LesionError: as `run`; if both are given; if the pilot has no comparison with a bounded
            interval.
    """
    if until is not None and hours is not None:
        raise LesionError("lesion plan: takes --until or --hours. Got both.")
    for key, value in (("--until", until), ("--hours", hours)):
        if value is not None and not value > 0:
            raise LesionError(f"{key}: must be above 0. Got {value:g}.")
    if record is not None:
        with Run(record) as opened:
            return _plan(study, opened, until, hours, data, workers)
    small = pilot(study)
    folder = Path(out) if out else Path("runs") / small.name
    with run(small, folder, data=data, workers=workers, watcher=watcher) as opened:
        return _plan(study, opened, until, hours, data, workers)


def pilot(study: Study) -> Study:
    """A small run of the study: few doses from end to end, five draws, two seeds, 240 examples."""

    def coarse(doses: Sequence[float]) -> tuple[float, ...]:
        places = np.linspace(0, len(doses) - 1, min(PILOT_DOSES, len(doses)))
        return tuple(sorted({doses[round(float(place))] for place in places}))

    def fewer(lesion: LesionSpec) -> LesionSpec:
        return replace(lesion, doses=coarse(lesion.doses)) if lesion.doses else lesion

    tasks = tuple(
        task.with_keys(examples=min(PILOT_EXAMPLES, task.most_examples or PILOT_EXAMPLES))
        for task in study.tasks
    )
    seeds = study.finetune and replace(study.finetune, seeds=study.finetune.seeds[:PILOT_SEEDS])
    return replace(
        study, name=f"{study.name}-pilot", doses=coarse(study.doses), finetune=seeds, tasks=tasks,
        draws=min(PILOT_DRAWS, study.most_draws), lesions=tuple(map(fewer, study.lesions)),
    )  # fmt: skip


def _plan(
    study: Study,
    pilot: Run,
    until: float | None,
    hours: float | None,
    data: str | Path | None,
    workers: int | None,
) -> Plan:
    from lesion.analysis import design
    from lesion.running.options import PoolOptions, worker_count
    from lesion.study.resolve import load_tasks

    many = replace(study, tasks=tuple(task.with_keys(examples=ALL) for task in study.tasks))
    tasks = load_tasks(many, data)
    available = {name: len(task.targets) for name, task in tasks.items()}
    verdicts = _bounded(pilot)
    margin = verdicts[0].margin
    if until is None and hours is None:
        until = margin
    count = worker_count(PoolOptions(workers), "cpu")
    sources = _sources(pilot, verdicts, available)
    doses = _doses(study, pilot, until or margin)
    prices = _prices(study, pilot, tasks, data, count)
    parts = _parts(study, pilot, doses, available, prices)
    options = _options(study, pilot, max(available.values()))
    grid = design.designs(sources, tuple(parts.values()), options, margin, len(verdicts))
    budget = None if hours is None else hours * 3600 * count
    best = design.cheapest(grid, until) if until else design.narrowest(grid, budget or 0.0)
    own = _parts(study, pilot, study.doses, available, prices)
    return Plan(
        study=study,
        pilot=pilot.folder,
        sources=sources,
        parts=parts,
        current=_current(study, sources, tuple(own.values()), margin),
        proposed=best,
        nearest=min(grid, key=lambda choice: choice.widest),
        until=until,
        hours=hours,
        workers=count,
        margin=margin,
        uncertainty=_uncertainty(verdicts),
        result=best and _with_design(study, best, doses),
    )


def _bounded(pilot: Run) -> "list[Verdict]":
    """The comparisons of a pilot on whole tasks that have an interval.

    Raises:
        LesionError: if there is none.
    """
    verdicts = [v for v in pilot.verdicts if v.parts and np.isfinite(v.hi - v.lo)]
    verdicts = [v for v in verdicts if v.task and not v.column]
    if not verdicts:
        reasons = " ".join(dict.fromkeys(v.settle for v in pilot.verdicts if v.settle))
        raise LesionError(
            f"lesion plan: the pilot in {pilot.folder} has no comparison with an interval. "
            f"{reasons or 'The study compares nothing.'}"
        )
    return verdicts


def _sources(
    pilot: Run, verdicts: "Sequence[Verdict]", available: dict[str, int]
) -> "tuple[Source, ...]":
    """The comparisons of a pilot with the sources of their variance."""
    from lesion.analysis.design import Source, with_clusters

    alone = {_key(v): v for v in _independent(pilot)}
    sources = []
    for verdict in verdicts:
        lesions = (verdict.lesion, verdict.a, verdict.b)  # between lesions, it names two of them
        cells = [a for a in pilot.analyses if a.task == verdict.task and a.lesion in lesions]
        examples, clusters = cells[0].examples, cells[0].resampled.members["examples"]
        components = verdict.parts
        if clusters < examples:
            components = with_clusters(components, alone[_key(verdict)].parts, examples)
        most = available[verdict.task]
        place = verdict.lesion or verdict.within
        name = f"{verdict.task}, {place}: {verdict.a}, {verdict.b}"
        sources.append(
            Source(name, verdict.delta, tuple(components), examples, clusters, most, clusters)
        )
    return tuple(sources)


def _key(verdict: "Verdict") -> tuple[str, ...]:
    return verdict.a, verdict.b, verdict.task, verdict.lesion, verdict.within


def _independent(pilot: Run) -> "list[Verdict]":
    """The comparisons of a pilot as if every example were its own cluster."""
    from lesion.analysis.from_record import load_responses
    from lesion.analysis.summary import analyse

    responses = load_responses(pilot.record, pilot.study)
    alone = [r._replace(clusters=None) for r in responses]
    return pilot.compared(analyse(alone, pilot.study.seed))


def _doses(study: Study, pilot: Run, until: float) -> tuple[float, ...]:
    """Those of the study's doses that areas need, by the rule of adaptive runs."""
    from lesion.analysis.adaptive import Target, refined

    grid = (0.0, *(dose for dose in study.doses if dose > 0))
    own = {spec.name for spec in study.lesions if spec.doses}
    doses = {
        float(dose)
        for analysis in pilot.analyses
        if analysis.lesion not in own and not analysis.excluded
        for dose in refined(analysis.resampled, Target(grid, 1, 1, until, analysis.resampled.scale))
    }
    return tuple(sorted(doses)) or grid


def _parts(
    study: Study,
    pilot: Run,
    doses: Sequence[float],
    available: dict[str, int],
    prices: "dict[str, Price]",
) -> "dict[str, Part]":
    """What a study costs, by task, at the prices of the pilot."""
    from lesion.analysis.design import Part

    counts = {True: 0, False: 0}
    for lesion in study.lesions:
        counts[lesion.random] += len([dose for dose in lesion.doses or doses if dose > 0])
    return {
        name: Part(
            models=len(study.models), random=counts[True], fixed=counts[False], most=most,
            seed=prices[name].seed, trial=prices[name].trial, example=prices[name].example,
        )
        for name, most in available.items()
    }  # fmt: skip


class Price(NamedTuple):
    """Prices on one task, in seconds of one process; see `lesion.analysis.design.Part`."""

    seed: float
    trial: float
    example: float


def _prices(
    study: Study, pilot: Run, tasks: "dict[str, Task]", data: str | Path | None, workers: int
) -> dict[str, Price]:
    """Two sizes are timed: the pilot, and one draw of it with few examples."""
    few = replace(variants.limited(pilot.study, PRICED), draws=1)
    large, prices = pilot.record.seconds(), {}
    with (
        TemporaryDirectory() as folder,
        run(few, folder, data=data, workers=workers, progress=False) as small,
    ):
        timed = small.record.seconds()
        sizes = {name: small.record.examples(name) for name in tasks}
    for name, task in tasks.items():
        both = [trial for trial in timed if trial in large and trial.task == name]
        less = float(np.mean([timed[trial] for trial in both]))
        more = float(np.mean([large[trial] for trial in both]))
        examples = pilot.record.examples(name)
        grown = examples - sizes[name]
        example = max(more - less, 0.0) / grown if grown > 0 else more / examples
        trial = max(less - sizes[name] * example, 0.0)
        prices[name] = Price(_training(study, task) * example, trial, example)
    return prices


def _training(study: Study, task: "Task") -> float:
    """Fine-tuning one model once, in examples scored: a step is three forward passes."""
    if study.finetune is None or "training" not in task.offers:
        return 0.0
    return TRAINING_PASSES * study.finetune.epochs * len(task.split("train").labels)  # type: ignore[attr-defined]


def _options(study: Study, pilot: Run, most: int) -> "Options":
    """The numbers that can be chosen: a level with one member in the pilot keeps it."""
    from lesion.analysis.design import Options, ladder

    random = any(lesion.random for lesion in study.lesions)
    seeds = len(pilot.study.seeds)
    return Options(
        draws=ladder(FEWEST_DRAWS, MOST_DRAWS) if random else (1,),
        examples=ladder(min(FEWEST_EXAMPLES, most), most),
        seeds=ladder(2, MOST_SEEDS) if seeds > 1 else (seeds,),
    )


def _current(
    study: Study, sources: "Sequence[Source]", parts: "Sequence[Part]", margin: float
) -> "Design | None":
    """The study's own design; None where draws are added as needed."""
    from lesion.analysis.design import Options, designs

    if isinstance(study.draws, Draws):
        return None
    most = max(part.most for part in parts)
    examples = max(min(task.most_examples or most, most) for task in study.tasks)
    own = Options((study.draws,), (examples,), (len(study.seeds),))
    return designs(sources, parts, own, margin, len(sources))[0]


def _with_design(study: Study, design: "Design", doses: tuple[float, ...]) -> Study:
    """The study with another number of draws, examples and seeds, and these doses."""
    tasks = tuple(task.with_keys(examples=design.examples) for task in study.tasks)
    finetune = study.finetune
    if finetune is not None and len(finetune.seeds) != design.seeds:
        finetune = replace(finetune, seeds=tuple(range(design.seeds)))
    return replace(
        study, doses=doses, draws=design.draws, tasks=tasks, finetune=finetune,
    )  # fmt: skip


def _uncertainty(verdicts: "Sequence[Verdict]") -> float:
    """Relative standard error of a half-width: the median over the comparisons."""
    from lesion.analysis.contrast import degrees_of_freedom

    freedom = [float(degrees_of_freedom(verdict.parts)) for verdict in verdicts]
    return float((2 * np.median(freedom)) ** -0.5)

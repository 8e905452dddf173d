"""What to spend on a study: the best design that a pilot predicts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lesion.api import run
from lesion.errors import LesionError
from lesion.planning.pilot import bounded, needed_doses, pilot, sources_of
from lesion.planning.prices import parts_of, prices_of
from lesion.results import Run
from lesion.running.watcher import Watcher
from lesion.study.comparison import Draws
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.analysis.design import Design, Options, Part, Source
    from lesion.analysis.summary import Analysis

FEWEST_DRAWS, FEWEST_EXAMPLES = 3, 48
MOST_DRAWS, MOST_SEEDS = 200, 12
SAFELY = 1.5  # half-widths of its interval by which an intact score must be above chance
ALL = 10**9  # examples: as many as there are


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
        doses: that a plan needs, of those of the study.
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
    doses: tuple[float, ...]
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
    verdicts = bounded(pilot)
    margin = verdicts[0].margin
    if until is None and hours is None:
        until = margin
    count = worker_count(PoolOptions(workers), "cpu")
    sources = sources_of(pilot, verdicts, tasks)
    doses = needed_doses(study, pilot, until or margin)
    prices = prices_of(study, pilot, tasks, data, count)
    parts = parts_of(study, doses, tasks, prices)
    options = _options(study, pilot, max(part.most for part in parts.values()))
    grid = design.designs(sources, tuple(parts.values()), options, margin, len(verdicts))
    budget = None if hours is None else hours * 3600 * count
    best = design.cheapest(grid, until) if until else design.narrowest(grid, budget or 0.0)
    own = parts_of(study, study.doses, tasks, prices)
    return Plan(
        study=study,
        pilot=pilot.folder,
        sources=sources,
        parts=parts,
        current=_current(study, sources, tuple(own.values()), margin),
        proposed=best,
        nearest=min(grid, key=lambda choice: choice.surely),
        until=until,
        hours=hours,
        workers=count,
        margin=margin,
        doses=doses,
        result=best and _with_design(study, best, doses),
    )


def _options(study: Study, pilot: Run, most: int) -> "Options":
    """The numbers that can be chosen: a level with one member in the pilot keeps it."""
    from lesion.analysis.design import Options, ladder

    random = any(lesion.random for lesion in study.lesions)
    seeds = len(pilot.study.seeds)
    fewest = max(FEWEST_EXAMPLES, *map(_learned_from, pilot.analyses))
    return Options(
        draws=ladder(FEWEST_DRAWS, MOST_DRAWS) if random else (1,),
        examples=ladder(min(fewest, most), most),
        seeds=ladder(2, MOST_SEEDS) if seeds > 1 else (seeds,),
    )


def _learned_from(analysis: "Analysis") -> int:
    """How many examples show that a model learned its task: with fewer it would be left out."""
    intact, chance = analysis.intact, analysis.curves[analysis.metric].chance
    gain, half = abs(intact.value - chance), (intact.hi - intact.lo) / 2
    if analysis.excluded or gain == 0:
        return 0
    return int(np.ceil(analysis.examples * (SAFELY * half / gain) ** 2))


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
    if finetune is not None and (study.growing_seeds or len(study.seeds) != design.seeds):
        finetune = replace(finetune, seeds=tuple(range(design.seeds)))
    return replace(
        study, doses=doses, draws=design.draws, tasks=tasks, finetune=finetune,
    )  # fmt: skip

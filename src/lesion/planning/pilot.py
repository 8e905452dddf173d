"""The pilot of a plan: a small run of the study, and the sources of variance that it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lesion.errors import LesionError
from lesion.results import Run
from lesion.study import variants
from lesion.study.study import Study
from lesion.tasks.columns import chosen, columns_of, grouping_of

if TYPE_CHECKING:
    from lesion.analysis.design import Source
    from lesion.analysis.verdict import Verdict
    from lesion.tasks.base import Task

DRAWS, DOSES, EXAMPLES, SEEDS = 5, 9, 240, 2


def pilot(study: Study) -> Study:
    """A small run of the study: few doses from end to end, five draws, two seeds, 240 examples."""
    small = variants.limited(variants.coarser(study, DOSES, DRAWS, SEEDS), EXAMPLES)
    return replace(small, name=f"{study.name}-pilot")


def bounded(pilot: Run) -> "list[Verdict]":
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


def sources_of(
    pilot: Run, verdicts: "Sequence[Verdict]", tasks: "Mapping[str, Task]"
) -> "tuple[Source, ...]":
    """The comparisons of a pilot with the sources of their variance.

    Args:
        tasks: with all examples that there are.
    """
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
        most = len(tasks[verdict.task].targets)
        most_clusters = _clusters(pilot.study, tasks[verdict.task]) if clusters < examples else most
        place = verdict.lesion or verdict.within
        name = f"{verdict.task}, {place}: {verdict.a}, {verdict.b}"
        sources.append(
            Source(name, verdict.delta, tuple(components), examples, clusters, most, most_clusters)
        )
    return tuple(sources)


def _clusters(study: Study, task: "Task") -> int:
    """The number of clusters of all examples of a task."""
    spec = next(spec for spec in study.tasks if spec.name == task.name)
    cluster = chosen(spec.cluster, spec.strata, grouping_of(task)).cluster
    return len(set(columns_of(task)[cluster])) if cluster else len(task.targets)


def _key(verdict: "Verdict") -> tuple[str, ...]:
    return verdict.a, verdict.b, verdict.task, verdict.lesion, verdict.within


def _independent(pilot: Run) -> "list[Verdict]":
    """The comparisons of a pilot as if every example were its own cluster."""
    from lesion.analysis.from_record import load_responses
    from lesion.analysis.summary import analyse

    responses = load_responses(pilot.record, pilot.study)
    alone = [r._replace(clusters=None) for r in responses]
    return pilot.compared(analyse(alone, pilot.study.seed))


def needed_doses(study: Study, pilot: Run, until: float) -> tuple[float, ...]:
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

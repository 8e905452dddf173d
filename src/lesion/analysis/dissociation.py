"""The interaction of lesion and task, and the double dissociation.

Each is of one model, two lesions and two tasks.
Does one lesion impair the first task more, and the other lesion the second? Lesions of different
kinds cannot be compared dose by dose, because one of them may have destroyed everything at a dose
at which the other has little effect. They are matched by severity, the loss of both tasks together:
1 - the mean of their skills. The `bias` of a lesion is the skill of task a minus that of task b,
averaged over the severities that both lesions reach; below 0, the lesion impairs task a more. A
double dissociation (Teuber 1955; Shallice 1988) has biases of opposite signs, both significant. A
difference of biases alone may mean that one task is more sensitive to any damage. Double
dissociations of a study are one family, and interactions another (Holm).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves, variance
from lesion.analysis.contrast import ALPHA, holm, p_value
from lesion.analysis.sampled import ResampledCurve
from lesion.analysis.scale import without_place
from lesion.analysis.summary import Analysis, Estimate

Array = np.ndarray

SEVERITIES = np.linspace(0.1, 0.9, 17)
PER_TASK = ("examples", "seeds")


class Dissociation(NamedTuple):
    """Two lesions and two tasks of one model."""

    model: str
    lesions: tuple[str, str]
    tasks: tuple[str, str]
    biases: tuple[Estimate, Estimate]  # of each lesion: skill(task a) - skill(task b)
    interaction: Estimate  # bias of the second lesion - bias of the first
    severities: tuple[float, float]  # over which lesions were matched
    p: float  # of no interaction
    p_double: float  # of no double dissociation, corrected (Holm) over those of the study
    answer: str
    p_holm: float = float("nan")  # of no interaction, corrected over those of the study


def dissociations(analyses: Sequence[Analysis]) -> list[Dissociation]:
    """Every pair of lesions on every pair of tasks, of every model that learned both tasks."""
    table = {(a.model, a.lesion, a.task): a for a in analyses if not a.excluded}
    models, lesions, tasks = (dict.fromkeys(names) for names in zip(*table, strict=True)) if (
        table) else ((), (), ())  # fmt: skip
    result = []
    for model in models:
        for pair in combinations(lesions, 2):
            for both in combinations(tasks, 2):
                cells = [[table.get((model, lesion, task)) for task in both] for lesion in pair]
                square = [[c for c in row if c is not None] for row in cells]
                if all(len(row) == 2 for row in square):
                    result.append(_dissociation(model, pair, both, square))
    double = holm([dissociation.p_double for dissociation in result])
    either = holm([dissociation.p for dissociation in result])
    return [
        _worded(d._replace(p_double=float(p_double), p_holm=float(p_holm)), len(result))
        for d, p_double, p_holm in zip(result, double, either, strict=True)
    ]


def _dissociation(
    model: str, lesions: tuple[str, str], tasks: tuple[str, str], cells: list[list[Analysis]]
) -> Dissociation:
    square = []
    for a, b in cells:
        doses = curves.common_doses(a.doses, b.doses)
        square.append((a.resampled.at_doses(doses), b.resampled.at_doses(doses)))
    levels = _reached_by_both(square)
    observed = [_bias(a.places, a.value, b.value, levels) for a, b in square]
    joint = [_bias(a.places, a.joint, b.joint, levels) for a, b in square]
    dof = _degrees_of_freedom(square)
    biases = [_estimate(*each, dof[n]) for n, each in enumerate(zip(observed, joint, strict=True))]
    whole = _estimate(observed[1] - observed[0], joint[1] - joint[0], dof[2])
    each = [float(p_value(*bias, dof[n])) for n, bias in enumerate(biases)]
    opposite = biases[0].value * biases[1].value < 0
    p = float(p_value(*whole, dof[2]))
    ends = (float(levels[0]), float(levels[-1])) if len(levels) else (np.nan, np.nan)
    double = max(each) if opposite else 1.0
    return Dissociation(
        model, lesions, tasks, (biases[0], biases[1]), whole, ends, p, double, ""
    )  # fmt: skip


def _reached_by_both(square: Sequence[tuple[ResampledCurve, ResampledCurve]]) -> Array:
    """Severities between those of the first and of the last dose, of both lesions.

    On the log scale the first dose is the first above 0; on the linear scale it is the intact one.
    """
    lost = [
        1 - curves.falling((a.value + b.value) / 2)[without_place(a.places) :] for a, b in square
    ]
    least, most = max(each[0] for each in lost), min(each[-1] for each in lost)
    return SEVERITIES[(least <= SEVERITIES) & (most >= SEVERITIES)]


def _bias(places: Array, a: Array, b: Array, severities: Array) -> Array:
    """Mean over severities of skill(a) - skill(b) at the dose of that severity: (...)."""
    if not len(severities):
        return np.full(np.shape(a)[:-1], np.nan)
    start = without_place(places)
    places, a, b = places[start:], a[..., start:], b[..., start:]
    smooth, difference = curves.falling((a + b) / 2), a - b
    total = np.zeros(np.shape(a)[:-1])
    for severity in severities:
        place = np.minimum(curves.reached(places, smooth, 1 - severity), places[-1])
        after = np.clip(np.searchsorted(places, np.nan_to_num(place)), 1, len(places) - 1)
        share = (place - places[after - 1]) / (places[after] - places[after - 1])
        low, high = (
            np.take_along_axis(difference, np.asarray(index)[..., None], -1)[..., 0]
            for index in (after - 1, after)
        )
        total += low + share * (high - low)
    return total / len(severities)


def _degrees_of_freedom(square: Sequence[tuple[ResampledCurve, ResampledCurve]]) -> list[Array]:
    """Degrees of freedom of each lesion's bias and of their difference, as without matching.

    Draws belong to a lesion and are shared by the tasks; examples and seeds belong to a task and
    are shared by the lesions.
    """

    def area(skill: ResampledCurve, level: str) -> Array:
        return curves.retained_area(skill.places, skill.levels[level])

    (p, q), (r, s) = square
    quantities = []
    for a, b in square:
        levels = {"draws": area(a, "draws") - area(b, "draws")}
        levels |= {f"{k} {n}": area(x, k) for n, x in enumerate((a, b)) for k in PER_TASK}
        quantities.append((levels, a.members))
    levels = {f"draws {n}": area(a, "draws") - area(b, "draws") for n, (a, b) in enumerate(square)}
    for n, (x, y) in enumerate(((p, r), (q, s))):
        levels |= {f"{k} {n}": area(y, k) - area(x, k) for k in PER_TASK}
    quantities.append((levels, p.members))
    return [
        variance.degrees_of_freedom(
            variance.variances(levels), {key: members[key.split()[0]] for key in levels}
        )
        for levels, members in quantities
    ]


def _estimate(value: Array, joint: Array, dof: Array) -> Estimate:
    lo, hi = bootstrap.interval(value, joint, 1 - ALPHA, dof)
    return Estimate(float(value), float(lo), float(hi))


def _worded(d: Dissociation, family: int) -> Dissociation:
    """The dissociation with its answer in words, among those of the study."""
    (first, second), (a, b) = d.lesions, d.tasks
    if d.p_double <= ALPHA:
        hurt = (a, b) if d.biases[0].value < 0 else (b, a)
        answer = f"double dissociation: {first} hurts {hurt[0]} more, {second} hurts {hurt[1]} more"
    elif d.p_holm <= ALPHA:
        more = first if d.interaction.value > 0 else second
        answer = f"{more} hurts {a} more, against {b}, than the other lesion does (no double "
        answer += "dissociation)"
    else:
        answer = "no significant interaction of lesion and task"
        answer += f" among the {family} of the study" if d.p <= ALPHA else ""
    return d._replace(answer=answer)

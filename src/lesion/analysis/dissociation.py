"""Does damage here hurt one task more than another, and damage there the other? One model, two
lesions, two tasks: the interaction of lesion and task, and the double dissociation.

Lesions of different kinds cannot be compared dose by dose: at one dose one of them may have
destroyed everything. They are matched by severity, which is what both tasks lost together: 1 - the
mean of their skills. At each severity that both lesions reach, the skill of task a less that of
task b is read off; its mean over severities is the `bias` of a lesion: below 0, it hurts task a
more. A double dissociation (Teuber 1955; Shallice 1988) has biases of opposite signs, both told
from 0; a difference of biases alone may be one task's being more sensitive to any damage.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.contrast import ALPHA, holm, p_value
from lesion.analysis.sampled import Sampled
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
    interaction: Estimate  # bias of the second lesion less that of the first
    severities: tuple[float, float]  # over which lesions were matched
    p: float  # of no interaction
    p_double: float  # of no double dissociation, corrected (Holm) over those of the study
    answer: str


def dissociations(analyses: Sequence[Analysis]) -> list[Dissociation]:
    """Every pair of lesions on every pair of tasks, of every model that learned both tasks."""
    table = {(a.model, a.lesion, a.task): a for a in analyses if not a.excluded}
    models, lesions, tasks = (dict.fromkeys(names) for names in zip(*table, strict=True)) if (
        table) else ((), (), ())  # fmt: skip
    found = []
    for model in models:
        for pair in combinations(lesions, 2):
            for both in combinations(tasks, 2):
                cells = [[table.get((model, one, task)) for task in both] for one in pair]
                square = [[c for c in row if c is not None] for row in cells]
                if all(len(row) == 2 for row in square):
                    found.append(_dissociation(model, pair, both, square))
    adjusted = holm([one.p_double for one in found])
    return [_told(one, float(p)) for one, p in zip(found, adjusted, strict=True)]


def _dissociation(
    model: str, lesions: tuple[str, str], tasks: tuple[str, str], cells: list[list[Analysis]]
) -> Dissociation:
    square = []
    for a, b in cells:
        doses = curves.common_doses(a.doses, b.doses)
        square.append((a.sampled.over(doses), b.sampled.over(doses)))
    levels = _reached_by_both(square)
    observed = [_bias(a.doses, a.value, b.value, levels) for a, b in square]
    joint = [_bias(a.doses, a.joint, b.joint, levels) for a, b in square]
    freedom = _freedom(square)
    biases = [
        _estimate(*each, freedom[n]) for n, each in enumerate(zip(observed, joint, strict=True))
    ]
    whole = _estimate(observed[1] - observed[0], joint[1] - joint[0], freedom[2])
    each = [float(p_value(*one, freedom[n])) for n, one in enumerate(biases)]
    opposite = biases[0].value * biases[1].value < 0
    p = float(p_value(*whole, freedom[2]))
    ends = (float(levels[0]), float(levels[-1])) if len(levels) else (np.nan, np.nan)
    double = max(each) if opposite else 1.0
    return Dissociation(
        model, lesions, tasks, (biases[0], biases[1]), whole, ends, p, double, ""
    )  # fmt: skip


def _reached_by_both(square: Sequence[tuple[Sampled, Sampled]]) -> Array:
    worst = [1 - curves.falling((a.value + b.value) / 2)[-1] for a, b in square]
    return SEVERITIES[min(worst) >= SEVERITIES]


def _bias(doses: Array, a: Array, b: Array, severities: Array) -> Array:
    """Mean over severities of skill(a) - skill(b) where their mean has fallen so far: (...)."""
    if not len(severities):
        return np.full(np.shape(a)[:-1], np.nan)
    smooth, away = curves.falling((a + b) / 2), a - b
    total = np.zeros(np.shape(a)[:-1])
    for severity in severities:
        dose = np.minimum(curves.reached(doses, smooth, 1 - severity), doses[-1])
        after = np.clip(np.searchsorted(doses, np.nan_to_num(dose)), 1, len(doses) - 1)
        share = (dose - doses[after - 1]) / (doses[after] - doses[after - 1])
        low, high = (
            np.take_along_axis(away, np.asarray(place)[..., None], -1)[..., 0]
            for place in (after - 1, after)
        )
        total += low + share * (high - low)
    return total / len(severities)


def _freedom(square: Sequence[tuple[Sampled, Sampled]]) -> list[Array]:
    """Degrees of freedom of each lesion's bias, and of their difference: those without matching.

    Draws are of a lesion, shared by the tasks; examples and seeds are of a task, shared by the
    lesions.
    """

    def area(one: Sampled, level: str) -> Array:
        return curves.retained_area(one.doses, one.levels[level])

    (p, q), (r, s) = square
    found = []
    for a, b in square:
        parts = {"draws": area(a, "draws") - area(b, "draws")}
        parts |= {f"{k} {n}": area(x, k) for n, x in enumerate((a, b)) for k in PER_TASK}
        found.append((parts, a.members))
    parts = {f"draws {n}": area(a, "draws") - area(b, "draws") for n, (a, b) in enumerate(square)}
    for n, (x, y) in enumerate(((p, r), (q, s))):
        parts |= {f"{k} {n}": area(y, k) - area(x, k) for k in PER_TASK}
    found.append((parts, p.members))
    return [
        bootstrap.degrees(bootstrap.variances(parts), {k: members[k.split()[0]] for k in parts})
        for parts, members in found
    ]


def _estimate(value: Array, joint: Array, freedom: Array) -> Estimate:
    lo, hi = bootstrap.interval(value, joint, 1 - ALPHA, freedom)
    return Estimate(float(value), float(lo), float(hi))


def _told(one: Dissociation, p_double: float) -> Dissociation:
    """The finding in words."""
    (first, second), (a, b) = one.lesions, one.tasks
    if p_double <= ALPHA:
        hurt = (a, b) if one.biases[0].value < 0 else (b, a)
        answer = f"double dissociation: {first} hurts {hurt[0]} more, {second} hurts {hurt[1]} more"
    elif one.p <= ALPHA:
        more = first if one.interaction.value > 0 else second
        answer = f"{more} hurts {a} more, against {b}, than the other lesion does (no double "
        answer += "dissociation)"
    else:
        answer = "no interaction of lesion and task can be told"
    return one._replace(p_double=p_double, answer=answer)

"""The same comparison from other sides: points kept, models that never learned, equal scores."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from lesion.analysis import curves
from lesion.analysis.contrast import contrast, side_of
from lesion.analysis.summary import Analysis
from lesion.analysis.verdict import Beside, beside
from lesion.analysis.within import nothing

Array = np.ndarray
Sides = Sequence[Sequence[Analysis]]

DEAD = "never learned"  # the diagnosis of a model that has no skill to lose


def absolute(healthy: Sides, doses: Array) -> Beside:
    """The difference of the area of the gain kept: mean over doses of the points above chance."""
    first, second = (
        side_of([m.kept.at_doses(doses) for m in side], curves.retained_area) for side in healthy
    )
    return beside(f"gain kept, in points of {healthy[0][0].metric}", contrast(first, second))


def with_dead(sides: Sides, healthy: Sides, doses: Array) -> Beside | None:
    """Retained areas with the models that never learned, whose skill is 0 at every dose.

    They have no variance of their own and count in the variance between models. None: no model of
    either side never learned.
    """
    dead = [sum(DEAD in m.excluded for m in side) for side in sides]
    if not any(dead):
        return None
    first, second = (
        side_of(skills + [nothing(skills[0])] * count, curves.retained_area)
        for skills, count in zip(
            ([m.resampled.at_doses(doses) for m in side] for side in healthy), dead, strict=True
        )
    )
    quantity = f"with {_counted(sum(dead))} that never learned, at skill 0"
    return beside(quantity, contrast(first, second))


def losses(names: Sequence[str], sides: Sides) -> str:
    """A sentence if two groups lost unequal numbers of models that never learned; else ""."""
    dead = [[m.model for m in side if DEAD in m.excluded] for side in sides]
    if len(dead[0]) == len(dead[1]):
        return ""
    lost = " and ".join(
        f"{len(gone)} of {len(side)} models of {name}"
        for name, gone, side in zip(names, dead, sides, strict=True)
    )
    return (
        f"On {sides[0][0].task}, {lost} never learned. The others are compared: survivors of "
        "groups that lose unequally are no fair sample. The comparison with all of them stands "
        "beside it."
    )


def _counted(models: int) -> str:
    return f"{models} model{'s' if models > 1 else ''}"


def equal_intact(healthy: Sides, doses: Array) -> Beside:
    """The two models, one of each group, whose intact gains are nearest; areas play no part."""
    gains = [[float(m.gain.value[0]) for m in side] for side in healthy]
    nearest = min(
        product(range(len(gains[0])), range(len(gains[1]))),
        key=lambda pair: abs(gains[1][pair[1]] - gains[0][pair[0]]),
    )
    chosen = [side[index] for side, index in zip(healthy, nearest, strict=True)]
    first, second = (side_of([m.resampled.at_doses(doses)], curves.retained_area) for m in chosen)
    shown = " and ".join(f"{m.model} ({m.intact.value:.3f})" for m in chosen)
    return beside(f"at the nearest intact scores: {shown}", contrast(first, second))

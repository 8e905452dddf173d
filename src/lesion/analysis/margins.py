"""How large a difference of retained area must be to matter, and why.

Where a study gives no margin, a difference counts as negligible if it is within what retraining the
same model changes anyway: one standard deviation of retained area over fine-tuning seeds or, where
there is one seed, over the models of a group. It is pooled over the curves of the family, so that
it does not follow the comparison that it judges. A margin that is given before the run is better.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from lesion.analysis import curves, variance
from lesion.analysis.summary import Analysis

DEFAULT = 0.05  # where neither seeds nor groups are known
GIVEN, SEEDS, GROUPS, UNKNOWN = "given", "spread of the seeds", "spread within groups", "default"


def margin_of(given: float | None, analyses: Sequence[Analysis]) -> tuple[float, str]:
    """The margin of a family of comparisons, and its reason."""
    if given is not None:
        return given, GIVEN
    healthy = [a for a in analyses if not a.excluded]
    for spreads, reason in ((_over_seeds(healthy), SEEDS), (_over_models(healthy), GROUPS)):
        variances = [v for v in spreads if np.isfinite(v)]
        spread = float(f"{np.sqrt(np.mean(variances)):.2g}") if variances else 0.0
        if spread > 0:
            return spread, reason
    return DEFAULT, UNKNOWN


def _over_seeds(analyses: Sequence[Analysis]) -> Iterator[float]:
    """Variance of retained area between the fine-tuning seeds of each model."""
    for a in analyses:
        seeds = a.resampled.members["seeds"]
        if seeds > 1:
            areas = curves.retained_area(a.resampled.places, a.resampled.levels["seeds"])
            yield seeds * float(variance.variances({"": areas})[""])


def _over_models(analyses: Sequence[Analysis]) -> Iterator[float]:
    """Variance of retained area between the models of each group."""
    cells: dict[tuple[str, str, str | None], list[float]] = {}
    for a in analyses:
        cells.setdefault((a.task, a.lesion, a.group), []).append(a.area.value)
    for (_, _, group), areas in cells.items():
        if group is not None and len(areas) > 1:
            yield float(np.var(areas, ddof=1))

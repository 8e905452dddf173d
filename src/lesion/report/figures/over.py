"""Curves over the damage done instead of the dose: ‖ΔW‖/‖W‖ of what a lesion selects.

A dose is a fraction of units, and does not do the same to every model. The frames of a figure keep
their form: the damage done takes the place of the dose, and charts need not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lesion.errors import LesionError

if TYPE_CHECKING:
    import pandas as pd

LABEL = "damage done: ‖ΔW‖ / ‖W‖"
CURVE = ["model", "task", "lesion"]


def curves_over_damage(curves: pd.DataFrame) -> pd.DataFrame:
    """The curves with the damage done as their dose, ascending.

    Lesions that change no weight have no curve, and neither have doses at which weights are no
    longer finite.

    Args:
        curves: from `analysis.frames.curve_frame`.

    Raises:
        LesionError: if nothing is left.
    """
    import pandas as pd

    finite = curves[np.isfinite(curves["damage_done"])]
    changed = finite.groupby(CURVE)["damage_done"].transform("max") > 0
    kept = finite[changed].assign(dose=lambda frame: frame["damage_done"])
    if kept.empty:
        raise LesionError(
            "over: this run has no damage done. Lesions of texts change no weight, and earlier "
            "versions did not measure it: run the study in a new folder."
        )
    lines = [line.sort_values("dose", kind="stable") for _, line in kept.groupby(CURVE, sort=False)]
    return pd.concat(lines, ignore_index=True)


def doses_over_damage(frame: pd.DataFrame, column: str, curves: pd.DataFrame) -> pd.DataFrame:
    """A frame whose doses become the damage done there, between the doses that were measured.

    Args:
        frame: a row for a model, task and lesion, such as of D50 or of a diagnosis.
        column: its doses; those beyond the measured ones become nan.
        curves: over doses, from `analysis.frames.curve_frame`.
    """
    lines = dict(list(curves.groupby(CURVE, sort=False)))
    damage = [
        _between(lines[key], dose) if key in lines else np.nan
        for *names, dose in frame[[*CURVE, column]].itertuples(index=False, name=None)
        for key in [tuple(names)]
    ]
    return frame.assign(**{column: damage})


def _between(line: pd.DataFrame, dose: float) -> float:
    known = np.isfinite(line["damage_done"])
    doses, damage = line.loc[known, "dose"], line.loc[known, "damage_done"]
    return float(np.interp(dose, doses, damage, left=np.nan, right=np.nan))

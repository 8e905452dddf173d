"""When draws collapse, in a sentence, where the mean over draws hides it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from lesion.analysis.survival import EVENTS, Survival
from lesion.report.numbers import bare, short

if TYPE_CHECKING:
    from lesion.analysis.summary import Analysis

HIDING = {"constant", "bimodal", "not finite"}  # diagnoses under which no draw is like the mean


def survival_lines(analyses: "Sequence[Analysis]") -> list[Text]:
    """A sentence for each curve that has one of the diagnoses and several draws."""
    return [
        Text.assemble(("survival: ", "dim"), _sentence(analysis))
        for analysis in analyses
        if len(analysis.draws) > 1 and HIDING & {finding.name for finding in analysis.diagnoses}
        if any(np.isfinite(curve.series).any() for curve in analysis.survival.values())
    ]


def _sentence(a: "Analysis") -> str:
    noun = "draws" if len(a.seeds) == 1 else "series (seed x draw)"
    parts = [_part(curve) for curve in a.survival.values() if np.isfinite(curve.series).any()]
    return f"of the {len(a.seeds) * len(a.draws)} {noun} of {a.model} on {a.task} under " + (
        f"{a.lesion}, {', and '.join(parts)}."
    )


def _part(curve: Survival) -> str:
    series = curve.series
    count = int(np.isfinite(series).sum())
    text = f"{count} {'is' if count == 1 else 'are'} {EVENTS[curve.event].phrase}"
    if not np.isfinite(curve.median):
        return f"{text} by dose {short(curve.doses[-1])}"
    lo, hi = (bare(short(end)) for end in (curve.median_lo, curve.median_hi))
    return f"{text}, half of all by dose {short(curve.median)} [{lo}, {hi}]"

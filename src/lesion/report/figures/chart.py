"""What a chart is: a kind of figure of a run, and the data that figures are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from lesion.analysis.meta import Meta
    from lesion.analysis.sites import SiteMap
    from lesion.analysis.summary import Analysis
    from lesion.analysis.verdict import Verdict


@dataclass(frozen=True)
class RunData:
    """The analysis of one run.

    Attributes:
        analyses: from `analysis.summary.analyse`.
        verdicts: from `analysis.compare.verdicts`.
        metas: from `analysis.meta.summaries`.
        maps: from `analysis.sites.site_maps`.
        dose_labels: lesion -> label of its dose axis.
        metrics: which metrics curves show, in the order of the rows; a task shows those that it
            has. Default: the main one and MCC, since the accuracy of a collapsed model is that of
            the class it fell on.
    """

    analyses: Sequence[Analysis] = ()
    verdicts: Sequence[Verdict] = ()
    metas: Sequence[Meta] = ()
    maps: Sequence[SiteMap] = ()
    dose_labels: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[str] = ()

    @cached_property
    def curves(self) -> pd.DataFrame:
        """From `analysis.frames.curve_frame`."""
        from lesion.analysis.frames import curve_frame

        return curve_frame(self.analyses)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """From `analysis.frames.summary_frame`."""
        from lesion.analysis.frames import summary_frame

        return summary_frame(self.analyses)

    @cached_property
    def diagnoses(self) -> pd.DataFrame:
        """From `analysis.frames.diagnosis_frame`."""
        from lesion.analysis.frames import diagnosis_frame

        return diagnosis_frame(self.analyses)

    def tasks(self) -> list[str]:
        """The tasks of the run, in the order of the analyses."""
        return list(dict.fromkeys(analysis.task for analysis in self.analyses))

    def lesions(self, task: str) -> list[str]:
        """The lesions of a task, in the order of the analyses."""
        return list(dict.fromkeys(a.lesion for a in self.analyses if a.task == task))

    def shown_metrics(self, task: str) -> tuple[str, ...]:
        """The metrics that the figures of a task show, the main one and MCC by default."""
        first = next(analysis for analysis in self.analyses if analysis.task == task)
        chosen = tuple(metric for metric in self.metrics if metric in first.curves)
        default = (first.metric, *(name for name in first.curves if name == "mcc"))
        return chosen or tuple(dict.fromkeys(default))


@dataclass(frozen=True)
class Chart:
    """One kind of figure.

    Attributes:
        name: of the kind.
        doc: one line: what it shows, and of which runs.
        draw: the figures of a run, each with the name of its file (without folder and suffix); none
            where the run has nothing to show.
    """

    name: str
    doc: str
    draw: Callable[[RunData], Iterator[tuple[str, Figure]]]

"""What a chart is: a kind of figure of a run, and the data that figures are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from lesion.report.figures.over import LABEL, curves_over_damage, doses_over_damage

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
    over: str = "dose"

    @cached_property
    def by_dose(self) -> pd.DataFrame:
        """From `analysis.frames.curve_frame`."""
        from lesion.analysis.frames import curve_frame

        return curve_frame(self.analyses)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """As `by_dose`, or over the damage done, which stands in the column `dose`."""
        return curves_over_damage(self.by_dose) if self.over == "damage" else self.by_dose

    @cached_property
    def summary(self) -> pd.DataFrame:
        """From `analysis.frames.summary_frame`; D50 over what the curves are over."""
        from lesion.analysis.frames import summary_frame

        return self._placed(summary_frame(self.analyses), "d50")

    @cached_property
    def diagnoses(self) -> pd.DataFrame:
        """From `analysis.frames.diagnosis_frame`; doses as those of the curves."""
        from lesion.analysis.frames import diagnosis_frame

        return self._placed(diagnosis_frame(self.analyses), "dose")

    def _placed(self, frame: pd.DataFrame, column: str) -> pd.DataFrame:
        over_damage = self.over == "damage"
        return doses_over_damage(frame, column, self.by_dose) if over_damage else frame

    @property
    def axes(self) -> Mapping[str, str]:
        """Lesion -> label of its axis: the dose, or the damage done."""
        return dict.fromkeys(self.dose_labels, LABEL) if self.over == "damage" else self.dose_labels

    @property
    def suffix(self) -> str:
        """Of the names of files: figures over damage stand beside those over doses."""
        return "-over-damage" if self.over == "damage" else ""

    def tasks(self) -> list[str]:
        """The tasks that have curves, in the order of the analyses."""
        return list(dict.fromkeys(task for task, _ in self._shown))

    def lesions(self, task: str) -> list[str]:
        """The lesions of a task that have curves, in the order of the analyses."""
        return list(dict.fromkeys(lesion for name, lesion in self._shown if name == task))

    @cached_property
    def _shown(self) -> list[tuple[str, str]]:
        if self.over == "dose":
            return [(analysis.task, analysis.lesion) for analysis in self.analyses]
        return list(zip(self.curves["task"], self.curves["lesion"], strict=True))

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

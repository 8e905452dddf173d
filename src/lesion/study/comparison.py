"""How a study compares its curves, how often it draws for that, and what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from lesion.schema import Between, Expand, OneOf, Spec, WordOr, doc
from lesion.study.questions import Question
from lesion.tasks.metrics import METRICS, Metric, in_words, installed_metric, word_of

OVER = ("dose", "damage")
BESIDE = {
    "d50": "the dose at which half of skill is gone",
    "initial_slope": "skill lost for each unit of dose in the first quarter of the doses",
    "steepness": "skill lost for each unit of dose between three quarters and one quarter",
}


@dataclass(frozen=True)
class Draws(Spec):
    """Draws and doses added where the uncertainty is, until comparisons are narrow enough."""

    start: Annotated[int, Between(3), doc("draws to begin with", key="from")]
    most: Annotated[int, Between(high=10_000), doc("draws at most", key="to")]
    until: Annotated[
        float, doc("half-width of the 95% interval of each difference of retained areas")
    ]

    def __post_init__(self) -> None:
        if not self.start <= self.most:
            raise ValueError(f"needs from <= to. Got {self.start} and {self.most}.")
        if not self.until > 0:
            raise ValueError(f"until must be above 0. Got {self.until:g}.")


@dataclass(frozen=True)
class Compare(Question):
    """Which curves are held against each other: a question, and others in `further`."""

    metric: Annotated[
        str | Metric | None,
        WordOr(Metric, METRICS, or_none=True, find=installed_metric),
        doc("metric of the comparison (default: the task's first)"),
    ] = None
    dose: Annotated[
        float | None, Between(0), doc("a dose at which curves are compared as well")
    ] = None
    also: Annotated[
        tuple[Annotated[str, OneOf(BESIDE)], ...], doc("what tables compare beside area")
    ] = ()
    further: Annotated[
        tuple[Question, ...], doc("more questions, each a family of comparisons of its own")
    ] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.metric is not None:
            object.__setattr__(self, "metric", in_words(self.metric))

    @property
    def questions(self) -> tuple[Question, ...]:
        """Every question of the study; each is a family of comparisons."""
        return (self, *self.further)


def expand_compare(value: Any) -> Any:
    """A list of questions as the first one with the others in `further`.

    Raises:
        ValueError: for an empty list, and where two of them give one key of the study differently.
    """
    if not isinstance(value, list | tuple):
        return value
    if not value or not all(isinstance(item, Mapping) for item in value):
        raise ValueError("must be a mapping, or a list of mappings.")
    own = {part.name for part in fields(Question)} | {"by"}
    shared: dict[str, Any] = {}
    for item in value:
        for key in item.keys() - own:
            if shared.setdefault(key, item[key]) != item[key]:
                raise ValueError(f"{key}: is one for the whole study. Got two.")
    alone = [{key: item[key] for key in item if key in own} for item in value]
    return {**alone[0], **shared, "further": alone[1:]}


COMPARE = Expand(expand_compare)


@dataclass(frozen=True)
class Figures(Spec):
    """What the figures of a run show."""

    metrics: Annotated[
        tuple[Annotated[str | Metric, WordOr(Metric, METRICS, find=installed_metric)], ...],
        doc("a row of panels each (default: the metric of the comparison, and mcc)"),
    ] = ()
    over: Annotated[
        str, OneOf(OVER), doc("axis of the curves: dose, or damage done (‖ΔW‖ / ‖W‖)")
    ] = "dose"

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", tuple(map(in_words, self.metrics)))
        words = [word_of(metric) for metric in self.metrics]
        if len(set(words)) < len(words):
            raise ValueError(f"metrics must be different. Got {', '.join(words)}.")


def own_metrics(compare: Compare, figures: Figures) -> tuple[Metric, ...]:
    """The metrics that are no words of Lesion: made in Python, or of packages; each once."""
    given = (compare.metric, *figures.metrics)
    return tuple(dict.fromkeys(metric for metric in given if isinstance(metric, Metric)))

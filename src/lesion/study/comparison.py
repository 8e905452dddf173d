"""How a study compares its curves, how often it draws for that, and what it shows."""

from dataclasses import dataclass

from lesion.schema.fields import field
from lesion.tasks.metrics import METRICS, Metric, in_words, word_of
from lesion.words import BESIDE

WORD = {"type": "string", "enum": list(METRICS)}  # a file names a metric; Python may give an object


@dataclass(frozen=True)
class Draws:
    """Draws and doses added where the uncertainty is, until comparisons are narrow enough."""

    start: int = field("draws to begin with", key="from", at_least=3)
    most: int = field("draws at most", key="to", at_most=10_000)
    until: float = field("half-width of the 95% interval of each difference of retained areas")

    def __post_init__(self) -> None:
        if not self.start <= self.most:
            raise ValueError(f"needs from <= to. Got {self.start} and {self.most}.")
        if not self.until > 0:
            raise ValueError(f"until must be above 0. Got {self.until:g}.")


@dataclass(frozen=True)
class Compare:
    """Which curves are held against each other."""

    between: str = field("models or groups", "model", choices=("model", "group"))
    metric: str | Metric | None = field(
        "metric of the comparison (default: the task's first)",
        None,
        choices=METRICS,
        shape={"anyOf": [WORD, {"type": "null"}]},
    )
    margin: float = field("smallest difference of retained area that matters", 0.02, at_least=0)
    dose: float | None = field("a dose at which curves are compared as well", None, at_least=0)
    also: tuple[str, ...] = field("what tables compare beside area", (), choices=BESIDE)

    def __post_init__(self) -> None:
        if self.metric is not None:
            object.__setattr__(self, "metric", in_words(self.metric))


@dataclass(frozen=True)
class Figures:
    """What the figures of a run show."""

    metrics: tuple[str | Metric, ...] = field(
        "a row of panels each (default: the metric of the comparison, and mcc)",
        (),
        choices=METRICS,
        shape={"type": "array", "items": WORD},
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", tuple(map(in_words, self.metrics)))
        words = [word_of(metric) for metric in self.metrics]
        if len(set(words)) < len(words):
            raise ValueError(f"metrics must be different. Got {', '.join(words)}.")


def own_metrics(compare: Compare, figures: Figures) -> tuple[Metric, ...]:
    """The metrics that were made in Python, each once."""
    given = (compare.metric, *figures.metrics)
    return tuple(dict.fromkeys(metric for metric in given if isinstance(metric, Metric)))

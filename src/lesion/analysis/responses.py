"""The outputs of a model under a lesion: the only input of the analysis."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from lesion.damage.reach import Reach
from lesion.tasks.metrics import Metric


class Responses(NamedTuple):
    """The outputs of one model on one task under one lesion, example by example.

    The array is dense: every seed has every draw, and every draw has every dose. Draw `d` of every
    model and seed is the same damage if the shapes of the models agree, and the examples are the
    same for all models of a task. The bootstrap pairs models through both.
    """

    model: str
    group: str | None
    task: str
    lesion: str
    kind: str  # of the task: decides which metrics there are
    metrics: tuple[str, ...]  # the main one first
    doses: np.ndarray  # (doses,) ascending; doses[0] == 0 is the intact model
    outputs: np.ndarray  # float32 (seeds, draws, doses, examples, columns); [:, :, 0] is intact
    labels: np.ndarray  # int64 (examples,)
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    draws: tuple[int, ...]
    random: bool = False  # whether draws differ in the damage
    own_metrics: tuple[Metric, ...] = ()  # made in Python; `metrics` may name them
    clusters: np.ndarray | None = None  # int64 (examples,): those of one cluster belong together
    strata: np.ndarray | None = None  # int64 (examples,): parts with shares fixed by the design
    columns: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # name -> a word per example
    damage_done: np.ndarray | None = None  # (doses,) mean ‖ΔW‖/‖W‖; nan where not measured
    reach: Reach | None = None  # of the lesion in the model; None for damage to texts
    dose_scale: str = "linear"  # or "log": of area, D50, slopes and figures

    def first(self, examples: int) -> "Responses":
        """With only the first so many examples."""

        def cut(values: Any) -> Any:
            return None if values is None else values[:examples]

        clusters = cut(self.clusters)
        if clusters is not None:  # numbered without gaps
            clusters = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
        return self._replace(
            outputs=self.outputs[..., :examples, :],
            labels=cut(self.labels),
            clusters=clusters,
            strata=cut(self.strata),
            columns={name: words[:examples] for name, words in self.columns.items()},
        )

    def metric(self, word: str) -> Metric | str:
        """What a name in `metrics` stands for: an own metric, or one of the kind."""
        return next((metric for metric in self.own_metrics if metric.word == word), word)


def count_clusters(responses: Responses) -> int:
    """How many clusters of examples there are; as many as examples where each is its own."""
    if responses.clusters is None:
        return len(responses.labels)
    return len(np.unique(responses.clusters))

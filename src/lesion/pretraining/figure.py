"""The learning curves of twins: held-out scores over the tokens of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesion.pretraining.learning import LearningScore
from lesion.report.figures.style import PALETTE, empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = {"accuracy": "masked top-1", "loss": "loss (nats per masked token)"}


def learning_figure(scores: Sequence[LearningScore]) -> Figure:
    """Held-out accuracy and loss: a column per language, a line per twin, a colour per group.

    Args:
        scores: rows of a learning table; twins are named `GROUP-SEED`.
    """
    languages = list(dict.fromkeys(score.language for score in scores))
    groups = list(dict.fromkeys(score.twin.rpartition("-")[0] for score in scores))
    colours = dict(zip(groups, PALETTE * len(groups), strict=False))
    with empty_figure((1.2 + 3 * len(languages), 5.4)) as figure:
        grid = figure.subplots(2, len(languages), squeeze=False, sharex=True, sharey="row")
        for axes_row, (field, label) in zip(grid, ROWS.items(), strict=True):
            axes_row[0].set_ylabel(label)
            for axes, language in zip(axes_row, languages, strict=True):
                _lines(axes, [s for s in scores if s.language == language], field, colours)
        for axes, language in zip(grid[0], languages, strict=True):
            axes.set_title(language, loc="left", fontweight="bold")
        for axes in grid[-1]:
            axes.set_xlabel("million tokens read")
        handles = [grid[0, 0].plot([], [], color=colours[group])[0] for group in groups]
        figure.legend(handles, groups, loc="outside upper left", ncols=len(groups), frameon=False)
    return figure


def _lines(axes, scores: Sequence[LearningScore], field: str, colours: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    for twin in dict.fromkeys(score.twin for score in scores):
        of_twin = [score for score in scores if score.twin == twin]
        tokens = [score.tokens / 1e6 for score in of_twin]
        values = [getattr(score, field) for score in of_twin]
        axes.plot(tokens, values, color=colours[twin.rpartition("-")[0]], linewidth=1.4)

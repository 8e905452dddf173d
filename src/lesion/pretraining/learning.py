"""The learning table of a twin family: held-out scores of every twin during training."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class LearningScore(NamedTuple):
    """One row of the learning table: masked tokens of held-out text, one language."""

    twin: str
    tokens: int  # of training so far
    language: str
    accuracy: float  # top-1
    loss: float  # nats per masked token


def write_scores(path: Path, scores: Iterable[LearningScore]) -> None:
    """The learning table as CSV: twin, tokens, language, accuracy, loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LearningScore._fields)
        for score in scores:
            writer.writerow([*score[:3], f"{score.accuracy:.4f}", f"{score.loss:.4f}"])


def read_scores(path: Path) -> list[LearningScore]:
    """The rows of a learning table."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        LearningScore(
            r["twin"], int(r["tokens"]), r["language"], float(r["accuracy"]), float(r["loss"])
        )
        for r in rows
    ]

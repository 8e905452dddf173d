"""The learning table of a family: held-out scores of every twin while it learns."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Score(NamedTuple):
    """One row of the learning table: masked tokens of held-out text, one language."""

    twin: str
    tokens: int  # read so far
    language: str
    accuracy: float  # top-1
    loss: float  # nats a masked token


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """The learning table as CSV: twin, tokens, language, accuracy, loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Score._fields)
        for score in scores:
            writer.writerow([*score[:3], f"{score.accuracy:.4f}", f"{score.loss:.4f}"])


def read_scores(path: Path) -> list[Score]:
    """The rows of a learning table, for a figure of the learning curves."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        Score(r["twin"], int(r["tokens"]), r["language"], float(r["accuracy"]), float(r["loss"]))
        for r in rows
    ]

"""The smallest task of every head: what a model gives for a few texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from lesion.tasks.base import Encoded, Row
from lesion.tasks.tokens import has_token_types

TEXTS = (
    ("the cat sat on the mat .", "a dog ran ."),
    ("rain fell on the quiet town all night .", "the old sailor told a long story ."),
    ("she reads a new book .", "he sold the house ."),
    ("a dog ran across the wide street .", "le chat dort ."),
)


class Reading:
    """The logits of texts: of classes for pairs of texts, or of all words at two positions."""

    name, kind, metrics, digest = "reading", "", (), ""
    classes: tuple[str, ...] = ("0", "1")
    offers: frozenset[str] = frozenset()

    def __init__(self, head: str, texts: tuple[tuple[str, str], ...], language: str) -> None:
        self.head, self.texts, self.language = head, texts, language

    @property
    def targets(self) -> np.ndarray:
        """No example has one."""
        return np.zeros(len(self.texts), np.int64)

    def encode(self, tokenizer: Any, config: Any) -> Encoded:
        """A row for each pair of texts or, for models of words, for each first text."""
        columns = [list(column) for column in zip(*self.texts, strict=True)]
        given = columns if self.head == "classification" else columns[:1]
        made = tokenizer(*given)
        names = ["input_ids"]
        if "token_type_ids" in made and has_token_types(config):
            names.append("token_type_ids")
        rows = [
            dict(zip(names, row, strict=True)) for row in zip(*map(made.get, names), strict=True)
        ]
        if self.head != "classification":
            rows = [{**row, "positions": [number % 2, 2]} for number, row in enumerate(rows)]
        return Encoded(rows)

    def with_texts(self, texts: tuple[tuple[str, ...], ...]) -> Reading:
        """The task on other texts."""
        return Reading(self.head, tuple(zip(*texts, strict=True)), self.language)

    def reduce(self, logits: Any, rows: list[Row]) -> Any:
        """All logits, in a line for each row."""
        return logits.flatten(1)

    def gather(self, outputs: np.ndarray, encoded: Encoded) -> np.ndarray:
        """The outputs."""
        return outputs

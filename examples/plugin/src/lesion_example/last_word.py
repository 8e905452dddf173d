"""A kind of task: the last word of each line, for masked language models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

from lesion.errors import LesionError
from lesion.schema import Between, File, doc
from lesion.tasks.base import find_file
from lesion.tasks.cloze import WORD, Cloze, ClozeItem, ClozeKind


@dataclass(frozen=True)
class LastWordKind(ClozeKind):
    """the last word of each line, to be guessed."""

    word, default_examples = "last-word", None
    example: ClassVar = {"file": "lines.txt"}

    file: Annotated[File | None, doc("text with one example a line")] = None
    least: Annotated[int, Between(2), doc("words that a line must have")] = 3

    def task(self, name: str, data: Path | None) -> LastWord:
        """The task on a text file. Nothing is read yet."""
        path = find_file(self.file or "", data)
        return LastWord(name, path, self.examples, self.language or "en", self.least)


@dataclass(frozen=True)
class LastWord(Cloze):
    """The last words of the lines of a file. All but the choice of words is a cloze's."""

    entry = LastWordKind
    least: int = 3

    @cached_property
    def evaluated(self) -> tuple[ClozeItem, ...]:
        """The lines, and where their last word is."""
        items = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            spans = [match.span() for match in WORD.finditer(line)]
            if len(spans) >= self.least:
                items.append(ClozeItem(line, *spans[-1]))
        if not items:
            raise LesionError(f"{self.path}: has no line of {self.least} words or more.")
        return tuple(items[: self.examples])

"""Files of minimal pairs: BLiMP, CLAMS and two columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.schema.errors import shortened
from lesion.tasks.columns import PARADIGM, no_column
from lesion.tasks.examples import PairSet
from lesion.tasks.sources.tables import (
    absent,
    incomplete,
    left_out,
    read_jsonl,
    read_tsv,
    words_of,
)

GRAMMATICAL = ("True", "False")
HEADERS = (("good", "bad"), ("sentence_good", "sentence_bad"))


class Pair(NamedTuple):
    """One minimal pair and where it was read."""

    good: str
    bad: str
    line: int
    paradigm: str = ""


class PairFile(NamedTuple):
    """Minimal pairs in a file.

    Attributes:
        path: `.jsonl` is BLiMP's format (Warstadt et al. 2020), with the keys sentence_good and
            sentence_bad; lines `True<TAB>sentence` and `False<TAB>sentence` are CLAMS's (Mueller
            et al. 2020), each false sentence a pair with the true one before it, and a blank
            line ends a block; anything else is `good<TAB>bad`, with or without the header
            good, bad.
        label: key of the paradigm in a `.jsonl` file, such as UID; None: one paradigm.
        missing: "refuse" pairs that lack a sentence or paradigm, or "drop" them.
        name: the task's, for notes.
        columns: further keys of a `.jsonl` file, a word for each pair.
    """

    path: Path
    label: str | None = None
    missing: str = "refuse"
    name: str = ""
    columns: tuple[str, ...] = ()

    def read(self) -> PairSet:
        """All pairs.

        Raises:
            LesionError: with the line, if a line does not fit or both sentences of a pair are the
                same; with every line that lacks a sentence.
        """
        every = list(self._pairs())
        pairs = self._complete(every)
        for pair in pairs:
            if pair.good == pair.bad:
                at = f"{self.path}, line {pair.line}"
                raise LesionError(f"{at}: both sentences are the same: {shortened(pair.good)}.")
        if not pairs:
            raise LesionError(f"{self.path}: has no pairs. Give a file with at least one.")
        names = sorted({pair.paradigm for pair in pairs})
        return PairSet(
            tuple(pair.good for pair in pairs),
            tuple(pair.bad for pair in pairs),
            np.array([names.index(pair.paradigm) for pair in pairs], dtype=np.int64),
            tuple(names) if self.label else (),
            str(self.path),
            note=left_out(self.name, self.path, "line", len(every) - len(pairs), len(every))
            if len(pairs) < len(every)
            else "",
            columns=self._words(pairs),
        )

    def _words(self, pairs: list[Pair]) -> dict[str, tuple[str, ...]]:
        """The paradigm, where there are several, and the further columns."""
        words = {PARADIGM: tuple(pair.paradigm for pair in pairs)} if self.label else {}
        if not self.columns:
            return words
        if self.path.suffix.lower() != ".jsonl":
            raise no_column(self.path, self.columns[0], words)
        table, lines = read_jsonl(self.path), {pair.line for pair in pairs}
        rows = [row for row, number in enumerate(table.numbers) if number in lines]
        return words | words_of(table.at_rows(rows), self.columns)

    def _complete(self, pairs: list[Pair]) -> list[Pair]:
        needed = ("good", "bad", "paradigm") if self.label else ("good", "bad")
        lacking = [
            (pair.line, names)
            for pair in pairs
            if (names := [name for name in needed if absent(getattr(pair, name))])
        ]
        if lacking and self.missing != "drop":
            raise incomplete(self.path, "line", lacking)
        lines = {line for line, _ in lacking}
        return [pair for pair in pairs if pair.line not in lines]

    def _pairs(self) -> Iterator[Pair]:
        if self.path.suffix.lower() == ".jsonl":
            return _blimp(self.path, self.label)
        if self.label is not None:
            raise LesionError(
                f"{self.path}: only a .jsonl file has a key for the paradigm. "
                f"Got label {shortened(self.label)}: leave it out."
            )
        table = read_tsv(self.path, names=("first", "second"))
        rows = list(
            zip(table.columns["first"], table.columns["second"], table.numbers, strict=True)
        )
        if rows and rows[0][0] in GRAMMATICAL:
            return _clams(self.path, rows)
        return _columns(self.path, rows)


def _blimp(path: Path, label: str | None) -> Iterator[Pair]:
    table = read_jsonl(path)
    if not table.numbers:
        return
    good, bad = table.column("sentence_good"), table.column("sentence_bad")
    paradigms = table.column(label) if label else [""] * len(good)
    for row, values in enumerate(zip(good, bad, paradigms, strict=True)):
        keys = ("sentence_good", "sentence_bad", label)
        for key, value in zip(keys, values, strict=True):
            if value is not None and not isinstance(value, str):
                raise LesionError(f"{table.at(row)}: {key} must be text. Got {shortened(value)}.")
        words = [value or "" for value in values]
        yield Pair(words[0], words[1], table.numbers[row], words[2])


def _clams(path: Path, rows: list[tuple[str, str, int]]) -> Iterator[Pair]:
    true: str | None = None
    used, last = True, 0
    for verdict, sentence, number in rows:
        at = f"{path}, line {number}"
        if verdict not in GRAMMATICAL:
            raise LesionError(f"{at}: must begin with True or False. Got {shortened(verdict)}.")
        if number > last + 1 and last:  # a blank line ends a block
            _paired(path, last, used)
            true, used = None, True
        last = number
        if verdict == "True":
            _paired(path, number - 1, used)
            true, used = sentence, False
        elif true is None:
            raise LesionError(f"{at}: a False sentence needs a True one before it, in its block.")
        else:
            used = True
            yield Pair(true, sentence, number)
    _paired(path, last, used)


def _paired(path: Path, number: int, used: bool) -> None:
    if not used:
        raise LesionError(f"{path}, line {number}: a True sentence needs a False one after it.")


def _columns(path: Path, rows: list[tuple[str, str, int]]) -> Iterator[Pair]:
    header = bool(rows) and (rows[0][0].strip(), rows[0][1].strip()) in HEADERS
    for good, bad, number in rows[header:]:
        yield Pair(good, bad, number)

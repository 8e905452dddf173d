"""The contract of a corruption of texts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from lesion.distraction.corruptions import Corruption
from lesion.distraction.distraction import Distraction
from lesion.distraction.edits import MASK, Edit, render
from lesion.keys import random_uint32
from lesion.tasks.examples import Split
from lesion.testing.entries import entry_checks, made
from lesion.testing.results import Options, Result, SkippedError, require, run_checks
from lesion.testing.surroundings import (
    described,
    description,
    in_another_process,
    untouched_generators,
)

TEXTS = (
    'The  referendum , which he called "historic" , won\'t be held on Friday in New\tYork .\n',
    "a quick brown fox jumps over two lazy dogs while nobody looks",
    "Rain fell on the quiet town .",
    "Yes",
    "",
)
DOSES = (0.0, 0.02, 0.1, 0.25, 0.5, 0.9, 1.0)


def check_corruption(
    corruption: Corruption | type[Corruption],
    *,
    texts: Sequence[str] = TEXTS,
    language: str = "en",
    **options: Unpack[Options],
) -> list[Result]:
    """Check a corruption on texts.

    Args:
        corruption: an object, or a class that is made with the parameters of its `example`.
        texts: of some words each, no two of which are equal in one text.
        language: of the texts.
        options: see `lesion.testing.results.Options`.

    Raises:
        ContractError: if a check failed.
    """
    suite = _Suite(made(corruption), tuple(texts), language)
    checks = {
        **entry_checks(suite.corruption, Corruption),
        "every edit changes its text": suite.every_edit_changes,
        "no two edits touch one word": suite.edits_are_apart,
        "dose 0 changes nothing": suite.dose_0_changes_nothing,
        "doses are exact and nested": suite.doses_are_exact_and_nested,
        "the way to a dose does not matter": suite.the_way_does_not_matter,
        "draws differ exactly if it is random": suite.draws_differ_exactly_if_random,
        "it needs a mask token exactly if it masks words": suite.mask_token_is_declared,
        "no global generator is moved": suite.no_global_generator,
        "another process makes the same texts": suite.another_process_makes_the_same,
    }
    return run_checks(f"Corruption {suite.corruption.word}", checks, **options)


class _Suite:
    def __init__(self, corruption: Corruption, texts: tuple[str, ...], language: str) -> None:
        self.corruption, self.texts, self.language = corruption, texts, language
        self.distraction = Distraction(corruption)

    def edits(self, text: str, example: int = 0) -> list[Edit]:
        context = self.corruption.context(self.language)._replace(text=text)
        return self.corruption.edits(
            text.split(),
            lambda count, purpose: random_uint32(count, 0, "check", 0, example, 0, purpose),
            context,
        )

    def at(self, *doses: float, draw: int = 0, **address: Any) -> tuple[str, ...]:
        """The texts at the last of some doses."""
        return _texts_at(self.corruption, self.texts, self.language, doses, draw, **address)

    def every_edit_changes(self) -> None:
        for text in self.texts:
            for edit in self.edits(text):
                require(render(text, [edit]) != text, f"{edit} leaves {text!r} as it is.")

    def edits_are_apart(self) -> None:
        for text in self.texts:
            touched = [number for edit in self.edits(text) for number in edit.replaced]
            require(len(touched) == len(set(touched)), f"Two edits touch a word of {text!r}.")
            require(set(touched) <= set(range(len(text.split()))), f"{text!r} has no such word.")

    def dose_0_changes_nothing(self) -> None:
        require(self.at(0.0) == self.texts, "Dose 0 changes a text.")

    def doses_are_exact_and_nested(self) -> None:
        """Read from the texts: words that no edit names stay where they are."""
        for text in self.texts:
            edits = self.edits(text)
            for dose in DOSES:
                first = edits[: round(dose * len(edits))]
                words, after = text.split(), render(text, first).split()
                gone = {n for edit in first for n, new in edit.replaced.items() if not new}
                added = sum(edit.inserted is not None for edit in first)
                new = [word for edit in first for word in edit.replaced.values() if word]
                extra = sum(len(word.split()) - 1 for word in new)
                expected = len(words) - len(gone) + added + extra
                require(len(after) == expected, f"Dose {dose} of {text!r} gives {after}.")
                touched = {number for edit in first for number in edit.replaced}
                kept = [word for number, word in enumerate(words) if number not in touched]
                require(_is_within(kept, after), f"Dose {dose} of {text!r} changes other words.")
        states = [self.at(dose) for dose in DOSES]
        for milder, harder in itertools.pairwise(states):
            for text, less, more in zip(self.texts, milder, harder, strict=True):
                require(less == text or more != text, f"A larger dose heals {text!r}.")

    def the_way_does_not_matter(self) -> None:
        require(self.at(0.9, 0.1, 0.3) == self.at(0.3), "Other doses before change the texts.")

    def draws_differ_exactly_if_random(self) -> None:
        random = bool(self.corruption.random)
        others = {"draws": self.at(0.5, draw=1), "seeds": self.at(0.5, seed=1),
                  "names": self.at(0.5, name="other")}  # fmt: skip
        for what, other in others.items():
            differ = other != self.at(0.5)
            does = "differ" if differ else "do not differ"
            require(differ == random, f"random is {random}, but {what} {does}.")

    def mask_token_is_declared(self) -> None:
        masked = any(MASK in text for text in self.at(1.0))
        declared = self.corruption.needs_mask_token
        require(masked == declared, f"needs_mask_token is {declared}.")

    def no_global_generator(self) -> None:
        with untouched_generators():
            self.at(0.5)

    def another_process_makes_the_same(self) -> None:
        if "\ue000" in "".join(self.texts):
            raise SkippedError("the texts hold masked words already")
        code = (
            "from lesion.testing.corruptions import _texts_at\n"
            "from lesion.testing.surroundings import described\n"
            "entry, texts, language = arguments\n"
            "print(json.dumps(_texts_at(described(entry), texts, language, [0.4], 7)))"
        )
        entry = description(self.corruption)
        require(described(entry) == self.corruption, "Its parameters do not make it anew.")
        there = in_another_process(code, entry, self.texts, self.language)
        require(tuple(json.loads(there)) == self.at(0.4, draw=7), "Another process differs.")


def _texts_at(
    corruption: Corruption,
    texts: Sequence[str],
    language: str,
    doses: Sequence[float],
    draw: int,
    **address: Any,
) -> tuple[str, ...]:
    split = Split((tuple(texts),), np.zeros(len(texts), np.int64), "here")
    edits = Distraction(corruption, **address).opened(split, draw, language)
    return [edits.deepen(dose)[0][0] for dose in doses][-1]


def _is_within(short: Sequence[str], long: Sequence[str]) -> bool:
    """Whether the words of one are a subsequence of the other's."""
    rest = iter(long)
    return all(word in rest for word in short)

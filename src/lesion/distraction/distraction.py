"""Damage to the input: words inserted, dropped, swapped, mistyped; the model stays whole.

wound = Distraction("insert", words="en").opened(task.evaluated, draw=0)
for dose in (0.1, 0.2, 0.3):
    texts, receipt = wound.deepen(dose)     # at 0.2 stands what stood at 0.1, and more

The contract is that of a lesion. Every text is a site, its words are the units, and a dose makes
the first round(dose * n) edits of a random order that is keyed by seed, name, draw, example and
column alone.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion.damage.arguments import plain_dose, whole_draw
from lesion.damage.receipt import Receipt
from lesion.distraction import wordlists
from lesion.distraction.edits import DISTRACTIONS, MASK, Edit, Means, render
from lesion.distraction.keyboard import LAYOUTS
from lesion.errors import LesionError
from lesion.keys import priorities
from lesion.schema.fields import hint
from lesion.tasks.base import Split
from lesion.tasks.classify import Classification
from lesion.words import PER

if TYPE_CHECKING:
    from lesion.preparing.prepared import PreparedModel

Texts = tuple[tuple[str, ...], ...]  # (columns) × (examples), as in Split


@dataclass(frozen=True)
class Distraction:
    """A recipe that any dose can be taken from.

    Args:
        kind: a word of `DISTRACTIONS`.
        words: where the words come from that are put in: a language of wordfreq, or a file with
            one word a line. Default: English; code-switch needs another language than the texts'.
        language: of the texts; tells the keyboard and how frequent their words are. Default: the
            task's.
        matched: put in words about as frequent as the text's own. Default: code-switch only.
        count: so many of the most frequent words.
        columns: which columns of text, from 0. Default: all.
        per: of insert, what a dose is a fraction of: `words` or `characters` of the text, which
            makes round(dose * n) inserted words of n. Default: words.
        name, seed: with the draw they address the randomness.

    Raises:
        LesionError: for a word that does not exist, or what makes no sense for the kind.

    Example:
        >>> split = Split((("The cat sat down .",),), np.zeros(1, int), "here")
        >>> texts, receipt = Distraction("drop").opened(split).deepen(0.4)
        >>> len(texts[0][0].split()), receipt.destroyed, receipt.units
        (3, 2, 5)
    """

    kind: str
    words: str | None = None
    language: str | None = None
    matched: bool | None = None
    count: int | None = None
    columns: tuple[int, ...] | None = None
    per: str | None = None
    name: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in DISTRACTIONS:
            raise LesionError(
                f"distraction: must be one of {', '.join(DISTRACTIONS)}. "
                f"Got {self.kind!r}.{hint(self.kind, DISTRACTIONS)}"
            )
        if not self.name:
            object.__setattr__(self, "name", self.kind)
        _check_words(self)
        if self.language:
            self._means(self.language)
        elif self._list:
            self._wordlist()

    @property
    def random(self) -> bool:
        """Whether different draws differ."""
        return True

    def opened(self, split: Split, draw: int = 0, language: str = "en") -> "Distracted":
        """Order the edits of every text.

        Args:
            split: the examples that are scored; only their texts are read.
            draw: which random realisation.
            language: of the texts, where the distraction names none.

        Raises:
            LesionError: if a column is not there, or no text has anything to damage.
        """
        columns = range(len(split.texts)) if self.columns is None else self.columns
        missing = sorted(set(columns) - set(range(len(split.texts))))
        if missing:
            raise LesionError(
                f"{self.name}: columns must be of the {len(split.texts)} that the texts have, "
                f"counted from 0. Got {missing[0]}."
            )
        means = self._means(self.language or language)
        return Distracted(self, split.texts, columns, whole_draw(draw), means)

    def open(self, prepared: "PreparedModel", draw: int) -> AbstractContextManager[Any]:
        """As `wounded`, on a model that a study has prepared."""
        task: Any = prepared.task
        return self.wounded(task, prepared.tokenizer, prepared.score.read, draw)

    @contextmanager
    def wounded(
        self,
        task: Classification,
        tokenizer: Any,
        reread: Callable[[Classification], object],
        draw: int = 0,
    ) -> Iterator["DistractionWound"]:
        """Damage what a scorer reads; on leaving, it reads the intact texts again.

        Args:
            task: the intact one.
            tokenizer: the model's own; masking needs its mask token.
            reread: makes the scorer read this version of the task from now on.
            draw: which random realisation.

        Raises:
            LesionError: as `opened`.
        """
        if self.kind == "mask":
            unmasked([], tokenizer)
        wound = DistractionWound(
            self.opened(task.evaluated, draw, task.language), task, tokenizer, reread
        )
        try:
            yield wound
        finally:
            reread(task)

    @property
    def _list(self) -> str | None:
        """Where words come from; None where none are put in."""
        return self.words or "en" if DISTRACTIONS[self.kind].takes_words else None

    def _wordlist(self) -> wordlists.WordList | None:
        return wordlists.load(self._list, self._count) if self._list else None

    @property
    def _count(self) -> int:
        return wordlists.ARTICLE_COUNT if self.count is None else self.count

    def _means(self, language: str) -> Means:
        """What the kind works with, for texts of a language."""
        kind = DISTRACTIONS[self.kind]
        if self.kind == "typo" and language not in LAYOUTS:
            raise LesionError(
                f"language: typo knows the keyboards of {', '.join(LAYOUTS)}. Got {language!r}. "
                "Set language to the one whose keyboard comes nearest."
            )
        if self.kind == "code-switch" and self._list == language:
            raise LesionError(
                f"words: code-switch needs another language than that of the texts ({language}). "
                "Set words to another, or take replace."
            )
        matched = kind.matched if self.matched is None else self.matched
        return Means(
            self._wordlist(),
            wordlists.load(language) if kind.takes_words and matched else None,
            language if language in LAYOUTS else "en",
        )


class Distracted:
    """The edits of every text, ready for any dose. Made by `Distraction.opened`."""

    def __init__(
        self,
        distraction: Distraction,
        texts: Texts,
        columns: Sequence[int],
        draw: int,
        means: Means,
    ) -> None:
        self.texts = texts
        address = (distraction.seed, distraction.name, draw)
        edits = DISTRACTIONS[distraction.kind].edits
        self._edits: dict[tuple[int, int], list[Edit]] = {}
        for column in columns:
            for example, text in enumerate(texts[column]):
                drawn = partial(_draw, address, (example, column))
                room = len(text) if distraction.per == "characters" else None
                self._edits[column, example] = edits(
                    re.findall(r"\S+", text), drawn, means._replace(room=room)
                )
        if not any(self._edits.values()):
            raise LesionError(
                f"{distraction.name}: has no targets: no text has a word for {distraction.kind}."
            )

    def deepen(self, dose: float) -> tuple[Texts, Receipt]:
        """All texts at a dose, and proof of what was done: a site is a text, a unit a word.

        Raises:
            LesionError: if the dose is not a number in [0, 1].
        """
        dose = plain_dose(dose)
        found = [list(column) for column in self.texts]
        whole, destroyed, sites = hashlib.blake2b(digest_size=16), 0, 0
        for (column, example), edits in self._edits.items():
            done = edits[: round(dose * len(edits))]
            if done:
                found[column][example] = render(self.texts[column][example], done)
                whole.update(json.dumps([column, example, *map(_plain, done)]).encode())
                destroyed, sites = destroyed + len(done), sites + 1
        units = sum(map(len, self._edits.values()))
        receipt = Receipt(destroyed, destroyed, units, sites, whole.hexdigest())
        return tuple(map(tuple, found)), receipt


class DistractionWound:
    """A distraction as the sweep sees it: the same `deepen` as a lesion's wound."""

    def __init__(
        self,
        distracted: Distracted,
        task: Classification,
        tokenizer: Any,
        reread: Callable[[Classification], object],
    ) -> None:
        self._distracted, self._task = distracted, task
        self._tokenizer, self._reread = tokenizer, reread

    def deepen(self, dose: float) -> Receipt:
        """Have the scorer read the texts at a dose."""
        texts, receipt = self._distracted.deepen(dose)
        shown = tuple(unmasked(column, self._tokenizer) for column in texts)
        self._reread(retold(self._task, shown))
        return receipt


@dataclass(frozen=True)
class Told:
    """A source that holds one split, whatever it is asked for."""

    default: str
    classes: tuple[str, ...]
    split: Split

    def read(self, split: str) -> Split:
        """The split."""
        return self.split


def retold(task: Classification, texts: Texts) -> Classification:
    """A task whose evaluated examples have other texts and everything else in common."""
    split = dataclasses.replace(task.evaluated, texts=texts)
    source = Told(task.split_name, task.classes, split)
    return dataclasses.replace(task, source=source, scored=task.split_name, examples=None)


def unmasked(texts: Sequence[str], tokenizer: Any) -> tuple[str, ...]:
    """Texts in which masked words are a tokenizer's own mask token.

    Raises:
        LesionError: if it has none.
    """
    token = getattr(tokenizer, "mask_token", None)
    if token is None:
        if any(MASK in text for text in texts) or not texts:
            raise LesionError(
                f"mask: {type(tokenizer).__name__} has no mask token. "
                "Choose a masked language model such as BERT or XLM, or take drop."
            )
        return tuple(texts)
    return tuple(text.replace(MASK, token) for text in texts)


def _check_words(distraction: Distraction) -> None:
    """Refuse what makes no sense for the kind."""
    kind = distraction.kind
    given = {key: getattr(distraction, key) for key in ("words", "matched", "count")}
    for key, value in given.items():
        if value is not None and not DISTRACTIONS[kind].takes_words:
            raise LesionError(f"{key}: {kind} puts in no words of a list. Leave {key} out.")
    if distraction.count is not None and distraction.count < 1:
        raise LesionError(f"count: must be 1 or more. Got {distraction.count}.")
    if distraction.per not in (None, *PER):
        raise LesionError(
            f"per: must be one of {', '.join(PER)}. Got {distraction.per!r}."
            f"{hint(distraction.per, PER)}"
        )
    if distraction.per and kind != "insert":
        raise LesionError(f"per: belongs to insert. Got {kind}.")
    if kind == "code-switch" and distraction.words is None:
        raise LesionError("words: code-switch needs another language. Set words, to fr for French.")


def _plain(edit: Edit) -> list:
    return [sorted(edit.instead.items()), edit.added]


def _draw(address: tuple, text: tuple[int, int], count: int, what: str) -> np.ndarray:
    seed, *rest = address
    return priorities(count, seed, *rest, *text, what)

"""A primer: sentences, cut from a twin's own text, that make the number of a verb worth learning.

In ordinary text the noun beside a verb nearly always tells its number, so a small model reads the
nearest noun and stops there. A primer holds more of the sentences where that fails:

- chosen: as they stand in the text; the nearest noun has the verb's number, or has the other;
- recombined: a phrase or a relative clause of one sentence put between the subject and the verb of
  another, or the subject joined by "and" to another noun, or to another clause.

Which nouns are plural is counted from the text itself: what stands before "was", what before
"were". Each sentence comes with the place of its verb, which training always hides. This is
augmentation with agreement in mind, and a family that used it must say so. Its verbs are few
(`primer_words.py`) and nothing like "The man saw the boys and is" is built, so that both other
verbs and another construction are left to be tested on.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from lesion.errors import LesionError
from lesion.keys import generator
from lesion.pretraining.primer_words import PRIMERS, Primer
from lesion.tasks.sources.texts import paragraphs

SHARES = {"recombined": 0.5, "near": 0.3, "far": 0.2}  # of the sentences of a primer
WAYS = {"phrase": 2, "relative": 2, "nouns": 1.5, "clauses": 1.5}  # weights of recombination
UNLIKE = 0.7  # share of recombined sentences whose inserted noun is drawn with the other number
WORDS = (4, 30)  # length of a sentence that is used, in words
LONGEST = 36  # of a recombined one
REACH = 8  # words before the verb in which the nearest noun is looked for
SEEN = 4  # times that a word must stand before a verb for its number to be known
SURE = 0.8  # smallest log odds of a known number
NOUN = 0.15  # share of a word's occurrences behind a determiner that makes it a noun
FEW = 8  # sentences of each number that a verb needs to be used
FLATTEN = 0.35  # exponent of a verb's singular times plural sentences: rare verbs are shown more

END = re.compile(r"[.!?…;:]+[\"”»’')]*\s+|[\"“”«»]|\s[—–-]+\s|--|[—–]")
TOKEN = re.compile(r"[^\W\d_]+|[^\w\s]")
STOP = frozenset(",.;:!?")
Item = TypeVar("Item")
LEFT = re.compile(r" ([,.;:!?])")  # no blank before these
APOSTROPHE = re.compile(r" ?([’'-]) ?")


class Found(NamedTuple):
    """A sentence with a verb whose number is known."""

    words: list[str]  # words and punctuation
    subject: tuple[int, int]  # its noun phrase: first word, one past the noun; (0, 0): unknown
    verb: int


class Parts(NamedTuple):
    """What recombination inserts; pairs are (singular, plural)."""

    phrases: tuple[list[list[str]], list[list[str]]]  # of the king
    relatives: list[list[str]]  # who saw the king
    nouns: tuple[list[list[str]], list[list[str]]]  # the king
    clauses: list[list[str]]  # The king slept


Cell = tuple[str, int]  # singular form of a verb, number: 0 singular, 1 plural


class Text:
    """The sentences of a text, and what they tell about the number of its words."""

    def __init__(self, path: Path, words: Primer) -> None:
        self.words = words
        self.number = {form: n for pair in words.verbs for n, form in enumerate(pair)}
        self.verb = {form: pair[0] for pair in words.verbs for form in pair}
        self.sentences = list(_sentences(path))
        self.known, self.nouns = self._numbers()

    def _numbers(self) -> tuple[dict[str, int], dict[str, int]]:
        """Number of each word that stands before verbs, and of those that are nouns."""
        before: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        behind, seen = Counter[str](), Counter[str]()
        for _, lower in self.sentences:
            seen.update(lower)
            for first, second in pairwise(lower):
                if self.verb.get(second) in self.words.counted:
                    before[first][self.number[second]] += 1
                if first in self.words.determiners:
                    behind[second] += 1
        total = [1 + sum(counts[n] for counts in before.values()) for n in (0, 1)]
        bias = 0.5 * math.log(total[1] / total[0])
        known = {}
        for word, (one, many) in before.items():
            odds = math.log((many + 0.3) / (one + 0.3)) - bias
            if one + many >= SEEN and abs(odds) > SURE and word not in self.number:
                known[word] = int(odds > 0)
        nouns = {w: n for w, n in known.items() if len(w) > 2 and behind[w] >= NOUN * seen[w]}
        return known, nouns

    def cells(self) -> dict[str, dict[Cell, list[Found]]]:
        """Sentences by kind of primer, verb and number."""
        cells: dict[str, dict[Cell, list[Found]]] = {kind: defaultdict(list) for kind in SHARES}
        for words, lower in self.sentences:
            for place, form in enumerate(lower):
                if place == 0 or form not in self.number:
                    continue
                cell = (self.verb[form], self.number[form])
                if (start := self._subject(lower, place, cell[1])) is not None:
                    cells["recombined"][cell].append(Found(words, (start, place), place))
                if (kind := self._chosen(lower, place, cell)) is not None:
                    cells[kind][cell].append(Found(words, (0, 0), place))
        return {kind: self._enough(found) for kind, found in cells.items()}

    def _chosen(self, lower: Sequence[str], verb: int, cell: Cell) -> str | None:
        """Whether the nearest noun before a verb has its number: "near", "far", or not known."""
        if not self.words.blocking.isdisjoint(lower[max(0, verb - 3) : verb]):
            return None
        window = reversed(lower[max(0, verb - REACH) : verb])
        nearest = next((self.known[word] for word in window if word in self.known), None)
        if nearest is None:
            return None
        if nearest == cell[1]:
            return "near"
        return "far" if cell[0] in self.words.counted else None

    def _enough(self, cells: dict[Cell, list[Found]]) -> dict[Cell, list[Found]]:
        """Only verbs that have sentences of both numbers."""
        good = {v for v, _ in self.words.verbs if all(len(cells[v, n]) >= FEW for n in (0, 1))}
        return {cell: found for cell, found in cells.items() if cell[0] in good}

    def _subject(self, lower: Sequence[str], verb: int, number: int) -> int | None:
        """Where "the (poor) king" before a verb begins, early in its sentence."""
        if self.nouns.get(lower[verb - 1]) != number:
            return None
        start = self._phrase(lower, verb - 1)
        return start if start is not None and start <= 4 else None

    def _phrase(self, lower: Sequence[str], noun: int) -> int | None:
        """Where the noun phrase that ends in `noun` begins: a determiner and at most one word."""
        if noun >= 1 and lower[noun - 1] in self.words.determiners:
            return noun - 1
        between = lower[noun - 1] if noun >= 2 else ""
        plain = between.isalpha() and between not in self.nouns and between not in self.number
        if plain and between not in self.words.prepositions:
            return noun - 2 if lower[noun - 2] in self.words.determiners else None
        return None

    def parts(self) -> Parts:
        """Phrases, clauses and nouns to insert."""
        made = Parts(([], []), [], ([], []), [])
        for words, lower in self.sentences:
            for place, word in enumerate(lower):
                if word in self.nouns and (start := self._phrase(lower, place)) is not None:
                    self._take_phrase(made, words, lower, start, place)
                if word in self.words.relatives and place:
                    self._take_relative(made, words, lower, place)
            if self._is_clause(words, lower):
                made.clauses.append(words[:-1])
        return made

    def _is_clause(self, words: list[str], lower: list[str]) -> bool:
        """Whether a sentence is short, plain and without a verb whose number would show."""
        plain = words[-1] == "." and all(word.isalpha() for word in words[:-1])
        short = len(words) <= 8 and lower[0] in self.words.determiners
        return plain and short and not any(word in self.number for word in lower)

    def _take_phrase(
        self, made: Parts, words: list[str], lower: list[str], start: int, noun: int
    ) -> None:
        number, after = self.nouns[lower[noun]], lower[noun + 1] if noun + 1 < len(lower) else "."
        if after in STOP or after in self.number or after == self.words.conjunction:
            if start and lower[start - 1] in self.words.prepositions:
                made.phrases[number].append(words[start - 1 : noun + 1])
            made.nouns[number].append([lower[start], *words[start + 1 : noun + 1]])

    def _take_relative(self, made: Parts, words: list[str], lower: list[str], place: int) -> None:
        if self.words.commas and lower[place - 1] != ",":
            return
        for end in range(place + 2, min(len(lower), place + 8)):
            if lower[end] in STOP:
                clause = words[place:end]
                plain = all(w.isalpha() and w.lower() not in self.number for w in clause)
                if plain:
                    made.relatives.append([",", *clause, ","] if self.words.commas else clause)
                return


def primer(path: Path, language: str, count: int) -> Iterator[tuple[str, int]]:
    """Sentences made from a text file, `count` of them, each with the place of its verb.

    Args:
        path: a text that a twin is trained on; plain, .gz or .xz.
        language: one of `PRIMERS`.

    Raises:
        LesionError: if the text has too few sentences to choose from.

    Yields:
        The sentence, and the character at which its verb begins.
    """
    text = Text(path, PRIMERS[language])
    cells, parts = text.cells(), text.parts()
    if not all(cells.values()):
        raise LesionError(
            f"{path}: too little text for a primer: no verb of it has {FEW} sentences of each "
            "number. Give more text or set primer_share to 0."
        )
    weights = {kind: _weights(found) for kind, found in cells.items()}
    draw = generator(0, "primer", language)
    for kind in draw.choice(list(SHARES), size=count, p=list(SHARES.values())):
        verbs, shares = weights[kind]
        number = int(draw.integers(2))
        found = _any(cells[kind][verbs[draw.choice(len(verbs), p=shares)], number], draw)
        if kind == "recombined":
            before, after = _recombined(found, number, parts, text.words.conjunction, draw)
        else:
            before, after = found.words[: found.verb], found.words[found.verb :]
        if len(before) + len(after) <= LONGEST:
            yield _written(before, after)


def _weights(cells: dict[Cell, list[Found]]) -> tuple[list[str], np.ndarray]:
    """The verbs of some cells and how often each is drawn."""
    verbs = sorted({verb for verb, _ in cells})
    sizes = np.array([len(cells[v, 0]) * len(cells[v, 1]) for v in verbs], dtype=float)
    flat = sizes**FLATTEN
    return verbs, flat / flat.sum()


def _any(items: Sequence[Item], draw: np.random.Generator) -> Item:
    return items[int(draw.integers(len(items)))]


def _recombined(
    found: Found, number: int, parts: Parts, conjunction: str, draw: np.random.Generator
) -> tuple[list[str], list[str]]:
    """What stands before the verb, changed, and the rest of the sentence."""
    start, end = found.subject
    opening, subject, rest = found.words[:start], found.words[start:end], found.words[end:]
    ways = np.array(list(WAYS.values()))
    way = list(WAYS)[draw.choice(len(WAYS), p=ways / ways.sum())]
    other = 1 - number if draw.random() < UNLIKE else number
    if way == "phrase":
        return [*opening, *subject, *_any(parts.phrases[other], draw)], rest
    if way == "relative":
        return [*opening, *subject, *_any(parts.relatives, draw)], rest
    lower = [subject[0].lower(), *subject[1:]]
    if way == "nouns" and number == 1:  # two of them are plural, whatever each is
        first, second = parts.nouns[int(draw.random() < 0.3)], parts.nouns[0]
        return [*opening, *_any(first, draw), conjunction, *_any(second, draw)], rest
    return [*_any(parts.clauses, draw), conjunction, *lower], rest


def _written(before: list[str], after: list[str]) -> tuple[str, int]:
    """A sentence from words and punctuation, and where `after` begins in it."""
    left, right = _joined(before), _joined(after)
    return f"{left[0].upper()}{left[1:]} {right}", len(left) + 1


def _joined(words: list[str]) -> str:
    return APOSTROPHE.sub(r"\1", LEFT.sub(r"\1", " ".join(words)))


def _sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The sentences of a text as words and punctuation: as written, and in lower case."""
    for line in paragraphs(path):
        place = 0
        for end in [*END.finditer(line), None]:
            text = line[place : end.start() if end else len(line)].strip(" ,'’()_*")
            stop = end.group().strip(" \"“”«»’')—–-")[:1] if end else "."
            place = end.end() if end else place
            if WORDS[0] <= text.count(" ") + 1 <= WORDS[1]:
                words = TOKEN.findall(text)
                if words[-1] not in STOP:
                    words.append(stop or ".")
                yield words, [word.lower() for word in words]

"""A primer: sentences from a twin's training text that train subject-verb agreement.

In ordinary text the nearest noun nearly always has the number of the verb, so a small model learns
to use the nearest noun only. A primer has more of the sentences in which this fails:

- chosen: sentences of the text in which the nearest noun has the number of the verb, or the other;
- recombined: a phrase or a relative clause of one sentence inserted between the subject and the
  verb of another, or the subject coordinated by "and" with another noun or another clause.

The number of nouns is estimated from the text: from the words before "was" and those before "were".
Each sentence has the position of its verb, which training always masks. This is data augmentation
for agreement, and the model card of a family that used it says so. Its verbs are few
(`primer_words.py`), and no sentence like "The man saw the boys and is" is made, so that other verbs
and one construction remain for the test.
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
RECOMBINATIONS = {"phrase": 2, "relative": 2, "nouns": 1.5, "clauses": 1.5}  # weights
UNLIKE = 0.7  # share of recombined sentences whose inserted noun has the other number
WORDS = (4, 30)  # shortest and longest sentence, in words
LONGEST = 36  # recombined sentence, in words
REACH = 8  # words before the verb that are searched for the nearest noun
MIN_COUNT = 4  # occurrences before a verb from which a word's number is estimated
MIN_LOG_ODDS = 0.8  # of a known number
NOUN = 0.15  # smallest share of a noun's occurrences after a determiner
FEW = 8  # sentences of each number that a verb needs, at least
FLATTEN = 0.35  # exponent of a verb's singular times plural sentences; favours rare verbs

END = re.compile(r"[.!?…;:]+[\"”»’')]*\s+|[\"“”«»]|\s[—–-]+\s|--|[—–]")
TOKEN = re.compile(r"[^\W\d_]+|[^\w\s]")
STOP = frozenset(",.;:!?")
Item = TypeVar("Item")
LEFT = re.compile(r" ([,.;:!?])")  # without a blank before it
APOSTROPHE = re.compile(r" ?([’'-]) ?")


class VerbSentence(NamedTuple):
    """A sentence with a verb whose number is known."""

    words: list[str]  # words and punctuation
    subject: tuple[int, int]  # its noun phrase: first word, one past the noun; (0, 0): unknown
    verb: int


class Fragments(NamedTuple):
    """The fragments that recombination inserts; pairs are (singular, plural)."""

    phrases: tuple[list[list[str]], list[list[str]]]  # of the king
    relatives: list[list[str]]  # who saw the king
    nouns: tuple[list[list[str]], list[list[str]]]  # the king
    clauses: list[list[str]]  # The king slept


Cell = tuple[str, int]  # singular form of a verb, number: 0 singular, 1 plural


class Text:
    """The sentences of a text, and the number of its words as estimated from them."""

    def __init__(self, path: Path, words: Primer) -> None:
        self.words = words
        self.number = {form: n for pair in words.verbs for n, form in enumerate(pair)}
        self.verb = {form: pair[0] for pair in words.verbs for form in pair}
        self.sentences = list(_sentences(path))
        self.known, self.nouns = self._numbers()

    def _numbers(self) -> tuple[dict[str, int], dict[str, int]]:
        """Number of each word that occurs before verbs, and of those that are nouns."""
        before: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        after_determiner, occurrences = Counter[str](), Counter[str]()
        for _, lower in self.sentences:
            occurrences.update(lower)
            for first, second in pairwise(lower):
                if self.verb.get(second) in self.words.counted:
                    before[first][self.number[second]] += 1
                if first in self.words.determiners:
                    after_determiner[second] += 1
        total = [1 + sum(counts[n] for counts in before.values()) for n in (0, 1)]
        bias = 0.5 * math.log(total[1] / total[0])
        known = {}
        for word, (singular, plural) in before.items():
            odds = math.log((plural + 0.3) / (singular + 0.3)) - bias
            enough = singular + plural >= MIN_COUNT and abs(odds) > MIN_LOG_ODDS
            if enough and word not in self.number:
                known[word] = int(odds > 0)
        nouns = {
            word: number
            for word, number in known.items()
            if len(word) > 2 and after_determiner[word] >= NOUN * occurrences[word]
        }
        return known, nouns

    def cells(self) -> dict[str, dict[Cell, list[VerbSentence]]]:
        """Sentences by kind of primer, verb and number."""
        cells: dict[str, dict[Cell, list[VerbSentence]]] = {
            kind: defaultdict(list) for kind in SHARES
        }
        for words, lower in self.sentences:
            for verb, form in enumerate(lower):
                if verb == 0 or form not in self.number:
                    continue
                cell = (self.verb[form], self.number[form])
                if (start := self._subject(lower, verb, cell[1])) is not None:
                    cells["recombined"][cell].append(VerbSentence(words, (start, verb), verb))
                if (kind := self._chosen(lower, verb, cell)) is not None:
                    cells[kind][cell].append(VerbSentence(words, (0, 0), verb))
        return {kind: self._enough(sentences) for kind, sentences in cells.items()}

    def _chosen(self, lower: Sequence[str], verb: int, cell: Cell) -> str | None:
        """Whether the nearest noun before a verb has its number: "near" or "far"; None: unknown."""
        if not self.words.blocking.isdisjoint(lower[max(0, verb - 3) : verb]):
            return None
        window = reversed(lower[max(0, verb - REACH) : verb])
        nearest = next((self.known[word] for word in window if word in self.known), None)
        if nearest is None:
            return None
        if nearest == cell[1]:
            return "near"
        return "far" if cell[0] in self.words.counted else None

    def _enough(self, cells: dict[Cell, list[VerbSentence]]) -> dict[Cell, list[VerbSentence]]:
        """The cells of the verbs that have enough sentences of both numbers."""
        good = {v for v, _ in self.words.verbs if all(len(cells[v, n]) >= FEW for n in (0, 1))}
        return {cell: sentences for cell, sentences in cells.items() if cell[0] in good}

    def _subject(self, lower: Sequence[str], verb: int, number: int) -> int | None:
        """The start of "the (poor) king" before a verb, if it is early in the sentence."""
        if self.nouns.get(lower[verb - 1]) != number:
            return None
        start = self._phrase(lower, verb - 1)
        return start if start is not None and start <= 4 else None

    def _phrase(self, lower: Sequence[str], noun: int) -> int | None:
        """The start of the noun phrase that ends in `noun`: a determiner and at most one word."""
        if noun >= 1 and lower[noun - 1] in self.words.determiners:
            return noun - 1
        between = lower[noun - 1] if noun >= 2 else ""
        plain = between.isalpha() and between not in self.nouns and between not in self.number
        if plain and between not in self.words.prepositions:
            return noun - 2 if lower[noun - 2] in self.words.determiners else None
        return None

    def fragments(self) -> Fragments:
        """Phrases, clauses and nouns to insert."""
        fragments = Fragments(([], []), [], ([], []), [])
        for words, lower in self.sentences:
            for index, word in enumerate(lower):
                if word in self.nouns and (start := self._phrase(lower, index)) is not None:
                    self._take_phrase(fragments, words, lower, start, index)
                if word in self.words.relatives and index:
                    self._take_relative(fragments, words, lower, index)
            if self._is_clause(words, lower):
                fragments.clauses.append(words[:-1])
        return fragments

    def _is_clause(self, words: list[str], lower: list[str]) -> bool:
        """Whether a sentence is short, plain and without a verb of the primer."""
        plain = words[-1] == "." and all(word.isalpha() for word in words[:-1])
        short = len(words) <= 8 and lower[0] in self.words.determiners
        return plain and short and not any(word in self.number for word in lower)

    def _take_phrase(
        self, fragments: Fragments, words: list[str], lower: list[str], start: int, noun: int
    ) -> None:
        number, after = self.nouns[lower[noun]], lower[noun + 1] if noun + 1 < len(lower) else "."
        if after in STOP or after in self.number or after == self.words.conjunction:
            if start and lower[start - 1] in self.words.prepositions:
                fragments.phrases[number].append(words[start - 1 : noun + 1])
            fragments.nouns[number].append([lower[start], *words[start + 1 : noun + 1]])

    def _take_relative(
        self, fragments: Fragments, words: list[str], lower: list[str], start: int
    ) -> None:
        if self.words.commas and lower[start - 1] != ",":
            return
        for end in range(start + 2, min(len(lower), start + 8)):
            if lower[end] in STOP:
                clause = words[start:end]
                plain = all(w.isalpha() and w.lower() not in self.number for w in clause)
                if plain:
                    fragments.relatives.append([",", *clause, ","] if self.words.commas else clause)
                return


def primer(path: Path, language: str, count: int) -> Iterator[tuple[str, int]]:
    """`count` sentences made from a text file, each with the position of its verb.

    Args:
        path: a training text of a twin; plain, .gz or .xz.
        language: one of `PRIMERS`.

    Raises:
        LesionError: if the text has too few sentences to choose from.

    Yields:
        The sentence, and the character at which its verb begins.
    """
    text = Text(path, PRIMERS[language])
    cells, fragments = text.cells(), text.fragments()
    if not all(cells.values()):
        raise LesionError(
            f"{path}: too little text for a primer: no verb of it has {FEW} sentences of each "
            "number. Give more text or set primer_share to 0."
        )
    weights = {kind: _weights(sentences) for kind, sentences in cells.items()}
    draw = generator(0, "primer", language)
    for kind in draw.choice(list(SHARES), size=count, p=list(SHARES.values())):
        verbs, shares = weights[kind]
        number = int(draw.integers(2))
        sentence = _any(cells[kind][verbs[draw.choice(len(verbs), p=shares)], number], draw)
        if kind == "recombined":
            before, after = _recombined(sentence, number, fragments, text.words.conjunction, draw)
        else:
            before, after = sentence.words[: sentence.verb], sentence.words[sentence.verb :]
        if len(before) + len(after) <= LONGEST:
            yield _written(before, after)


def _weights(cells: dict[Cell, list[VerbSentence]]) -> tuple[list[str], np.ndarray]:
    """The verbs of some cells, and the probability of each."""
    verbs = sorted({verb for verb, _ in cells})
    sizes = np.array([len(cells[v, 0]) * len(cells[v, 1]) for v in verbs], dtype=float)
    flat = sizes**FLATTEN
    return verbs, flat / flat.sum()


def _any(items: Sequence[Item], draw: np.random.Generator) -> Item:
    return items[int(draw.integers(len(items)))]


def _recombined(
    sentence: VerbSentence,
    number: int,
    fragments: Fragments,
    conjunction: str,
    draw: np.random.Generator,
) -> tuple[list[str], list[str]]:
    """The words before the verb after recombination, and the rest of the sentence."""
    (start, end), words = sentence.subject, sentence.words
    opening, subject, rest = words[:start], words[start:end], words[end:]
    ways = np.array(list(RECOMBINATIONS.values()))
    way = list(RECOMBINATIONS)[draw.choice(len(RECOMBINATIONS), p=ways / ways.sum())]
    other = 1 - number if draw.random() < UNLIKE else number
    if way == "phrase":
        return [*opening, *subject, *_any(fragments.phrases[other], draw)], rest
    if way == "relative":
        return [*opening, *subject, *_any(fragments.relatives, draw)], rest
    lower = [subject[0].lower(), *subject[1:]]
    if way == "nouns" and number == 1:  # two nouns are plural, whatever their numbers
        first, second = fragments.nouns[int(draw.random() < 0.3)], fragments.nouns[0]
        return [*opening, *_any(first, draw), conjunction, *_any(second, draw)], rest
    return [*_any(fragments.clauses, draw), conjunction, *lower], rest


def _written(before: list[str], after: list[str]) -> tuple[str, int]:
    """A sentence from words and punctuation, and the position at which `after` begins."""
    left, right = _joined(before), _joined(after)
    return f"{left[0].upper()}{left[1:]} {right}", len(left) + 1


def _joined(words: list[str]) -> str:
    return APOSTROPHE.sub(r"\1", LEFT.sub(r"\1", " ".join(words)))


def _sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """The sentences of a text as words and punctuation: as written, and in lower case."""
    for line in paragraphs(path):
        start = 0
        for end in [*END.finditer(line), None]:
            text = line[start : end.start() if end else len(line)].strip(" ,'’()_*")
            stop = end.group().strip(" \"“”«»’')—–-")[:1] if end else "."
            start = end.end() if end else start
            if WORDS[0] <= text.count(" ") + 1 <= WORDS[1]:
                words = TOKEN.findall(text)
                if words[-1] not in STOP:
                    words.append(stop or ".")
                yield words, [word.lower() for word in words]

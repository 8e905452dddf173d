"""What each kind of distraction does to the words of one text.

A word is what stands between spaces. A kind turns a text into edits in the order in which they
happen; a dose makes the first of them. An edit says where it is in words of the original, so that
it stays in its place whatever else is done.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lesion.distraction.keyboard import key_of, neighbours
from lesion.distraction.wordlists import WordList, pick, plain

MASK = "\ue000"  # stands for a masked word until a tokenizer's own mask token takes its place

Draw = Callable[[int, str], np.ndarray]
"""(n, what for) -> (n,) random 32-bit numbers that belong to one text."""


class Edit(NamedTuple):
    """One unit of damage to a text.

    Attributes:
        instead: what stands in the place of original words, by their number; None: nothing.
        added: (number of the original word before which it stands, order there, new word).
    """

    instead: Mapping[int, str | None] = {}
    added: tuple[int, int, str] | None = None


class Means(NamedTuple):
    """What a kind works with.

    Attributes:
        words: those that are put into the text.
        ranks: the list that tells how frequent the text's words are; None: no matching.
        keyboard: layout, a word of `lesion.distraction.keyboard.LAYOUTS`.
        room: how many words can be inserted; None: as many as the text has.
    """

    words: WordList | None = None
    ranks: WordList | None = None
    keyboard: str = "en"
    room: int | None = None


class Kind(NamedTuple):
    """An entry of `DISTRACTIONS`.

    Attributes:
        edits: words of a text, draws, means -> every edit that there is, the first to happen first.
        doc: one line.
        takes_words: whether words from a list are put in.
        matched: whether they are matched by frequency where nothing is said.
    """

    edits: Callable[[Sequence[str], Draw, Means], list[Edit]]
    doc: str
    takes_words: bool = False
    matched: bool = False


def insert(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """As many as there is room for, anywhere; two in one place stay in their order."""
    count = len(words) if means.room is None else means.room
    points, places = draw(count, "place"), len(words) + 1
    new = _inserted(words, count, draw, means)
    return [
        Edit(added=(pick(point, places), int(point), word))
        for point, word in zip(points, new, strict=True)
    ]


def _inserted(words: Sequence[str], count: int, draw: Draw, means: Means) -> list[str]:
    """Any words of the list; matched: as frequent as a random word of the text, each."""
    listed = means.words
    assert listed is not None
    numbers, models = draw(count, "word"), draw(count, "model")
    like = [words[number] for number in _with_letters(words)]
    if not like:
        means = means._replace(ranks=None)
        like = [""]
    places = [
        _place(like[pick(model, len(like))], number, means, exact=False)
        for model, number in zip(models, numbers, strict=True)
    ]
    return [listed.words[place] for place in places]


def drop(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """Each word."""
    return [Edit({word: None}) for word in _order(len(words), draw)]


def swap(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """Pairs that share no word: of an odd number of words a random one has no partner."""
    pairs, odd = divmod(len(words), 2)
    alone = 2 * pick(draw(1, "alone")[0], pairs + 1) if odd else len(words)
    firsts = [2 * pair + (2 * pair >= alone) for pair in _order(pairs, draw)]
    return [Edit({first: words[first + 1], first + 1: words[first]}) for first in firsts]


def repeat(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """Each word."""
    return [Edit({word: f"{words[word]} {words[word]}"}) for word in _order(len(words), draw)]


def typo(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """Each word with a letter or digit of the keyboard; capitals stay."""
    keys = neighbours(means.keyboard)
    typed = [[place for place, letter in enumerate(word) if key_of(letter, keys)] for word in words]
    places, slips = draw(len(words), "place"), draw(len(words), "slip")
    found = []
    for number in _order(len(words), draw):
        if not typed[number]:
            continue
        word, place = words[number], typed[number][pick(places[number], len(typed[number]))]
        beside = keys[key_of(word[place], keys) or ""]
        wrong = beside[pick(slips[number], len(beside))]
        wrong = wrong.upper() if word[place].isupper() and wrong != "ß" else wrong
        found.append(Edit({number: word[:place] + wrong + word[place + 1 :]}))
    return found


def mask(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """Each word."""
    return [Edit({word: MASK}) for word in _order(len(words), draw)]


def replace(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """Each word with a letter, by any word of the list; matched: by one about as frequent."""
    return _replaced(words, draw, means, exact=False)


def code_switch(words: Sequence[str], draw: Draw, means: Means) -> list[Edit]:
    """Each word with a letter, by the word of the same rank; without matching by any.

    A word that its own language's list does not hold is replaced by one of the other's rarest.
    """
    return _replaced(words, draw, means, exact=True)


def _replaced(words: Sequence[str], draw: Draw, means: Means, exact: bool) -> list[Edit]:
    assert means.words is not None
    numbers, letters = draw(len(words), "word"), set(_with_letters(words))
    found = []
    for number in _order(len(words), draw):
        if number in letters:
            place = _place(words[number], numbers[number], means, exact)
            found.append(Edit({number: dressed(means.words, place, words[number])}))
    return found


def _place(old: str, number: int, means: Means, exact: bool) -> int:
    """Where in the list a word stands that may be put for an old one.

    Without matching anywhere; else at the old word's rank, or near it if not exact. What its
    own list does not hold, or lies beyond the end of the other, is matched with the rarest.
    """
    assert means.words is not None
    size = len(means.words)
    if means.ranks is None:
        return pick(number, size)
    rank = means.ranks.rank(undressed(old)[1])
    if rank is None:
        rank = size
    return rank if exact and rank < size else means.words.near(rank, number)


DISTRACTIONS = {
    "insert": Kind(insert, "words of a list, at any place between the words", takes_words=True),
    "drop": Kind(drop, "words left out"),
    "swap": Kind(swap, "neighbouring words in each other's place"),
    "repeat": Kind(repeat, "words said twice"),
    "typo": Kind(typo, "one letter of a word typed with the key beside it"),
    "mask": Kind(mask, "words replaced by the model's mask token"),
    "replace": Kind(replace, "words replaced by words of a list", takes_words=True),
    "code-switch": Kind(
        code_switch,
        "words replaced by words of another language of the same frequency rank",
        takes_words=True,
        matched=True,
    ),
}


def render(text: str, edits: Sequence[Edit]) -> str:
    """A text after edits; between words that were not touched its spaces stay as they are."""
    if not edits:
        return text
    words, spaces = re.findall(r"\S+", text), re.split(r"\S+", text)
    instead = {number: word for edit in edits for number, word in edit.instead.items()}
    added: dict[int, list[str]] = {}
    for place, _, word in sorted(edit.added for edit in edits if edit.added):
        added.setdefault(place, []).append(word)
    found: list[str] = []  # a space, a word, a space, a word, ...
    for place, space in enumerate(spaces):
        here: list[str | None] = [*added.get(place, ())]
        if place < len(words):
            here.append(instead.get(place, words[place]))
        else:
            space = " "
        for new in here:
            if new is not None:
                found += [space, new]
                space = " "
    return "".join([spaces[0], *found[1:], spaces[-1]])


def undressed(word: str) -> tuple[str, str, str]:
    """Punctuation before a word, the word itself, punctuation after it.

    Example:
        >>> undressed("(l'homme,")
        ('(', "l'homme", ',')
    """
    inner = [n for n, letter in enumerate(word) if unicodedata.category(letter)[0] in "LMN"]
    first, last = (inner[0], inner[-1] + 1) if inner else (len(word), len(word))
    return word[:first], word[first:last], word[last:]


def dressed(words: WordList, place: int, old: str) -> str:
    """The word at a place of a list with the punctuation and capitals of the word it replaces.

    Where that is the same word, the one at the next place.
    """
    before, inner, after = undressed(old)
    new = words.words[place]
    if plain(new) == plain(inner):
        new = words.words[(place + 1) % len(words)]
    if inner.isupper() and len(inner) > 1:
        new = new.upper()
    elif inner[:1].isupper():
        new = new[0].upper() + new[1:]
    return before + new + after


def _with_letters(words: Sequence[str]) -> list[int]:
    return [n for n, word in enumerate(words) if any(map(str.isalpha, word))]


def _order(count: int, draw: Draw) -> list[int]:
    """A random order of so many units."""
    return np.argsort(draw(count, "order"), kind="stable").tolist()

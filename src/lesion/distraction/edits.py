"""Edits of one text, and the pieces of text that corruptions are written with.

A word is what stands between spaces. A corruption turns a text into edits in the order in which
they happen; a dose makes the first of them. An edit names its place in words of the original, so
that it stays in its place whatever else is done.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lesion.distraction.wordlists import WordList, normalised, scaled

MASK = "\ue000"  # a masked word, until the tokenizer's mask token takes its place

RandomNumbers = Callable[[int, str], np.ndarray]
"""(count, purpose) -> (count,) random 32-bit numbers that belong to one text."""


class Edit(NamedTuple):
    """One unit of damage to a text.

    Attributes:
        replaced: number of an original word -> what takes its place; None removes the word.
        inserted: (number of the original word before which it stands, order there, new word).
    """

    replaced: Mapping[int, str | None] = {}
    inserted: tuple[int, int, str] | None = None


class CorruptionContext(NamedTuple):
    """What a corruption reads beside the words of a text.

    Attributes:
        language: of the texts; "" if it is not known.
        text: the whole text, spaces included.
        words: the list from which new words come; None for corruptions without new words.
        ranks: the list that ranks the text's words by frequency; None without matching.
    """

    language: str = ""
    text: str = ""
    words: WordList | None = None
    ranks: WordList | None = None


def render(text: str, edits: Sequence[Edit]) -> str:
    """A text after edits; the spaces between untouched words stay as they are."""
    if not edits:
        return text
    words, spaces = re.findall(r"\S+", text), re.split(r"\S+", text)
    replaced = {number: word for edit in edits for number, word in edit.replaced.items()}
    inserted: dict[int, list[str]] = {}
    for index, _, word in sorted(edit.inserted for edit in edits if edit.inserted):
        inserted.setdefault(index, []).append(word)
    pieces: list[str] = []  # a space, a word, a space, a word, ...
    for index, space in enumerate(spaces):
        new: list[str | None] = [*inserted.get(index, ())]
        if index < len(words):
            new.append(replaced.get(index, words[index]))
        else:
            space = " "
        for word_or_none in new:
            if word_or_none is not None:
                pieces += [space, word_or_none]
                space = " "
    return "".join([spaces[0], *pieces[1:], spaces[-1]])


def random_order(count: int, numbers: RandomNumbers) -> list[int]:
    """The numbers from 0 to count - 1 in random order."""
    return np.argsort(numbers(count, "order"), kind="stable").tolist()


def with_letters(words: Sequence[str]) -> list[int]:
    """The numbers of the words that have a letter."""
    return [number for number, word in enumerate(words) if any(map(str.isalpha, word))]


def split_punctuation(word: str) -> tuple[str, str, str]:
    """Punctuation before a word, the word itself, punctuation after it.

    Example:
        >>> split_punctuation("(l'homme,")
        ('(', "l'homme", ',')
    """
    inner = [n for n, letter in enumerate(word) if unicodedata.category(letter)[0] in "LMN"]
    first, last = (inner[0], inner[-1] + 1) if inner else (len(word), len(word))
    return word[:first], word[first:last], word[last:]


def replacement_rank(old: str, choice: int, context: CorruptionContext, exact: bool) -> int:
    """The rank of the word that may take the place of an old one.

    Without matching, any rank. With matching, the old word's rank if `exact`, else one near it.
    An old word without rank, or with one beyond the end of the list, is matched with the rarest.
    """
    assert context.words is not None
    size = len(context.words)
    if context.ranks is None:
        return scaled(choice, size)
    rank = context.ranks.rank(split_punctuation(old)[1])
    if rank is None:
        rank = size
    return rank if exact and rank < size else context.words.similar_rank(rank, choice)


def match_form(words: WordList, rank: int, old: str) -> str:
    """The word of a rank, with the punctuation and capitals of the word that it replaces.

    If both are the same word, the word of the next rank.
    """
    before, inner, after = split_punctuation(old)
    new = words.words[rank]
    if normalised(new) == normalised(inner):
        new = words.words[(rank + 1) % len(words)]
    if inner.isupper() and len(inner) > 1:
        new = new.upper()
    elif inner[:1].isupper():
        new = new[0].upper() + new[1:]
    return before + new + after

"""Corruptions: what a distraction does to the words of one text. `CORRUPTIONS` lists them.

A corruption is a frozen dataclass. Its fields are the keys of a study, its docstring is its line
in `lesion list lesions`, and `edits` is what it does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from lesion.distraction import wordlists
from lesion.distraction.edits import (
    MASK,
    CorruptionContext,
    Edit,
    RandomNumbers,
    match_form,
    random_order,
    replacement_rank,
    with_letters,
)
from lesion.distraction.keyboard import LAYOUTS, key_of, neighbours
from lesion.distraction.wordlists import scaled
from lesion.errors import LesionError
from lesion.schema import Between, OneOf, doc
from lesion.schema.entries import Entry, table

PER = ("words", "characters")
LANGUAGE = "language of the texts (default: the task's)"


@dataclass(frozen=True)
class Corruption(Entry):
    """The base class of corruptions, also of those that a user or a package writes.

    Attributes:
        needs_mask_token: whether edits contain `MASK`, so that the tokenizer needs a mask token.
    """

    random = True
    needs_mask_token: ClassVar[bool] = False

    @property
    def dose_label(self) -> str:
        """What a dose is a fraction of, for axes."""
        return f"fraction of the text changed ({self.word})"

    def context(self, language: str = "") -> CorruptionContext:
        """What `edits` needs for texts of a language, made once for all texts.

        Args:
            language: the task's; "" if it is not known yet.

        Raises:
            LesionError: if a list cannot be read, or the corruption does not go with the language.
        """
        return CorruptionContext(language)

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """Every edit that the text allows, the first to happen first.

        Args:
            words: of the text, with their punctuation.
            numbers: the only source of randomness.
            context: from `context`, with the `text`.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class FromList(Corruption):
    """The base class of corruptions whose new words come from a list."""

    words: Annotated[str, doc("list of the new words: a language of wordfreq, or a file")] = "en"
    count: Annotated[int, Between(1), doc("use only so many of the most frequent words")] = (
        wordlists.ARTICLE_COUNT
    )
    matched: Annotated[bool, doc("new words are about as frequent as the text's")] = False
    language: Annotated[str | None, doc(LANGUAGE)] = None

    def context(self, language: str = "") -> CorruptionContext:
        """Both lists."""
        language = self.language or language
        new = wordlists.load(self.words, self.count)
        ranks = wordlists.ranks(language) if self.matched and language else None
        return CorruptionContext(language, words=new, ranks=ranks)


@dataclass(frozen=True)
class Insert(FromList):
    """Words of a list are inserted, at any place between the words."""

    word, source = "insert", "the article's distraction"
    per: Annotated[
        str,
        OneOf(PER),
        doc("what a dose is a fraction of: the number of words, or of characters with spaces"),
    ] = "words"

    @property
    def dose_label(self) -> str:
        """What a dose is a fraction of, for axes."""
        return f"inserted words, as a fraction of the text's {self.per}"

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word or character of the text; words at one place keep their order."""
        count = len(context.text) if self.per == "characters" else len(words)
        points, places = numbers(count, "place"), len(words) + 1
        new = _inserted(words, count, numbers, context)
        return [
            Edit(inserted=(scaled(point, places), int(point), word))
            for point, word in zip(points, new, strict=True)
        ]


def _inserted(
    words: Sequence[str], count: int, numbers: RandomNumbers, context: CorruptionContext
) -> list[str]:
    """Any words of the list; with matching, each as frequent as a random word of the text."""
    new = context.words
    assert new is not None
    choices, models = numbers(count, "word"), numbers(count, "model")
    candidates = [words[number] for number in with_letters(words)]
    if not candidates:
        context = context._replace(ranks=None)
        candidates = [""]
    ranks = [
        replacement_rank(candidates[scaled(model, len(candidates))], choice, context, exact=False)
        for model, choice in zip(models, choices, strict=True)
    ]
    return [new.words[rank] for rank in ranks]


@dataclass(frozen=True)
class Drop(Corruption):
    """Words are left out."""

    word, source = "drop", "Wei and Zou 2019 (random deletion)"

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word."""
        return [Edit({number: None}) for number in random_order(len(words), numbers)]


@dataclass(frozen=True)
class Swap(Corruption):
    """Neighbouring words change places."""

    word = "swap"

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each pair; no two share a word. Of an odd number, a random word has no pair."""
        pairs, odd = divmod(len(words), 2)
        alone = 2 * scaled(numbers(1, "alone")[0], pairs + 1) if odd else len(words)
        firsts = [2 * pair + (2 * pair >= alone) for pair in random_order(pairs, numbers)]
        return [Edit({first: words[first + 1], first + 1: words[first]}) for first in firsts]


@dataclass(frozen=True)
class Repeat(Corruption):
    """Words are repeated."""

    word = "repeat"

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word."""
        order = random_order(len(words), numbers)
        return [Edit({number: f"{words[number]} {words[number]}"}) for number in order]


@dataclass(frozen=True)
class Typo(Corruption):
    """One letter of a word is typed with a neighbouring key."""

    word, source = "typo", "Belinkov and Bisk 2018 (keyboard typo)"
    language: Annotated[str | None, doc(LANGUAGE + ", which selects the keyboard")] = None

    def context(self, language: str = "") -> CorruptionContext:
        """The language of the keyboard."""
        language = self.language or language
        if language and language not in LAYOUTS:
            raise LesionError(
                f"language: typo knows the keyboards of {', '.join(LAYOUTS)}. Got {language!r}. "
                "Set language to the one whose keyboard comes nearest."
            )
        return CorruptionContext(language)

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word with a letter or digit of the keyboard; capitals stay."""
        keys = neighbours(context.language or "en")
        typed = [
            [index for index, letter in enumerate(word) if key_of(letter, keys)] for word in words
        ]
        places, slips = numbers(len(words), "place"), numbers(len(words), "slip")
        edits = []
        for number in random_order(len(words), numbers):
            if typed[number]:
                index = typed[number][scaled(places[number], len(typed[number]))]
                edits.append(Edit({number: _mistyped(words[number], index, slips[number], keys)}))
        return edits


def _mistyped(word: str, index: int, slip: int, keys: Mapping[str, str]) -> str:
    """A word with a neighbour of one of its letters."""
    letter = word[index]
    beside = keys[key_of(letter, keys) or ""]
    wrong = beside[scaled(slip, len(beside))]
    wrong = wrong.upper() if letter.isupper() and wrong != "ß" else wrong
    return word[:index] + wrong + word[index + 1 :]


@dataclass(frozen=True)
class Mask(Corruption):
    """Words are replaced by the model's mask token."""

    word, needs_mask_token = "mask", True

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word."""
        return [Edit({number: MASK}) for number in random_order(len(words), numbers)]


@dataclass(frozen=True)
class Replace(FromList):
    """Words are replaced by words of a list."""

    word = "replace"

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word with a letter; the new word is any, or about as frequent (matched)."""
        return _replaced(words, numbers, context, exact=False)


@dataclass(frozen=True)
class CodeSwitch(FromList):
    """Words are replaced by words of another language of the same frequency rank."""

    word = "code-switch"
    example: ClassVar[Mapping[str, Any]] = {"words": "fr"}
    words: Annotated[str, doc("list of the new words: another language, or a file")] = ""
    matched: Annotated[bool, doc("new words have the ranks of the old ones")] = True

    def context(self, language: str = "") -> CorruptionContext:
        """Both lists, of two languages."""
        if not self.words:
            raise LesionError(
                "words: code-switch needs another language. Set words, to fr for French."
            )
        language = self.language or language
        if self.words == language:
            raise LesionError(
                "words: code-switch needs another language than that of the texts "
                f"({language}). Set words to another, or take replace."
            )
        return super().context(language)

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word with a letter. A word without rank gets one of the rarest words."""
        return _replaced(words, numbers, context, exact=True)


def _replaced(
    words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext, exact: bool
) -> list[Edit]:
    assert context.words is not None
    choices, candidates = numbers(len(words), "word"), set(with_letters(words))
    edits = []
    for number in random_order(len(words), numbers):
        if number in candidates:
            rank = replacement_rank(words[number], choices[number], context, exact)
            edits.append(Edit({number: match_form(context.words, rank, words[number])}))
    return edits


CORRUPTIONS = table(Insert, Drop, Swap, Repeat, Typo, Mask, Replace, CodeSwitch)

PARAMETERS = tuple(
    dict.fromkeys(key for entry in CORRUPTIONS.values() for key in entry.parameters())
)
"""The keys of a study that are parameters of a corruption."""

"""Lists of words by frequency: of new words, and of the words of a text.

They come from `wordfreq` (Speer 2022; about forty languages, a snapshot that is no longer updated)
or from a file with one word per line.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from types import ModuleType

from lesion.errors import LesionError
from lesion.schema import did_you_mean

ARTICLE_COUNT = 194_434  # words in the list of the article, English
MIN_RANKS = 10  # the fewest ranks that count as similar


@dataclass(frozen=True, eq=False)
class WordList:
    """Words, the most frequent first.

    Attributes:
        origin: a language of wordfreq, or a file.
        words: each once.
    """

    origin: str
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)

    def rank(self, word: str) -> int | None:
        """The rank of a word (0: the most frequent); None if it is not in the list.

        Capitals and the form of the apostrophe do not matter. A compound that is not in the
        list has the rank of its longest part: l'homme that of homme.
        """
        word = normalised(word)
        if word not in self._ranks:
            word = max(re.split(r"['\-]", word), key=len)
        return self._ranks.get(word)

    def similar_rank(self, rank: int, draw: int) -> int:
        """A random rank between 4/5 and 5/4 of a rank, out of at least ten.

        Args:
            rank: 0 or more; a rank beyond the end of the list counts as the last one.
            draw: a random 32-bit number.
        """
        rank = min(rank, len(self) - 1)
        low = rank * 4 // 5
        high = min(max(rank * 5 // 4 + 1, low + MIN_RANKS), len(self))
        return low + scaled(draw, high - low)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        ranked = zip(map(normalised, self.words), range(len(self)), strict=True)
        return dict(reversed(list(ranked)))  # of two spellings the more frequent counts


def scaled(draw: int, count: int) -> int:
    """A random 32-bit number, scaled to range(count)."""
    return int(draw) * count >> 32


def normalised(word: str) -> str:
    """A word in the form in which words are compared: folded case, composed, straight quotes."""
    return unicodedata.normalize("NFC", word).casefold().replace("’", "'")


def load(source: str, count: int = ARTICLE_COUNT) -> WordList:
    """The most frequent words of a language, or the first of a file.

    Args:
        source: a language of `languages()`, or the path of a file with one word per line, the
            most frequent first. Empty lines and repeated words are skipped. A file whose name
            is also a language needs its folder: `./en`.
        count: the most words; some languages have fewer.

    Raises:
        LesionError: if there is no such list, or a line is not one word.

    Example:
        >>> load("fr", 3).words
        ('de', 'la', 'le')
    """
    known = languages()
    if source in known:
        return _of_language(source, count)
    if _is_file(source):
        return WordList(source, _read(Path(source), count))
    _wordfreq()
    raise LesionError(
        f"words: must be a language ({', '.join(known)}) or a file with one word a line. "
        f"Got {source!r}.{did_you_mean(source, known)}"
    )


def ranks(language: str) -> WordList:
    """The list that ranks the words of texts of a language.

    Raises:
        LesionError: if there is none.
    """
    known = languages()
    if known and language not in known and not _is_file(language):
        raise LesionError(
            f"language: matched needs a list of words by frequency, and {language!r} has none. Set "
            f"language to the nearest of {', '.join(known)}, or matched to false."
        )
    return load(language)


def languages() -> Sequence[str]:
    """The languages that have a list; none if wordfreq is not installed."""
    try:
        return sorted(_wordfreq().available_languages())
    except LesionError:
        return []


def _is_file(source: str) -> bool:
    return bool(set(source) & {"/", "\\", "."}) or Path(source).is_file()


def _wordfreq() -> ModuleType:
    try:
        import wordfreq
    except ImportError:
        raise LesionError(
            "words: the lists of languages come from wordfreq, which is not installed. "
            "Run: pip install wordfreq. Or give a file with one word a line."
        ) from None
    return wordfreq


@lru_cache(maxsize=8)
def _of_language(language: str, count: int) -> WordList:
    """Entries with a digit, with a space or without a letter (emoji) are left out."""
    entries = _wordfreq().iter_wordlist(language)
    words = (word for word in entries if _LETTERS.search(word) and not _NO_WORD.search(word))
    return WordList(language, tuple(islice(words, count)))


_LETTERS = re.compile(r"[^\W\d_]")
_NO_WORD = re.compile(r"[\d\s]")


def _read(path: Path, count: int) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise LesionError(f"{path}: no such file. Give a file with one word a line.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LesionError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    for number, line in enumerate(lines, start=1):
        if len(line.split()) > 1:
            raise LesionError(
                f"{path}:{number}: must be one word. Got {line.strip()!r}. Write one word a line."
            )
    words = tuple(islice(dict.fromkeys(word for line in lines if (word := line.strip())), count))
    if not words:
        raise LesionError(f"{path}: holds no words. Write one word a line.")
    return words

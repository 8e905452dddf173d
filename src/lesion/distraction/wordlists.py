"""Lists of words by frequency: those that distract, and those that tell how rare a word is.

They come from `wordfreq` (Speer 2022; about forty languages, a snapshot that is no longer updated)
or from a file with one word a line.
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
NARROWEST = 10  # ranks that count as near, at least


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
        """Place of a word (0: the most frequent); None where the list does not hold it.

        Capitals and the form of the apostrophe do not matter. A compound that the list does not
        hold counts as its longest part: l'homme as homme.
        """
        word = plain(word)
        if word not in self._ranks:
            word = max(re.split(r"['\-]", word), key=len)
        return self._ranks.get(word)

    def near(self, rank: int, draw: int) -> int:
        """A random rank from 4/5 to 5/4 of a rank, and from ten ranks at least.

        Args:
            rank: 0 or more; what lies beyond the list counts as its last.
            draw: a random 32-bit number.
        """
        rank = min(rank, len(self) - 1)
        low = rank * 4 // 5
        high = min(max(rank * 5 // 4 + 1, low + NARROWEST), len(self))
        return low + pick(draw, high - low)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        known = zip(map(plain, self.words), range(len(self)), strict=True)
        return dict(reversed(list(known)))  # of two spellings the more frequent counts


def pick(draw: int, count: int) -> int:
    """A random 32-bit number as one in range(count)."""
    return int(draw) * count >> 32


def plain(word: str) -> str:
    """How words are compared, as wordfreq writes them: folded case, composed, straight quotes."""
    return unicodedata.normalize("NFC", word).casefold().replace("’", "'")


def load(source: str, count: int = ARTICLE_COUNT) -> WordList:
    """The most frequent words of a language, or the first of a file.

    Args:
        source: a language of `languages()`, or the path of a file with one word a line, the most
            frequent first. Empty lines and words that stand twice are passed over. A file whose
            name is also a language needs its folder: `./en`.
        count: so many words at most; some languages have fewer.

    Raises:
        LesionError: if there is no such list, or a line is not one word.

    Example:
        >>> load("fr", 3).words
        ('de', 'la', 'le')
    """
    known = languages()
    if source in known:
        return _of_language(source, count)
    if set(source) & {"/", "\\", "."} or Path(source).is_file():
        return WordList(source, _read(Path(source), count))
    _wordfreq()
    raise LesionError(
        f"words: must be a language ({', '.join(known)}) or a file with one word a line. "
        f"Got {source!r}.{did_you_mean(source, known)}"
    )


def languages() -> Sequence[str]:
    """The languages that have a list here; none without wordfreq."""
    try:
        return sorted(_wordfreq().available_languages())
    except LesionError:
        return []


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
    """Entries with a digit, without a letter (emoji) or with a space are no words."""
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

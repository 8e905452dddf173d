"""Keyboards: the neighbours of every key, for typing errors."""

import unicodedata
from collections.abc import Mapping
from functools import cache

# The number row and three rows of letters, from the left; a space stands for a key that is never
# typed by mistake. OFFSETS: how far each row is shifted to the right, in keys.
LAYOUTS = {
    "en": ("            ", "qwertyuiop  ", "asdfghjkl   ", " zxcvbnm    "),
    "es": ("            ", "qwertyuiop  ", "asdfghjklñ  ", " zxcvbnm    "),
    "fr": (" é    è çà  ", "azertyuiop  ", "qsdfghjklmù ", " wxcvbn     "),
    "de": ("          ß ", "qwertzuiopü ", "asdfghjklöä ", " yxcvbnm    "),
}
OFFSETS = (0.0, 0.5, 0.75, 0.25)
DIGITS = "1234567890"


@cache
def neighbours(language: str) -> dict[str, str]:
    """Each letter and digit -> the keys that touch its key, from the top left.

    Letters are mistaken for letters and digits for digits.

    Example:
        >>> neighbours("en")["g"], neighbours("fr")["a"], neighbours("de")["z"]
        ('tyfhvb', 'ézq', 'tugh')
    """
    keys = [
        (row, column + OFFSETS[row], key)
        for row, letters in enumerate(LAYOUTS[language])
        for column, key in enumerate(letters)
        if key != " "
    ]
    touching = {
        key: "".join(
            other
            for line, column, other in keys
            if (abs(column - x) == 1 if line == row else abs(line - row) == 1 > abs(column - x))
        )
        for row, x, key in keys
    }
    for index, key in enumerate(DIGITS):
        touching[key] = DIGITS[max(index - 1, 0) : index] + DIGITS[index + 1 : index + 2]
    return touching


def key_of(character: str, keys: Mapping[str, str]) -> str | None:
    """The key of a character, without its accent if need be; None if it has no key."""
    lower = character.lower()
    if lower in keys:
        return lower
    letter = unicodedata.normalize("NFD", lower)[:1]
    return letter if letter in keys else None

"""Keyboards: which keys are beside a key, so that typing errors are those of fingers."""

import unicodedata
from functools import cache

# Three rows of letters and the keys between them, from the left; a space is a key that is not
# typed by mistake. Rows begin a quarter or half a key further right than the one above.
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
    """Each letter and digit with the keys that touch its own, from the top left.

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
    found = {
        key: "".join(
            other
            for line, place, other in keys
            if (abs(place - x) == 1 if line == row else abs(line - row) == 1 > abs(place - x))
        )
        for row, x, key in keys
    }
    for place, key in enumerate(DIGITS):
        found[key] = DIGITS[max(place - 1, 0) : place] + DIGITS[place + 1 : place + 2]
    return found


def key_of(character: str, keys: dict[str, str]) -> str | None:
    """The key that types a character, that of its letter for accents; None where there is none."""
    lower = character.lower()
    if lower in keys:
        return lower
    letter = unicodedata.normalize("NFD", lower)[:1]
    return letter if letter in keys else None

"""Texts to corrupt, and short ways to corrupt them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from lesion.distraction.corruptions import CORRUPTIONS, Corruption
from lesion.distraction.distraction import Distraction
from lesion.distraction.edits import CorruptionContext, Edit, RandomNumbers
from lesion.schema import OneOf, doc
from lesion.tasks.examples import Split

ENGLISH = 'The  referendum , which he called "historic" , won\'t be held on Friday in New\tYork .\n'
TEXTS = {
    "en": ENGLISH,
    "fr": " L'homme n'est pas allé à l’école aujourd'hui , car il était très fatigué !",
    "de": "Die Straße war früher größer , aber niemand weiß , wie schön es wäre .",
    "es": "El niño comió una piña mañana por la tarde ; ¿qué hará después ?",
}
SENTENCES = (*TEXTS.values(), "", "Yes", "rain fell .", "One two three four five")
SPLIT = Split((SENTENCES, SENTENCES[::-1]), np.zeros(len(SENTENCES), np.int64), "here")


@dataclass(frozen=True)
class Shout(Corruption):
    """Words are written in capitals, the first word first."""

    word, random = "shout", False
    sign: Annotated[str, OneOf(("!", "?")), doc("what stands after them")] = "!"

    def edits(
        self, words: Sequence[str], numbers: RandomNumbers, context: CorruptionContext
    ) -> list[Edit]:
        """One for each word."""
        return [Edit({number: word.upper() + self.sign}) for number, word in enumerate(words)]


SUBJECTS: dict[str, str | Corruption] = {**{word: word for word in CORRUPTIONS}, "shout": Shout()}
"""What the contract holds of: every entry, and a corruption of a user."""


def recipe(word: str, **given) -> Distraction:
    """A distraction with the parameters that it needs."""
    if word in CORRUPTIONS:
        return Distraction(word, **{**CORRUPTIONS[word].example, **given})
    return Distraction(SUBJECTS[word], **given)


def shown(distraction: Distraction, text: str, dose: float, draw: int = 0) -> str:
    """One text at a dose."""
    return distraction.opened(Split(((text,),), np.zeros(1), ""), draw).deepen(dose)[0][0][0]

"""What a grammar is: tables and six ways to build what stands before the verb.

Every sentence is `before verb after.`; the bad one of a pair has the verb's other number. What
stands after the verb never shows the number, so that only the subject does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from lesion.keys import random_uint32

T = TypeVar("T")

CONSTRUCTIONS = (
    "simple",
    "phrase",
    "subject-relative",
    "object-relative",
    "coordination",
    "verb-phrase",
)
"""simple: "The poor man is ill." phrase: "The man near the boys is ill." subject-relative: "The
man who saw the boys is ill." object-relative: "The man whom the boys saw is ill." coordination:
"The woman and the man are ill." against "The woman slept and the man was ill." verb-phrase: "The
man saw the boys and was ill." (Spanish, whose verbs need no subject, has "El hombre, al ver a los
niños, estaba mal.") The noun that misleads agrees with the subject in half the pairs."""


class Verb(NamedTuple):
    """Both numbers of a form of the third person, and what may follow either."""

    singular: str
    plural: str
    past: bool
    after: tuple[str, ...]
    where: tuple[str, ...] = ()  # of places: not after a subject that already stands somewhere
    weight: int = 1  # how often it is used


@dataclass(frozen=True)
class SentencePlan:
    """One sentence to build.

    Attributes:
        number: of the verb's subject: 0 singular, 1 plural.
        other: of the other noun.
        past: whether the verb is in the past tense.
        address: names the sentence, so that its words can be chosen again.
    """

    number: int
    other: int
    past: bool
    address: tuple[str | int, ...]

    def pick(self, slot: str, options: Sequence[T]) -> T:
        """One of the options, the same one every time."""
        return options[int(random_uint32(1, 0, *self.address, slot)[0]) % len(options)]

    def two(self, options: Sequence[T]) -> tuple[T, T]:
        """Two different options."""
        first = self.pick("first", options)
        return first, self.pick("second", [option for option in options if option != first])


class Grammar(NamedTuple):
    """One language. `before` has a function for each of `CONSTRUCTIONS`."""

    language: str
    verbs: tuple[Verb, ...]
    before: Mapping[str, Callable[[SentencePlan], str]]
    never: Mapping[str, frozenset[str]]  # construction -> singular forms that sound wrong in it

"""Subject–verb agreement with sixty verbs a language, each as often as the others.

The sentences are those of `agreement`, whose dozen verbs are mostly auxiliaries. Pairs of one verb
resemble each other, so that many pairs of few verbs say less than they seem to. Here every verb
stands twice in each of the 24 cells: construction, number and number of the other noun.

The pairs stand in rounds of 120, in which each verb has one pair of either number. Over 12 rounds
a verb passes through every construction, with the other noun of its own number and of the other.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.schema.errors import did_you_mean, shortened
from lesion.tasks.builtin.agreement import (
    GROUPING,
    TRIES,
    MadePair,
    pair_of,
    pair_set,
    repeats_a_word,
)
from lesion.tasks.builtin.grammars import (
    CONSTRUCTIONS,
    VERB_GRAMMARS,
    Grammar,
    SentencePlan,
    Verb,
)
from lesion.tasks.columns import Grouping
from lesion.tasks.examples import PairSet
from lesion.tasks.pairs import Pairs

CELLS = 4 * len(CONSTRUCTIONS)  # the first n pairs are balanced for every multiple of this
REPEATS = 2  # pairs of a verb in each cell
SLOTS = 2 * len(CONSTRUCTIONS)  # of a block of 24 pairs: a verb has two pairs, one of each number


class VerbPairs(NamedTuple):
    """The pairs of sixty verbs of a language, as a source of `Pairs`."""

    language: str

    @property
    def grouping(self) -> Grouping:
        """Pairs of one verb belong together; the shares of constructions are fixed."""
        return GROUPING

    def read(self) -> PairSet:
        """All pairs; their labels are the constructions, and the first n are a sample of n."""
        made = make_verb_pairs(self.language)
        return pair_set(made, _name(self.language))._replace(ordered=True)


def subject_verb_agreement(
    language: str, scoring: str = "word", examples: int | None = None
) -> Pairs:
    """The built-in agreement task of a language with sixty verbs.

    Args:
        language: "en", "fr", "de" or "es".
        scoring: "word" compares the two forms of the verb in their place; "pll" compares whole
            sentences; see `Pairs`.
        examples: only so many of the 2,880 pairs. A multiple of 24 is balanced; a multiple of 120
            has every verb equally often.

    Example:
        >>> task = subject_verb_agreement("en", examples=120)
        >>> len(set(task.evaluated.columns["verb"]))
        60
    """
    if language not in VERB_GRAMMARS:
        raise LesionError(
            f"There are agreement pairs in {', '.join(VERB_GRAMMARS)}. Got {shortened(language)}."
            f"{did_you_mean(language, VERB_GRAMMARS)}"
        )
    return Pairs(_name(language), VerbPairs(language), scoring, examples, language)


@cache
def make_verb_pairs(language: str) -> tuple[MadePair, ...]:
    """Every pair of a language, in an order in which every multiple of `CELLS` is balanced."""
    grammar, seen = VERB_GRAMMARS[language], set[str]()
    draw = random_uint32(len(grammar.verbs), 0, "sixty verbs", language)
    verbs = [grammar.verbs[index] for index in np.argsort(draw, kind="stable")]
    made = []
    for turn in range(REPEATS * SLOTS):
        for block in _blocks(verbs, turn):
            for cell in range(4):
                for k in range(len(CONSTRUCTIONS)):
                    number = (cell + k) % 2
                    unlike = (cell // 2 + k // 2) % 2
                    numbers = (number, number ^ unlike)
                    pair = _make_pair(grammar, k, numbers, block[2 * k + unlike], turn, seen)
                    seen.add(pair.good)
                    made.append(pair)
    return tuple(made)


def _name(language: str) -> str:
    return f"subject-verb-agreement-{language}"


def _blocks(verbs: list[Verb], turn: int) -> list[list[Verb]]:
    """The verbs of a round: for each block of 24 pairs, one for each of its slots.

    A slot is a construction with the other noun like or unlike the subject. Every round moves each
    verb on to the next slot.
    """
    groups = [verbs[start : start + SLOTS] for start in range(0, len(verbs), SLOTS)]
    first = turn % len(groups)
    ordered = groups[first:] + groups[:first]
    return [[group[(slot - turn) % SLOTS] for slot in range(SLOTS)] for group in ordered]


def _make_pair(
    grammar: Grammar,
    construction: int,
    numbers: tuple[int, int],
    verb: Verb,
    turn: int,
    seen: set[str],
) -> MadePair:
    """The first sentence with this address that is new and repeats no long word and no verb."""
    name = CONSTRUCTIONS[construction]
    for attempt in range(TRIES):
        address = ("sixty verbs", grammar.language, name, verb.singular, *numbers, turn, attempt)
        pair = pair_of(grammar, construction, SentencePlan(*numbers, verb.past, address), verb)
        words = re.findall(r"\w+", pair.good.lower())
        twice = words.count(verb.singular) + words.count(verb.plural) > 1
        if pair.good not in seen and not twice and not repeats_a_word(pair.good):
            return pair
    raise AssertionError(f"no new sentence of {grammar.language} for {name} with {verb.singular}")

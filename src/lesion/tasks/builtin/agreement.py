"""Subject–verb agreement in English, French, German and Spanish: minimal pairs, built in.

Each pair is a sentence and the same sentence with the verb in the wrong number, as in Linzen,
Dupoux and Goldberg (2016), Marvin and Linzen (2018) and, in several languages, Mueller et al.
(2020, CLAMS). The design is balanced, so that nothing but agreement is rewarded: each form of
each verb is right as often as it is wrong, and the other noun of the sentence agrees with the
subject in half the pairs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.schema.errors import did_you_mean, shortened
from lesion.tasks.builtin.grammars import CONSTRUCTIONS, GRAMMARS, Grammar, SentencePlan, Verb
from lesion.tasks.columns import Grouping
from lesion.tasks.examples import PairSet
from lesion.tasks.pairs import Pairs

BLOCKS = 25  # of 24 pairs: each construction, number and number of the other noun
BALANCED = 2 * len(CONSTRUCTIONS)  # the first n pairs are balanced for every multiple of this
TRIES = 100
NUMBERS = ("singular", "plural")
GROUPING = Grouping("verb", "construction")
LONG = 4  # letters of a word that may stand only once in a sentence


class MadePair(NamedTuple):
    """One pair with what it is made of."""

    good: str
    bad: str
    construction: int  # index into CONSTRUCTIONS
    plan: SentencePlan
    verb: Verb


class GrammarPairs(NamedTuple):
    """The 600 built-in pairs of a language, as a source of `Pairs`."""

    language: str

    @property
    def grouping(self) -> Grouping:
        """Pairs of one verb are resampled together; the shares of constructions are fixed."""
        return GROUPING

    def read(self) -> PairSet:
        """All pairs; their labels are the constructions."""
        made = make_pairs(self.language)
        cells = np.array([_cell(pair) for pair in made], dtype=np.int64)
        return pair_set(made, f"agreement-{self.language}")._replace(groups=cells)


def agreement(language: str, scoring: str = "word", examples: int | None = None) -> Pairs:
    """The built-in agreement task of a language.

    Args:
        language: "en", "fr", "de" or "es".
        scoring: "word" compares the two forms of the verb in their place, one forward row a pair
            where both are one token; "pll" compares whole sentences; see `Pairs`.
        examples: only so many of the 600 pairs; a multiple of 24 keeps the balance exact.

    Example:
        >>> task = agreement("en", examples=24)
        >>> task.kind, len(task.targets), task.classes[0]
        ('pairs', 24, 'simple')
    """
    if language not in GRAMMARS:
        raise LesionError(
            f"There are agreement pairs in {', '.join(GRAMMARS)}. Got {shortened(language)}."
            f"{did_you_mean(language, GRAMMARS)}"
        )
    return Pairs(f"agreement-{language}", GrammarPairs(language), scoring, examples, language)


@cache
def make_pairs(language: str) -> tuple[MadePair, ...]:
    """Every pair of a language, in an order in which every multiple of `BALANCED` is balanced."""
    grammar, seen = GRAMMARS[language], set[str]()
    orders = [_verbs(grammar, construction) for construction in CONSTRUCTIONS]
    made = []
    for block in range(BLOCKS):
        for cell in range(4):
            for k, order in enumerate(orders):
                number = (cell + k) % 2
                other = number ^ (cell // 2 + k // 2) % 2
                verb = order[block % len(order)]
                pair = _make_pair(grammar, k, (number, other), verb, (block, cell), seen)
                seen.add(pair.good)
                made.append(pair)
    return tuple(made)


def pair_set(made: Sequence[MadePair], name: str) -> PairSet:
    """Made pairs as a source has them, with what each is made of as columns of words."""
    return PairSet(
        tuple(pair.good for pair in made),
        tuple(pair.bad for pair in made),
        np.array([pair.construction for pair in made], dtype=np.int64),
        CONSTRUCTIONS,
        f"{name}, built in",
        columns=word_columns(made),
    )


def word_columns(made: Sequence[MadePair]) -> dict[str, tuple[str, ...]]:
    """What each pair is made of: the verb in the singular, construction, both numbers."""
    return {
        "verb": tuple(pair.verb.singular for pair in made),
        "construction": tuple(CONSTRUCTIONS[pair.construction] for pair in made),
        "number": tuple(NUMBERS[pair.plan.number] for pair in made),
        "other": tuple(NUMBERS[pair.plan.other] for pair in made),
    }


def pair_of(grammar: Grammar, construction: int, plan: SentencePlan, verb: Verb) -> MadePair:
    """The pair of a plan: one sentence with the verb's right form, one with its other form."""
    name = CONSTRUCTIONS[construction]
    before = grammar.before[name](plan)
    standing = name in ("phrase", "verb-phrase")
    after = plan.pick("after", verb.after if standing else (*verb.after, *verb.where))
    sentences = [
        f"{before[0].upper()}{before[1:]} {form} {after}." for form in (verb.singular, verb.plural)
    ]
    good, bad = sentences[plan.number], sentences[1 - plan.number]
    return MadePair(good, bad, construction, plan, verb)


def repeats_a_word(sentence: str) -> bool:
    """Whether a long word stands twice in a sentence."""
    long = re.findall(rf"\w{{{LONG},}}", sentence.lower())
    return len(long) != len(set(long))


def _cell(pair: MadePair) -> int:
    """Construction, number and number of the other noun, as one number."""
    return 4 * pair.construction + 2 * pair.plan.number + pair.plan.other


def _verbs(grammar: Grammar, construction: str) -> list[Verb]:
    """The verbs that suit a construction, as often as they weigh, in a fixed random order."""
    never = grammar.never.get(construction, frozenset())
    bag = [verb for verb in grammar.verbs if verb.singular not in never for _ in range(verb.weight)]
    draw = random_uint32(len(bag), 0, "agreement", grammar.language, construction)
    return [bag[index] for index in np.argsort(draw, kind="stable")]


def _make_pair(
    grammar: Grammar,
    construction: int,
    numbers: tuple[int, int],
    verb: Verb,
    cell: tuple[int, int],
    seen: set[str],
) -> MadePair:
    """The first sentence with this address that is new and repeats no long word."""
    name = CONSTRUCTIONS[construction]
    for attempt in range(TRIES):
        address = ("agreement", grammar.language, name, *cell, attempt)
        plan = SentencePlan(*numbers, verb.past, address)
        pair = pair_of(grammar, construction, plan, verb)
        if pair.good not in seen and not repeats_a_word(pair.good):
            return pair
    raise AssertionError(f"no new sentence of {grammar.language} for {name} with {verb.singular}")

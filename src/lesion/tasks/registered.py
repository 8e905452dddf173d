"""The registered names: tasks that need no more than their name in a study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lesion.tasks.base import Task
from lesion.tasks.builtin.agreement import agreement
from lesion.tasks.builtin.subject_number import subject_number
from lesion.tasks.builtin.subject_verb_agreement import subject_verb_agreement
from lesion.tasks.classify import ClassifyKind
from lesion.tasks.pairs import PairsKind
from lesion.tasks.sources.glue import GLUE, GlueTask


class BuiltInTask(NamedTuple):
    """A task that needs no data.

    Attributes:
        about: one line for lists.
        language: of its texts.
        kind: the kind that it is of.
        make: its kind with the keys of a study, language -> the task.
    """

    about: str
    language: str
    kind: str
    make: Callable[[Any, str], Task]


def _agreement(keys: PairsKind, language: str) -> Task:
    return agreement(language, keys.scoring or "word", keys.examples)


def _verbs(keys: PairsKind, language: str) -> Task:
    return subject_verb_agreement(language, keys.scoring or "word", keys.examples)


def _subject_number(keys: ClassifyKind, language: str) -> Task:
    return subject_number(language, keys.split, keys.max_length, keys.examples)


_PAIRS = "is 'the man is' likelier than 'the man are'? (600 pairs, built in)"
_VERBS = "is 'the man knows' likelier than 'the man know'? (2,880 pairs of 60 verbs, built in)"
_NUMBER = "is the subject singular or plural? (500 sentences, built in)"
TASKS: dict[str, BuiltInTask | GlueTask] = {
    "agreement-de": BuiltInTask(f"German: {_PAIRS}", "de", "pairs", _agreement),
    "agreement-en": BuiltInTask(f"English: {_PAIRS}", "en", "pairs", _agreement),
    "agreement-es": BuiltInTask(f"Spanish: {_PAIRS}", "es", "pairs", _agreement),
    "agreement-fr": BuiltInTask(f"French: {_PAIRS}", "fr", "pairs", _agreement),
    "cola": GLUE["cola"],
    "mnli": GLUE["mnli"],
    "mnli-mm": GLUE["mnli-mm"],
    "mrpc": GLUE["mrpc"],
    "qnli": GLUE["qnli"],
    "qqp": GLUE["qqp"],
    "rte": GLUE["rte"],
    "sst2": GLUE["sst2"],
    "subject-number-de": BuiltInTask(f"German: {_NUMBER}", "de", "classify", _subject_number),
    "subject-number-en": BuiltInTask(f"English: {_NUMBER}", "en", "classify", _subject_number),
    "subject-number-es": BuiltInTask(f"Spanish: {_NUMBER}", "es", "classify", _subject_number),
    "subject-number-fr": BuiltInTask(f"French: {_NUMBER}", "fr", "classify", _subject_number),
    "subject-verb-agreement-de": BuiltInTask(f"German: {_VERBS}", "de", "pairs", _verbs),
    "subject-verb-agreement-en": BuiltInTask(f"English: {_VERBS}", "en", "pairs", _verbs),
    "subject-verb-agreement-es": BuiltInTask(f"Spanish: {_VERBS}", "es", "pairs", _verbs),
    "subject-verb-agreement-fr": BuiltInTask(f"French: {_VERBS}", "fr", "pairs", _verbs),
    "wnli": GLUE["wnli"],
}
"""Registered names; each entry has `about`, one line for lists, and `kind`."""

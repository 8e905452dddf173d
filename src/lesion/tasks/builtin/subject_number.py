"""Is the subject of a sentence singular or plural? A classification task, built in.

It is SentEval's probe of that name (Conneau et al. 2018) on the sentences of the agreement
grammars. A classifier can be fine-tuned and damaged with it without data and network. In half the
sentences with a second noun, that noun has the other number.
"""

from dataclasses import dataclass

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.builtin.agreement import BALANCED, GROUPING, make_pairs, word_columns
from lesion.tasks.builtin.grammars import CONSTRUCTIONS
from lesion.tasks.classify import Classification
from lesion.tasks.columns import Grouping
from lesion.tasks.examples import Split

TRAINING = 34 * BALANCED  # of the 600 agreement pairs; the rest are evaluated
TWO_SUBJECTS = "coordination"  # left out: two clauses with a subject each


@dataclass(frozen=True)
class SubjectSentences:
    """The sentences of a language with the number of their subject: a source of splits."""

    language: str
    default: str = "dev"
    classes: tuple[str, ...] = ("singular", "plural")
    grouping: Grouping = GROUPING

    def read(self, split: str) -> Split:
        """`train` has 340 sentences, `dev` 160; both classes equally often."""
        parts = {"train": slice(None, TRAINING), "dev": slice(TRAINING, None)}
        name = f"subject-number-{self.language}"
        if split not in parts:
            raise LesionError(f"Task {name!r}: has the splits train and dev. Got {split!r}.")
        chosen = [
            pair
            for pair in make_pairs(self.language)[parts[split]]
            if CONSTRUCTIONS[pair.construction] != TWO_SUBJECTS
        ]
        labels = np.array([pair.plan.number for pair in chosen], dtype=np.int64)
        texts = (tuple(pair.good for pair in chosen),)
        return Split(texts, labels, f"{name}/{split}, built in", columns=word_columns(chosen))


def subject_number(
    language: str, split: str | None = None, max_length: int = 128, examples: int | None = None
) -> Classification:
    """The built-in subject number task of a language ("en", "fr", "de" or "es")."""
    name = f"subject-number-{language}"
    return Classification(name, SubjectSentences(language), split, max_length, examples, language)

"""Small grammars of English, French, German and Spanish, for subject–verb agreement.

The words are frequent in novels of 1840–1920, which the built-in models are trained on.
"""

from lesion.tasks.builtin.grammars import de, en, es, fr
from lesion.tasks.builtin.grammars.base import CONSTRUCTIONS, Grammar, SentencePlan, Verb

GRAMMARS: dict[str, Grammar] = {
    "en": en.GRAMMAR,
    "fr": fr.GRAMMAR,
    "de": de.GRAMMAR,
    "es": es.GRAMMAR,
}

__all__ = ["CONSTRUCTIONS", "GRAMMARS", "Grammar", "SentencePlan", "Verb"]

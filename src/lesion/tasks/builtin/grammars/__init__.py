"""Small grammars of English, French, German and Spanish, for subject–verb agreement.

The words are frequent in novels of 1840–1920, which the built-in models are trained on.
"""

from lesion.tasks.builtin.grammars import de, de_verbs, en, en_verbs, es, es_verbs, fr, fr_verbs
from lesion.tasks.builtin.grammars.base import CONSTRUCTIONS, Grammar, SentencePlan, Verb

GRAMMARS: dict[str, Grammar] = {
    "en": en.GRAMMAR,
    "fr": fr.GRAMMAR,
    "de": de.GRAMMAR,
    "es": es.GRAMMAR,
}
"""A dozen verbs a language, auxiliaries most often."""

VERB_GRAMMARS: dict[str, Grammar] = {
    "en": en_verbs.GRAMMAR,
    "fr": fr_verbs.GRAMMAR,
    "de": de_verbs.GRAMMAR,
    "es": es_verbs.GRAMMAR,
}
"""The same sentences with sixty verbs a language, each as often as the others."""

__all__ = ["CONSTRUCTIONS", "GRAMMARS", "VERB_GRAMMARS", "Grammar", "SentencePlan", "Verb"]

"""Damage to the texts, as a study holds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lesion.distraction.corruptions import CORRUPTIONS, PARAMETERS, Corruption
from lesion.errors import LesionError
from lesion.models.origins import is_word_file
from lesion.schema.entries import choose, find
from lesion.schema.fields import Spec, doc
from lesion.schema.reading import read, to_mapping

if TYPE_CHECKING:
    from lesion.distraction.distraction import Distraction

KEYS = ("distraction", "words", "language", "matched", "count", "columns", "per")
"""The keys of release 0.1, in the order in which a study is written: null where not given."""


@dataclass(frozen=True)
class TextKeys(Spec):
    """The keys of a distraction that are no parameters of a corruption."""

    distraction: Annotated[str, doc("damage to the texts, instead of units of the model")]
    columns: Annotated[tuple[int, ...] | None, doc("columns of text, from 0 (default: all)")] = None


@dataclass(frozen=True)
class TextDamage:
    """Damage to the texts; lists of words are read when it is addressed, not before.

    Attributes:
        corruption: what is done to a text.
        given: its parameters that the study gives; the others are at their defaults.
        columns: of text, from 0; None: all.
    """

    corruption: Corruption
    given: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[int, ...] | None = None
    needs: ClassVar[frozenset[str]] = frozenset({"texts"})

    @property
    def random(self) -> bool:
        """Whether draws differ."""
        return bool(self.corruption.random)

    @property
    def label(self) -> str:
        """A name made of its word."""
        return self.corruption.word

    @property
    def dose_label(self) -> str:
        """What a dose is a measure of, for axes."""
        return self.corruption.dose_label

    @property
    def paths(self) -> dict[str, str]:
        """Keys that name a file, and their values; a language is none."""
        words = self.given.get("words")
        return {"words": words} if words and is_word_file(words) else {}

    def with_paths(self, paths: Mapping[str, str]) -> TextDamage:
        """The same damage with other files under these keys."""
        changed = {key: paths[key] for key in self.paths if key in paths}
        corruption = dataclasses.replace(self.corruption, **changed)
        return dataclasses.replace(self, corruption=corruption, given={**self.given, **changed})

    def addressed(self, name: str, seed: int) -> Distraction:
        """The distraction, whose randomness is addressed by a name and a seed.

        Raises:
            LesionError: for a list of words that cannot be read.
        """
        from lesion.distraction.distraction import Distraction

        return Distraction(self.corruption, columns=self.columns, name=name, seed=seed)

    def to_mapping(self) -> dict[str, Any]:
        """The keys of a study."""
        own = {"distraction": self.corruption.word, "columns": to_mapping(self.columns)}
        return {**dict.fromkeys(KEYS), **to_mapping(dict(self.given)), **own}


def text_keys(chosen: Any = None) -> list[str]:
    """The keys of every distraction, and those of an installed package's that is chosen.

    Args:
        chosen: the word that a study gives.
    """
    own: tuple[str, ...] = ()
    if isinstance(chosen, str) and chosen not in CORRUPTIONS:
        try:
            own = tuple(find("distraction", chosen, CORRUPTIONS).parameters())
        except LesionError:
            own = ()  # refused with the distraction
    return list(dict.fromkeys((*KEYS, *PARAMETERS, *own)))


def read_texts(keys: Mapping[str, Any], problems: list[str]) -> TextDamage | None:
    """The damage of these keys; None where one of them is wrong.

    Args:
        problems: gets a sentence for every mistake, which begins with its key.
    """
    before = len(problems)
    own = {key: keys[key] for key in ("distraction", "columns") if key in keys}
    head = read(TextKeys, own, "", problems)
    given = {key: value for key, value in keys.items() if key not in own}
    try:
        word = keys["distraction"] if isinstance(keys["distraction"], str) else ""
        made = choose({"distraction": CORRUPTIONS}, {"distraction": word}, given)
    except LesionError as error:
        problems += str(error).splitlines() if head is not None else []
    if len(problems) > before:
        return None
    return TextDamage(made["distraction"], given, head.columns)

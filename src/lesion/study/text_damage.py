"""Damage to the texts, as a study holds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lesion.models.origins import is_word_file
from lesion.schema.fields import field, plain
from lesion.words import DISTRACTIONS, PER

if TYPE_CHECKING:
    from lesion.distraction.distraction import Distraction


@dataclass(frozen=True)
class TextDamage:
    """Damage to the texts; lists of words are read when it is addressed, not before."""

    distraction: str = field(
        "damage to the texts, instead of units of the model", choices=DISTRACTIONS
    )
    words: str | None = field("where new words come from: a language, or a file", None)
    language: str | None = field("of the texts (default: the task's)", None)
    matched: bool | None = field("new words as frequent as the text's", None)
    count: int | None = field("so many of the most frequent words", None, at_least=1)
    columns: tuple[int, ...] | None = field("columns of text, from 0 (default: all)", None)
    per: str | None = field(
        "insert: what a dose is a fraction of (default: words)", None, choices=PER
    )
    needs: ClassVar[frozenset[str]] = frozenset({"texts"})
    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.per and self.distraction != "insert":
            raise ValueError(f"per: belongs to insert. Got {self.distraction}.")

    @property
    def label(self) -> str:
        """A name made of its words."""
        return self.distraction

    @property
    def dose_label(self) -> str:
        """What a dose is a measure of, for axes."""
        if self.distraction == "insert":
            return f"inserted words, as a fraction of the text's {self.per or 'words'}"
        return f"fraction of the text changed ({self.distraction})"

    @property
    def paths(self) -> dict[str, str]:
        """Keys that name a file, and their values; a language is none."""
        return {"words": self.words} if self.words and is_word_file(self.words) else {}

    def with_paths(self, paths: Mapping[str, str]) -> TextDamage:
        """The same damage with other files under these keys."""
        return dataclasses.replace(self, words=paths.get("words", self.words))

    def addressed(self, name: str, seed: int) -> Distraction:
        """The distraction, whose randomness is addressed by a name and a seed.

        Raises:
            LesionError: for a list of words that cannot be read.
        """
        from lesion.distraction.distraction import Distraction

        keys = {key: value for key, value in vars(self).items() if key != "distraction"}
        return Distraction(self.distraction, **keys, name=name, seed=seed)

    def to_mapping(self) -> dict[str, Any]:
        """The keys of a study."""
        return {key: plain(value) for key, value in vars(self).items()}

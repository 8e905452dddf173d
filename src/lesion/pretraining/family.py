"""The configuration of a twin family: its groups, texts, architecture and training.

This file reads no YAML and trains nothing. It turns a mapping into a checked `Pretraining`.
"""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from lesion.errors import LesionError
from lesion.pretraining.primer_words import PRIMERS

Groups = dict[str, tuple[str, ...]]
Files = dict[str, dict[str, str]]

# Fields that do not change a twin's weights, or that give its languages and seed.
UNRELATED = ("groups", "seeds", "files", "credit", "checkpoint_every", "evaluate_every", "held_out")


class Twin(NamedTuple):
    """One model of the family."""

    name: str  # "enfr-0"
    group: str  # "bilingual"
    languages: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Pretraining:
    """A family of masked language models. Sizes in tokens, shares in [0, 1].

    Example:
        >>> family = Pretraining(groups={"monolingual": ("en",)},
        ...                      files={"en": {"train": "en.txt", "valid": "en.valid.txt"}})
        >>> [twin.name for twin in family.twins()]
        ['en-0', 'en-1', 'en-2']
    """

    groups: Groups  # group -> languages: one model for each group and seed
    files: Files  # language -> {train: path, valid: path}; plain text, .gz or .xz
    seeds: tuple[int, ...] = (0, 1, 2)
    vocabulary: int = 4_096  # pieces of the one tokenizer
    tokenizer_characters: int = 15_000_000  # of each language, for training the tokenizer
    layers: int = 4
    hidden: int = 128
    heads: int = 4
    intermediate: int = 256
    positions: int = 128  # the longest input
    initialisation: str = "neighbours"  # or "plain": see initial.py
    deviation: float = 0.05  # standard deviation of the initial weights
    tokens: int = 4_000_000  # of every twin's training
    primer_share: float = 0.0  # of the tokens, from sentences chosen for agreement: see primer.py
    primer_sentences: int = 200_000  # made of each language's text
    batch: int = 16  # sequences
    sequence_length: int = 64  # with [CLS] and [SEP]
    masking: str = "token"  # or "word": whole words
    masked: float = 0.25  # share of the tokens
    learning_rate: float = 2.0e-3  # of AdamW, at its peak
    weight_decay: float = 0.01
    warmup: float = 0.025  # share of the steps
    decay: float = 0.6  # share of the steps, linear, at the end
    held_out: int = 1_024  # sequences per language for the final scores
    evaluate_every: int = 500_000  # tokens between two rows of the learning table
    checkpoint_every: int = 100_000  # tokens between two checkpoints
    credit: str = ""  # the authors of the texts, and their licence

    def __post_init__(self) -> None:
        """Check every field at once; see `_mistakes`."""
        object.__setattr__(self, "groups", {k: tuple(v) for k, v in self.groups.items()})
        object.__setattr__(self, "seeds", tuple(self.seeds))
        if wrong := _mistakes(self):
            raise LesionError("\n".join(wrong))

    @property
    def ordinary_steps(self) -> int:
        """Steps of the optimiser on ordinary text, rounded down to whole batches."""
        ordinary = self.tokens * (1 - self.primer_share)
        return max(1, int(ordinary) // (self.batch * self.sequence_length))

    def masked_places(self, length: int) -> int:
        """Masked tokens in a training sequence of `length` tokens, with [CLS] and [SEP]."""
        return max(1, round(self.masked * (length - 2)))

    def twins(self) -> list[Twin]:
        """All twins, seed by seed, so that every group has its first twin early."""
        return [
            Twin(f"{''.join(languages)}-{seed}", group, languages, seed)
            for seed in self.seeds
            for group, languages in self.groups.items()
        ]

    def fingerprint(self, twin: Twin, tokenizer_sha256: str) -> str:
        """Digest of everything that decides a twin's weights; a checkpoint is bound to it."""
        decisive = asdict(self)
        for unrelated in UNRELATED:
            del decisive[unrelated]
        text = json.dumps([decisive, twin.languages, twin.seed, tokenizer_sha256], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def read_family(mapping: Mapping[str, Any], name: str = "config") -> Pretraining:
    """A `Pretraining` from plain values, as a YAML file gives them; `name` is for the messages."""
    known = [f.name for f in fields(Pretraining)]
    wrong = [
        f"{name}: {key}: unknown key.{_meant(key, known)}" for key in mapping if key not in known
    ]
    needed = [f.name for f in fields(Pretraining) if f.default is MISSING]
    wrong += [
        f"{name}: {key}: missing; this key is needed." for key in needed if key not in mapping
    ]
    if wrong:
        raise LesionError("\n".join(wrong))
    try:
        return Pretraining(**mapping)
    except LesionError as error:
        raise LesionError("\n".join(f"{name}: {line}" for line in str(error).split("\n"))) from None


def _meant(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f" Did you mean {close[0]}?" if close else f" Allowed: {', '.join(known)}."


def _mistakes(c: Pretraining) -> list[str]:
    """Every field that cannot be, as `field: what it must be. Got what.`"""
    wrong = _kinds(c)
    if wrong:
        return wrong

    def must(field: str, good: bool, what: str) -> None:
        if not good:
            wrong.append(f"{field}: must be {what}. Got {getattr(c, field)!r}.")

    for field in (
        "vocabulary",
        "layers",
        "hidden",
        "heads",
        "intermediate",
        "tokens",
        "batch",
        "held_out",
        "evaluate_every",
        "checkpoint_every",
        "tokenizer_characters",
        "primer_sentences",
    ):
        must(field, getattr(c, field) >= 1, "at least 1")
    must("vocabulary", c.vocabulary < 2**16, "below 65536 (tokens are stored in 16 bits)")
    must("hidden", c.heads < 1 or c.hidden % (2 * c.heads) == 0, "an even multiple of heads")
    must("sequence_length", 4 <= c.sequence_length <= c.positions, "from 4 to positions")
    must("initialisation", c.initialisation in ("plain", "neighbours"), "plain or neighbours")
    must("masking", c.masking in ("token", "word"), "token or word")
    must("masked", 0 < c.masked < 1, "between 0 and 1")
    must("primer_share", 0 <= c.primer_share < 1, "a share from 0 to below 1")
    must("warmup", 0 <= c.warmup <= 1, "a share from 0 to 1")
    must("decay", 0 <= c.decay <= 1, "a share from 0 to 1")
    must("groups", bool(c.groups), "at least one group: languages")
    must(
        "seeds", bool(c.seeds) and len(set(c.seeds)) == len(c.seeds), "a list of different numbers"
    )
    for group, languages in c.groups.items():
        for language in languages:
            if set(c.files.get(language, ())) != {"train", "valid"}:
                wrong.append(f"files.{language}: must name train and valid; {group} reads it.")
        if c.primer_share and (missing := [name for name in languages if name not in PRIMERS]):
            wrong.append(
                f"primer_share: there are primers for {', '.join(PRIMERS)}, and group {group} "
                f"reads {', '.join(missing)}. Set it to 0."
            )
        if not languages or c.batch % len(languages):
            wrong.append(
                f"batch: must be a multiple of the {len(languages)} languages of group {group}, so "
                f"that every batch holds as much of each. Got {c.batch}."
            )
    return wrong


def _kinds(c: Pretraining) -> list[str]:
    """Fields whose type is not the declared one (an int passes for a float)."""
    wrong = []
    for field in fields(c):
        value, kind = getattr(c, field.name), field.type
        if kind in (int, float, str):
            allowed = (int, float) if kind is float else (kind,)
            if isinstance(value, bool) or not isinstance(value, allowed):
                wrong.append(f"{field.name}: must be of type {kind.__name__}. Got {value!r}.")
    return wrong


def paths(config: Pretraining, base: Path, split: str) -> dict[str, Path]:
    """The files of every language of the groups; relative paths start at `base`."""
    languages = sorted({language for group in config.groups.values() for language in group})
    return {language: base / config.files[language][split] for language in languages}

"""The configuration of a twin family: its groups, texts, architecture and training.

This file reads no YAML and trains nothing. It turns a mapping into a checked `Pretraining`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from lesion.errors import LesionError
from lesion.pretraining.primer_words import PRIMERS
from lesion.schema import Spec, check_fields, doc

if TYPE_CHECKING:
    from lesion.schema.yaml_files import YamlFile

Groups = dict[str, tuple[str, ...]]
Files = dict[str, dict[str, str]]


def _as_given(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """A whole number stays one: 1 and 1.0 make two fingerprints, and checkpoints hold them."""
    check(value)
    return value


Real = Annotated[float, WrapValidator(_as_given)]

# Fields that do not change a twin's weights, or that give its languages and seed.
UNRELATED = ("groups", "seeds", "files", "credit", "checkpoint_every", "evaluate_every", "held_out")


class Twin(NamedTuple):
    """One model of the family."""

    name: str  # "enfr-0"
    group: str  # "bilingual"
    languages: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class Pretraining(Spec):
    """A family of masked language models. Sizes in tokens, shares in [0, 1].

    Example:
        >>> family = Pretraining(groups={"monolingual": ("en",)},
        ...                      files={"en": {"train": "en.txt", "valid": "en.valid.txt"}})
        >>> [twin.name for twin in family.twins()]
        ['en-0', 'en-1', 'en-2']
    """

    groups: Annotated[Groups, doc("group -> languages: one model for each group and seed")]
    files: Annotated[Files, doc("language -> {train: path, valid: path}; plain text, .gz or .xz")]
    seeds: Annotated[tuple[int, ...], doc("one twin of each group for every seed")] = (0, 1, 2)
    vocabulary: Annotated[int, doc("pieces of the one tokenizer")] = 4_096
    tokenizer_characters: Annotated[
        int, doc("of each language, that the tokenizer is trained on")
    ] = 15_000_000
    layers: Annotated[int, doc("of the encoder")] = 4
    hidden: Annotated[int, doc("size of the hidden states")] = 128
    heads: Annotated[int, doc("attention heads of a layer")] = 4
    intermediate: Annotated[int, doc("size of the feed-forward layers")] = 256
    positions: Annotated[int, doc("longest input that the model takes")] = 128
    initialisation: Annotated[str, doc("neighbours, or plain: see initial.py")] = "neighbours"
    deviation: Annotated[Real, doc("standard deviation of the initial weights")] = 0.05
    tokens: Annotated[int, doc("read by every twin")] = 4_000_000
    primer_share: Annotated[
        Real, doc("of the tokens, from sentences chosen for agreement: see primer.py")
    ] = 0.0
    primer_sentences: Annotated[int, doc("made of each language's text")] = 200_000
    batch: Annotated[int, doc("sequences of a batch")] = 16
    sequence_length: Annotated[int, doc("with [CLS] and [SEP]")] = 64
    masking: Annotated[str, doc("token, or word: whole words")] = "token"
    masked: Annotated[Real, doc("share of the tokens")] = 0.25
    learning_rate: Annotated[Real, doc("of AdamW, at its peak")] = 2.0e-3
    weight_decay: Annotated[Real, doc("of AdamW")] = 0.01
    warmup: Annotated[Real, doc("share of the steps, at the beginning")] = 0.025
    decay: Annotated[Real, doc("share of the steps, linear, at the end")] = 0.6
    held_out: Annotated[int, doc("sequences a language that the final scores are taken from")] = (
        1_024
    )
    evaluate_every: Annotated[int, doc("tokens between two rows of the learning table")] = 500_000
    checkpoint_every: Annotated[int, doc("tokens between two checkpoints")] = 100_000
    credit: Annotated[str, doc("whose texts these are, and their licence")] = ""

    def __post_init__(self) -> None:
        """Check every field at once; see `_mistakes`."""
        if wrong := check_fields(self) or _mistakes(self):
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


def read_family(value: Any, origin: "str | YamlFile" = "config") -> Pretraining:
    """A `Pretraining` from plain values; `origin` is where they are from, for the messages."""
    from lesion.schema.yaml_files import parse

    return parse(Pretraining, value, origin)


def _mistakes(c: Pretraining) -> list[str]:
    """Every field that cannot be, as `field: what it must be. Got what.`"""
    wrong: list[str] = []

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
        wrong += [
            f"files.{language}: must name train and valid; {group} reads it."
            for language in languages
            if set(c.files.get(language, ())) != {"train", "valid"}
        ]
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


def paths(config: Pretraining, base: Path, split: str) -> dict[str, Path]:
    """The files of every language of the groups; relative paths start at `base`."""
    languages = sorted({language for group in config.groups.values() for language in group})
    return {language: base / config.files[language][split] for language in languages}

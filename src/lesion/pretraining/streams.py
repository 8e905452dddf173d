"""The texts of a family on disk: its tokenizer, a token stream a language, a twin's batches."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from lesion.errors import LesionError
from lesion.keys import priorities
from lesion.pretraining import corpus
from lesion.pretraining.checkpoint import write_whole
from lesion.pretraining.family import Pretraining, Twin, paths


class Room(NamedTuple):
    """Where a family is trained: plain values, so that it travels to worker processes."""

    config: Pretraining
    base: Path  # relative paths of the texts start here
    out: Path  # finished folders, tokenizer, learning.csv
    work: Path  # token streams and checkpoints
    device: str


def prepare(room: Room) -> None:
    """The tokenizer and the token streams of all languages, unless they are there already."""
    if not (room.out / "tokenizer.json").exists():
        train_tokenizer(room.config, room.out, room.base)
    for split in ("train", "valid"):
        for language in paths(room.config, room.base, split):
            stream(room, language, split)


def train_tokenizer(config: Pretraining, out: Path, base: Path = Path()) -> Path:
    """One cased WordPiece tokenizer over all languages of the family, as `out/tokenizer.json`."""
    files = list(paths(config, base, "train").values())
    made = corpus.train_wordpiece(files, config.vocabulary, config.tokenizer_characters)
    write_whole(out / "tokenizer.json", made.to_str(pretty=True).encode())
    return out / "tokenizer.json"


def tokenizer_digest(room: Room) -> str:
    """SHA-256 of the family's tokenizer file."""
    return hashlib.sha256((room.out / "tokenizer.json").read_bytes()).hexdigest()


def stream(room: Room, language: str, split: str) -> np.ndarray:
    """A language's sequences, (n, length - 2) uint16, from the work folder or encoded now."""
    source = paths(room.config, room.base, split)[language]
    cache = room.work / "tokens" / f"{language}.{split}.{tokenizer_digest(room)[:12]}.npy"
    if not cache.exists():
        tokenizer = Tokenizer.from_file(str(room.out / "tokenizer.json"))
        ids = corpus.encode(tokenizer, source)
        cache.parent.mkdir(parents=True, exist_ok=True)
        part = cache.with_name(f"{cache.stem}.{os.getpid()}.part.npy")
        np.save(part, ids)
        part.replace(cache)
    cut = corpus.sequences(np.load(cache, mmap_mode="r"), room.config.sequence_length)
    if len(cut) == 0:
        raise LesionError(
            f"{source}: too short for one sequence of {room.config.sequence_length} tokens. "
            "Give more text or a smaller sequence_length."
        )
    return cut


class Batches:
    """The batches of one twin, any step at any time."""

    def __init__(self, room: Room, twin: Twin) -> None:
        self.config, self.seed = room.config, twin.seed
        self.orders = [
            corpus.Order(stream(room, language, "train"), twin.seed, language)
            for language in twin.languages
        ]
        self.starts = None
        if room.config.masking == "word":
            tokenizer = Tokenizer.from_file(str(room.out / "tokenizer.json"))
            self.starts = corpus.word_starts(tokenizer)

    def rows(self, step: int, steps: int = 1) -> np.ndarray:
        """The sequences of `steps` batches, as many of each language; unframed, uint16."""
        each = self.config.batch // len(self.orders)
        return np.concatenate([o.take(step * each, steps * each) for o in self.orders])

    def everything(self) -> np.ndarray:
        """All sequences that the twin will read, one epoch at most."""
        shortest = min(len(order.data) for order in self.orders) * len(self.orders)
        return self.rows(0, min(self.config.steps, max(1, shortest // self.config.batch)))

    def at(self, step: int) -> corpus.Batch:
        """As many sequences of each language, masked."""
        rows = corpus.framed(self.rows(step))
        draw = priorities(rows.size, self.seed, "mask", step).reshape(rows.shape)
        return corpus.mask(rows, draw, self.config.masked_places, self.starts)

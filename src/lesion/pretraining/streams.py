"""The texts of a family on disk: its tokenizer, a token stream a language, a twin's batches."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from lesion.atomic import write, written_aside
from lesion.errors import LesionError
from lesion.keys import priorities
from lesion.pretraining import corpus
from lesion.pretraining.family import Pretraining, Twin, paths
from lesion.pretraining.primer import primer


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
    if room.config.primer_share:
        for language in paths(room.config, room.base, "train"):
            sentences(room, language)


def train_tokenizer(config: Pretraining, out: Path, base: Path = Path()) -> Path:
    """One cased WordPiece tokenizer over all languages of the family, as `out/tokenizer.json`."""
    files = list(paths(config, base, "train").values())
    made = corpus.train_wordpiece(files, config.vocabulary, config.tokenizer_characters)
    write(out / "tokenizer.json", made.to_str(pretty=True).encode())
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
        with written_aside(cache) as part:
            np.save(part, ids)
    cut = corpus.sequences(np.load(cache, mmap_mode="r"), room.config.sequence_length)
    if len(cut) == 0:
        raise LesionError(
            f"{source}: too short for one sequence of {room.config.sequence_length} tokens. "
            "Give more text or a smaller sequence_length."
        )
    return cut


class Sentences(NamedTuple):
    """The primer of a language as tokens."""

    ids: np.ndarray  # (tokens,), uint16: all sentences, one after the other
    starts: np.ndarray  # (sentences + 1,), int64: where each begins in `ids`
    verbs: np.ndarray  # (sentences,), int64: which of a sentence's tokens is its verb

    def rows(self, chosen: np.ndarray, length: int) -> np.ndarray:
        """Sentences of one length, (chosen, length)."""
        return self.ids[self.starts[chosen][:, None] + np.arange(length)]


def sentences(room: Room, language: str) -> Sentences:
    """The primer of a language, from the work folder or made now."""
    source = paths(room.config, room.base, "train")[language]
    count = room.config.primer_sentences
    cache = room.work / "tokens" / f"{language}.primer.{count}.{tokenizer_digest(room)[:12]}.npz"
    if not cache.exists():
        tokenizer = Tokenizer.from_file(str(room.out / "tokenizer.json"))
        limit = room.config.sequence_length - 2
        made = corpus.encode_marked(tokenizer, primer(source, language, count), limit)
        with written_aside(cache) as part:
            np.savez(part, **Sentences(*made)._asdict())
    with np.load(cache) as stored:
        return Sentences(*(stored[field] for field in Sentences._fields))


class Lesson(NamedTuple):
    """What one step reads of a primer: sentences of one length, in one language."""

    language: int
    length: int  # tokens of each, without [CLS] and [SEP]
    chosen: np.ndarray  # (sentences,), int64


class Batches:
    """The batches of one twin, any step at any time.

    Attributes:
        steps: how many there are.
        tokens: (steps + 1,), int64: tokens read before each step, and in the end.
    """

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
        self.primers: list[Sentences] = []
        if room.config.primer_share:
            self.primers = [sentences(room, language) for language in twin.languages]
        self.lessons = list(self._lessons(twin.languages))
        self._plan()

    def _lessons(self, languages: tuple[str, ...]) -> Iterator[Lesson]:
        """Sentences for each language's share of the tokens, in steps of one length."""
        each = self.config.tokens * self.config.primer_share / len(languages)
        for place, (language, made) in enumerate(zip(languages, self.primers, strict=False)):
            lengths = np.diff(made.starts)
            draw = priorities(len(lengths), self.seed, "primer", language)
            order = np.argsort(draw, kind="stable")
            framed = np.cumsum(lengths[order] + 2)
            epochs = int(each // framed[-1])
            last = order[: np.searchsorted(framed, each - epochs * framed[-1], side="right")]
            order = np.concatenate([*[order] * epochs, last])
            for length in map(int, np.unique(lengths[order])):
                same = order[lengths[order] == length]
                rows = self.config.batch * self.config.sequence_length // (length + 2)
                for start in range(0, len(same), rows):
                    yield Lesson(place, length, same[start : start + rows])

    def _plan(self) -> None:
        """Ordinary batches and lessons in one keyed order; what each reads."""
        ordinary = self.config.ordinary_steps
        self.steps = ordinary + len(self.lessons)
        self.order = np.arange(ordinary)
        if self.lessons:
            self.order = np.argsort(priorities(self.steps, self.seed, "steps"), kind="stable")
        whole = self.config.batch * self.config.sequence_length
        sizes = [whole] * ordinary + [len(one.chosen) * (one.length + 2) for one in self.lessons]
        self.tokens = np.concatenate([[0], np.cumsum(np.array(sizes)[self.order])])

    def rows(self, step: int, steps: int = 1) -> np.ndarray:
        """The sequences of `steps` batches of ordinary text; unframed, uint16."""
        each = self.config.batch // len(self.orders)
        return np.concatenate([o.take(step * each, steps * each) for o in self.orders])

    def everything(self) -> np.ndarray:
        """All ordinary text that the twin will read, one epoch at most."""
        shortest = min(len(order.data) for order in self.orders) * len(self.orders)
        one_epoch = max(1, shortest // self.config.batch)
        return self.rows(0, min(self.config.ordinary_steps, one_epoch))

    def at(self, step: int) -> corpus.Batch:
        """As many sequences of each language, or a lesson; masked."""
        place = int(self.order[step]) - self.config.ordinary_steps
        if place < 0:
            rows = corpus.framed(self.rows(int(self.order[step])))
        else:
            lesson = self.lessons[place]
            rows = corpus.framed(self.primers[lesson.language].rows(lesson.chosen, lesson.length))
        draw = priorities(rows.size, self.seed, "mask", step).reshape(rows.shape)
        if place >= 0:  # the verb is always hidden
            verbs = self.primers[lesson.language].verbs[lesson.chosen]
            draw[np.arange(len(rows)), verbs + 1] = 0
        return corpus.mask(rows, draw, self.config.masked_places(rows.shape[1]), self.starts)

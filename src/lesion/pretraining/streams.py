"""The texts of a twin family on disk: tokenizer, token streams, and the batches of a twin."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from lesion.atomic import write, written_aside
from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.pretraining import corpus
from lesion.pretraining.family import Pretraining, Twin, paths
from lesion.pretraining.primer import primer


class Workspace(NamedTuple):
    """The folders and the device of a training; plain values, so that workers can receive it."""

    config: Pretraining
    base: Path  # relative paths of the texts start here
    out: Path  # finished folders, tokenizer, learning.csv
    work: Path  # token streams and checkpoints
    device: str


def prepare(workspace: Workspace) -> None:
    """Make the tokenizer and the token streams of all languages, unless they exist already."""
    if not (workspace.out / "tokenizer.json").exists():
        train_tokenizer(workspace.config, workspace.out, workspace.base)
    for split in ("train", "valid"):
        for language in paths(workspace.config, workspace.base, split):
            stream(workspace, language, split)
    if workspace.config.primer_share:
        for language in paths(workspace.config, workspace.base, "train"):
            sentences(workspace, language)


def train_tokenizer(config: Pretraining, out: Path, base: Path = Path()) -> Path:
    """One cased WordPiece tokenizer over all languages of the family, as `out/tokenizer.json`."""
    files = list(paths(config, base, "train").values())
    tokenizer = corpus.train_wordpiece(files, config.vocabulary, config.tokenizer_characters)
    write(out / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
    return out / "tokenizer.json"


def tokenizer_digest(workspace: Workspace) -> str:
    """SHA-256 of the family's tokenizer file."""
    return hashlib.sha256((workspace.out / "tokenizer.json").read_bytes()).hexdigest()


def stream(workspace: Workspace, language: str, split: str) -> np.ndarray:
    """A language's sequences, (n, length - 2) uint16; encoded once and kept in the work folder."""
    source = paths(workspace.config, workspace.base, split)[language]
    cache = workspace.work / "tokens" / f"{language}.{split}.{tokenizer_digest(workspace)[:12]}.npy"
    if not cache.exists():
        tokenizer = Tokenizer.from_file(str(workspace.out / "tokenizer.json"))
        ids = corpus.encode(tokenizer, source)
        with written_aside(cache) as part:
            np.save(part, ids)
    cut = corpus.sequences(np.load(cache, mmap_mode="r"), workspace.config.sequence_length)
    if len(cut) == 0:
        raise LesionError(
            f"{source}: too short for one sequence of {workspace.config.sequence_length} tokens. "
            "Give more text or a smaller sequence_length."
        )
    return cut


class Sentences(NamedTuple):
    """The primer of a language as tokens."""

    ids: np.ndarray  # (tokens,), uint16: all sentences, one after the other
    starts: np.ndarray  # (sentences + 1,), int64: where each begins in `ids`
    verbs: np.ndarray  # (sentences,), int64: index of the verb among a sentence's tokens

    def rows(self, chosen: np.ndarray, length: int) -> np.ndarray:
        """Sentences of one length, (chosen, length)."""
        return self.ids[self.starts[chosen][:, None] + np.arange(length)]


def sentences(workspace: Workspace, language: str) -> Sentences:
    """The primer of a language; made once and kept in the work folder."""
    source = paths(workspace.config, workspace.base, "train")[language]
    count = workspace.config.primer_sentences
    cache = (
        workspace.work
        / "tokens"
        / f"{language}.primer.{count}.{tokenizer_digest(workspace)[:12]}.npz"
    )
    if not cache.exists():
        tokenizer = Tokenizer.from_file(str(workspace.out / "tokenizer.json"))
        limit = workspace.config.sequence_length - 2
        encoded = corpus.encode_marked(tokenizer, primer(source, language, count), limit)
        with written_aside(cache) as part:
            np.savez(part, **Sentences(*encoded)._asdict())
    with np.load(cache) as stored:
        return Sentences(*(stored[field] for field in Sentences._fields))


class PrimerBatch(NamedTuple):
    """A batch of a primer: sentences of one length, in one language."""

    language: int  # its index among the twin's languages
    length: int  # tokens of each, without [CLS] and [SEP]
    chosen: np.ndarray  # (sentences,), int64


class Batches:
    """The batches of one twin, with random access by step.

    Attributes:
        steps: their number.
        tokens: (steps + 1,), int64: tokens before each step, and at the end.
    """

    def __init__(self, workspace: Workspace, twin: Twin) -> None:
        self.config, self.seed = workspace.config, twin.seed
        self.orders = [
            corpus.SequenceOrder(stream(workspace, language, "train"), twin.seed, language)
            for language in twin.languages
        ]
        self.starts = None
        if workspace.config.masking == "word":
            tokenizer = Tokenizer.from_file(str(workspace.out / "tokenizer.json"))
            self.starts = corpus.word_starts(tokenizer)
        self.primers: list[Sentences] = []
        if workspace.config.primer_share:
            self.primers = [sentences(workspace, language) for language in twin.languages]
        self.primer_batches = list(self._primer_batches(twin.languages))
        self._order_steps()

    def _primer_batches(self, languages: tuple[str, ...]) -> Iterator[PrimerBatch]:
        """Sentences for each language's share of the tokens, in steps of one length."""
        each = self.config.tokens * self.config.primer_share / len(languages)
        for index, (language, primer_) in enumerate(zip(languages, self.primers, strict=False)):
            lengths = np.diff(primer_.starts)
            draw = random_uint32(len(lengths), self.seed, "primer", language)
            order = np.argsort(draw, kind="stable")
            tokens = np.cumsum(lengths[order] + 2)  # with [CLS] and [SEP]
            epochs = int(each // tokens[-1])
            last = order[: np.searchsorted(tokens, each - epochs * tokens[-1], side="right")]
            order = np.concatenate([*[order] * epochs, last])
            for length in map(int, np.unique(lengths[order])):
                same = order[lengths[order] == length]
                rows = self.config.batch * self.config.sequence_length // (length + 2)
                for start in range(0, len(same), rows):
                    yield PrimerBatch(index, length, same[start : start + rows])

    def _order_steps(self) -> None:
        """Put ordinary batches and those of primers in one keyed order, and count their tokens."""
        ordinary = self.config.ordinary_steps
        self.steps = ordinary + len(self.primer_batches)
        self.order = np.arange(ordinary)
        if self.primer_batches:
            self.order = np.argsort(random_uint32(self.steps, self.seed, "steps"), kind="stable")
        whole = self.config.batch * self.config.sequence_length
        sizes = [whole] * ordinary
        sizes += [len(batch.chosen) * (batch.length + 2) for batch in self.primer_batches]
        self.tokens = np.concatenate([[0], np.cumsum(np.array(sizes)[self.order])])

    def rows(self, step: int, steps: int = 1) -> np.ndarray:
        """The sequences of `steps` batches of ordinary text, without special tokens, uint16."""
        each = self.config.batch // len(self.orders)
        return np.concatenate([o.take(step * each, steps * each) for o in self.orders])

    def ordinary_text(self) -> np.ndarray:
        """All ordinary text of the twin's training, one epoch at most."""
        shortest = min(len(order.data) for order in self.orders) * len(self.orders)
        one_epoch = max(1, shortest // self.config.batch)
        return self.rows(0, min(self.config.ordinary_steps, one_epoch))

    def at(self, step: int) -> corpus.Batch:
        """One masked batch: equally many sequences of each language, or a batch of a primer."""
        number = int(self.order[step]) - self.config.ordinary_steps
        if number < 0:
            rows = corpus.with_special_tokens(self.rows(int(self.order[step])))
        else:
            batch = self.primer_batches[number]
            sentences_ = self.primers[batch.language]
            rows = corpus.with_special_tokens(sentences_.rows(batch.chosen, batch.length))
        draw = random_uint32(rows.size, self.seed, "mask", step).reshape(rows.shape)
        if number >= 0:  # the verb is always masked
            draw[np.arange(len(rows)), sentences_.verbs[batch.chosen] + 1] = 0
        return corpus.mask(rows, draw, self.config.masked_places(rows.shape[1]), self.starts)

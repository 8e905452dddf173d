"""Text files to masked batches: one tokenizer, a token stream per language, keyed order and masks.

The order of the data is not stored. Sequence t and its masks follow from (seed, language, step), so
that a resumed training gets the same batches as an uninterrupted one.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

from lesion.keys import random_uint32
from lesion.tasks.sources.texts import paragraphs

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]  # in the order of their ids
PAD, UNK, CLS, SEP, MASK = range(5)
ALPHABET = 200  # characters in the vocabulary; rarer ones become [UNK]
PARAGRAPHS = 5_000  # encoded at a time


class Batch(NamedTuple):
    """Masked sequences of one length, without padding."""

    ids: torch.Tensor  # (sequences, length), int64, with [MASK] at the chosen positions
    positions: torch.Tensor  # (masked,), int64: of the masks in the flattened ids
    targets: torch.Tensor  # (masked,), int64: the tokens under the masks

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(*(tensor.to(device) for tensor in self))


def train_wordpiece(files: list[Path], vocabulary: int, characters: int) -> Tokenizer:
    """A cased WordPiece tokenizer over several files, `characters` of text from each.

    Every file gives the same share, so that no language dominates the vocabulary. Sentence pairs
    get token type 0 throughout: the twins have one type, and [SEP] separates the halves.
    """

    def share(path: Path) -> Iterator[str]:
        seen = 0
        for text in paragraphs(path):
            yield text
            seen += len(text)
            if seen >= characters:
                return

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=False, lowercase=False, strip_accents=False
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, limit_alphabet=ALPHABET, show_progress=False
    )
    tokenizer.train_from_iterator((text for path in files for text in share(path)), trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    return tokenizer


def encode(tokenizer: Tokenizer, path: Path) -> np.ndarray:
    """A file as one stream of token ids, shape (tokens,), uint16; [SEP] ends each paragraph."""
    pieces: list[np.ndarray] = []
    waiting: list[str] = []

    def flush() -> None:
        encoded = tokenizer.encode_batch(waiting, add_special_tokens=False)
        pieces.extend(np.array([*text.ids, SEP], dtype=np.uint16) for text in encoded)
        waiting.clear()

    for text in paragraphs(path):
        waiting.append(text)
        if len(waiting) == PARAGRAPHS:
            flush()
    flush()
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.uint16)


def encode_marked(
    tokenizer: Tokenizer, sentences: Iterable[tuple[str, int]], longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sentences with one marked character: tokens, starts, and the token of the character.

    Sentences of more than `longest` tokens, or whose marked word is not one token, are left out.

    Returns:
        ids (tokens,) uint16, starts (sentences + 1,) int64, marked (sentences,) int64.
    """
    ids, marked = [], []
    for sentence, character in sentences:
        encoded = tokenizer.encode(sentence, add_special_tokens=False)
        token = encoded.char_to_token(character)
        if token is None or len(encoded) > longest:
            continue
        word = encoded.token_to_word(token)
        if word is not None and encoded.word_to_tokens(word) == (token, token + 1):
            ids.append(np.array(encoded.ids, dtype=np.uint16))
            marked.append(token)
    starts = np.cumsum([0, *map(len, ids)])
    flat = np.concatenate(ids) if ids else np.zeros(0, dtype=np.uint16)
    return flat, starts, np.array(marked, dtype=np.int64)


def sequences(stream: np.ndarray, length: int) -> np.ndarray:
    """The stream cut into whole inner sequences, shape (n, length - 2): room for [CLS], [SEP]."""
    inner = length - 2
    return stream[: len(stream) // inner * inner].reshape(-1, inner)


def with_special_tokens(inner: np.ndarray) -> np.ndarray:
    """[CLS] before and [SEP] after each row: (rows, inner) -> (rows, inner + 2), int64."""
    rows = np.pad(inner.astype(np.int64), ((0, 0), (1, 1)), constant_values=SEP)
    rows[:, 0] = CLS
    return rows


class SequenceOrder:
    """The sequences of one language in the order of one seed, epoch after epoch."""

    def __init__(self, data: np.ndarray, seed: int, language: str) -> None:
        self.data, self.seed, self.language = data, seed, language
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)

    def take(self, start: int, count: int) -> np.ndarray:
        """Sequences `start` to `start + count` since the beginning of training, (count, inner)."""
        return np.stack([self.data[self._index(i)] for i in range(start, start + count)])

    def _index(self, i: int) -> int:
        epoch, index = divmod(i, len(self.data))
        if epoch != self._epoch:
            draw = random_uint32(len(self.data), self.seed, "order", self.language, epoch)
            self._epoch, self._order = epoch, np.argsort(draw, kind="stable")
        return int(self._order[index])


def mask(rows: np.ndarray, draw: np.ndarray, count: int, starts: np.ndarray | None = None) -> Batch:
    """Mask the `count` positions of each row with the lowest `draw`, never a special token.

    Every chosen token becomes [MASK]. BERT kept or replaced some of them, which does not help
    (Wettig et al. 2023, arXiv:2202.08005).

    Args:
        rows: token ids (rows, length), int64.
        draw: random priorities (rows, length), uint32.
        starts: which ids begin a word (vocabulary,), bool. With it, whole words are masked, and
            only the last one of a row may be cut short by `count`. None: single tokens are masked.
    """
    length = rows.shape[1]
    if starts is not None:
        first = np.maximum.accumulate(np.where(starts[rows], np.arange(length), 0), axis=1)
        draw = np.take_along_axis(draw, first, axis=1)
    ranked = np.argsort(np.where(rows < len(SPECIAL), np.int64(2**32), draw), axis=1, kind="stable")
    positions = (ranked[:, :count] + length * np.arange(len(rows))[:, None]).ravel()
    positions = np.sort(positions[rows.ravel()[positions] >= len(SPECIAL)])
    masked = rows.copy()
    masked.ravel()[positions] = MASK
    return Batch(*map(torch.from_numpy, (masked, positions, rows.ravel()[positions])))


def word_starts(tokenizer: Tokenizer) -> np.ndarray:
    """Which token ids begin a word, shape (vocabulary,), bool."""
    size = tokenizer.get_vocab_size()
    return np.array([not (tokenizer.id_to_token(i) or "").startswith("##") for i in range(size)])

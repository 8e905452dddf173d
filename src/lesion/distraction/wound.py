"""A distraction that is open: the edits of every text in their order, and the scorer's texts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from lesion.damage.arguments import plain_dose
from lesion.damage.receipt import Receipt
from lesion.distraction.corruptions import Corruption
from lesion.distraction.edits import MASK, CorruptionContext, Edit, render
from lesion.errors import LesionError
from lesion.keys import random_uint32

Texts = tuple[tuple[str, ...], ...]  # (columns) × (examples), as in Split


class TextTask(Protocol):
    """A task whose `offers` contain "texts": its evaluated texts can be replaced."""

    @property
    def language(self) -> str:
        """Of the texts."""
        ...

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The evaluated texts, by the name of their column."""
        ...

    def with_texts(self, texts: Texts) -> Any:
        """The same task with other texts."""
        ...


class Address(NamedTuple):
    """What addresses the randomness of a distraction; each text adds its own position."""

    seed: int
    name: str
    draw: int


class OrderedEdits:
    """The edits of every text, ready for any dose. Made by `Distraction.opened`.

    Args:
        columns: those that are edited.

    Raises:
        LesionError: if no text has anything to edit.
    """

    def __init__(
        self,
        corruption: Corruption,
        address: Address,
        texts: Texts,
        columns: Sequence[int],
        context: CorruptionContext,
    ) -> None:
        self.texts = texts
        self._edits: dict[tuple[int, int], list[Edit]] = {}
        for column in columns:
            for example, text in enumerate(texts[column]):
                numbers = partial(_numbers, address, (example, column))
                self._edits[column, example] = corruption.edits(
                    re.findall(r"\S+", text), numbers, context._replace(text=text)
                )
        if not any(self._edits.values()):
            raise LesionError(
                f"{address.name}: has no targets: no text has a word for {corruption.word}."
            )

    def deepen(self, dose: float) -> tuple[Texts, Receipt]:
        """All texts at a dose, and proof of what was done: a site is a text, a unit a word.

        Raises:
            LesionError: if the dose is not a number in [0, 1].
        """
        dose = plain_dose(dose)
        edited = [list(column) for column in self.texts]
        digest, destroyed, sites = hashlib.blake2b(digest_size=16), 0, 0
        for (column, example), edits in self._edits.items():
            done = edits[: round(dose * len(edits))]
            if done:
                edited[column][example] = render(self.texts[column][example], done)
                digest.update(json.dumps([column, example, *map(_plain, done)]).encode())
                destroyed, sites = destroyed + len(done), sites + 1
        units = sum(map(len, self._edits.values()))
        receipt = Receipt(destroyed, destroyed, units, sites, digest.hexdigest())
        return tuple(map(tuple, edited)), receipt


class TextWound:
    """An open distraction of a task: `deepen` changes the texts that the scorer reads."""

    def __init__(
        self,
        edits: OrderedEdits,
        task: TextTask,
        tokenizer: Any,
        rescore: Callable[[Any], object],
    ) -> None:
        self._edits, self._task = edits, task
        self._tokenizer, self._rescore = tokenizer, rescore

    def deepen(self, dose: float) -> Receipt:
        """Give the scorer the texts at a dose."""
        texts, receipt = self._edits.deepen(dose)
        masked = tuple(with_mask_token(column, self._tokenizer) for column in texts)
        self._rescore(self._task.with_texts(masked))
        return receipt


def with_mask_token(texts: Sequence[str], tokenizer: Any) -> tuple[str, ...]:
    """Texts in which the tokenizer's mask token stands for masked words.

    Raises:
        LesionError: if a word is masked and the tokenizer has no mask token.
    """
    if any(MASK in text for text in texts):
        token = mask_token(tokenizer)
        return tuple(text.replace(MASK, token) for text in texts)
    return tuple(texts)


def mask_token(tokenizer: Any) -> str:
    """The mask token of a tokenizer.

    Raises:
        LesionError: if it has none.
    """
    token = getattr(tokenizer, "mask_token", None)
    if token is None:
        raise LesionError(
            f"mask: {type(tokenizer).__name__} has no mask token. "
            "Choose a masked language model such as BERT or XLM, or take drop."
        )
    return str(token)


def _plain(edit: Edit) -> list:
    return [sorted(edit.replaced.items()), edit.inserted]


def _numbers(address: Address, text: tuple[int, int], count: int, purpose: str) -> np.ndarray:
    """Random numbers of one text; its address is (example, column)."""
    return random_uint32(count, address.seed, address.name, address.draw, *text, purpose)

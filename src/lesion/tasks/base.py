"""What a task is: texts and labels in, forward rows out, outputs back to examples."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lesion.models.families import find_family
from lesion.tasks.sampling import sample

if TYPE_CHECKING:
    import torch

Row = dict[str, list[int]]
"""One forward row without padding: `input_ids` and, where the model has them, `token_type_ids`.
Masked tasks add `read`, `target` and `words`, which are not for the model: see
`lesion.tasks.masked`."""


@dataclass(frozen=True)
class Split:
    """Labelled examples.

    Attributes:
        texts: (text columns) × (examples): `texts[0][i]` and `texts[1][i]` belong together.
        labels: int64 (examples,), each an index into the task's classes.
        origin: where the examples were read, for messages and the record.
        note: what was left out, in a sentence; "" where nothing was.
    """

    texts: tuple[tuple[str, ...], ...]
    labels: np.ndarray
    origin: str
    note: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits (BLAKE2b) of texts and labels, wherever they were read."""
        digest = hashlib.blake2b(digest_size=16)
        for column in self.texts:
            digest.update(json.dumps(column).encode())
        digest.update(np.asarray(self.labels, dtype="<i8").tobytes())
        return digest.hexdigest()

    def first(self, examples: int | None) -> Split:
        """The first so many examples; all of them for None."""
        if examples is None or examples >= len(self):
            return self
        return self._at(np.arange(examples))

    def sample(self, examples: int | None, task: str) -> Split:
        """So many examples by chance, the classes in their shares; all of them for None.

        Args:
            task: its name addresses the choice, see `lesion.tasks.sampling`.
        """
        if examples is None or examples >= len(self):
            return self
        return self._at(sample(examples, task, self.labels))

    def _at(self, places: np.ndarray) -> Split:
        texts = tuple(tuple(column[place] for place in places) for column in self.texts)
        return replace(self, texts=texts, labels=self.labels[places])


@dataclass(frozen=True)
class Encoded:
    """Forward rows in the order that `Task.gather` expects; several may belong to one example.

    Attributes:
        rows: what the model reads.
        cut: share of the rows whose text is longer than the task's max_length and was cut there.
    """

    rows: list[Row]
    cut: float = field(default=0.0, kw_only=True)

    def __len__(self) -> int:
        return len(self.rows)


class Task(Protocol):
    """What a model is asked to do, and how its outputs become numbers that can be scored."""

    @property
    def name(self) -> str:
        """The word that the study, the record and the report use."""
        ...

    @property
    def kind(self) -> str:
        """Which family of tasks this is: "classify", "pairs", "cloze" or "lm"."""
        ...

    @property
    def head(self) -> str:
        """Which kind of model does it: "classification", "mlm" or "causal"."""
        ...

    @property
    def language(self) -> str:
        """Of the texts (ISO 639-1), for models that must be told."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Label names in order of index; () where a task has none."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that fit, the main one first."""
        ...

    @property
    def targets(self) -> np.ndarray:
        """int64 (examples,) of the evaluated split."""
        ...

    @property
    def digest(self) -> str:
        """Of the evaluated examples and everything else that decides the scores."""
        ...

    def encode(self, tokenizer: Any, config: Any) -> Encoded:
        """The evaluated split as forward rows for one model's tokenizer and configuration."""
        ...

    def reduce(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        """What is kept of a batch's logits: (rows, columns).

        Where rows have `read`, the logits are (rows, reads, vocabulary), those of these places;
        where they have `words`, (rows, reads, words), those of these words.
        """
        ...

    def gather(self, outputs: np.ndarray, encoded: Any) -> np.ndarray:
        """(rows, columns) kept outputs of what was encoded -> (examples, columns), float32."""
        ...


def longest_input(tokenizer: Any, config: Any) -> int:
    """The most tokens that a model reads, special ones included.

    RoBERTa, XLM-R and MPNet count positions from the one after the padding's id: a table of 514
    positions is read by 512 tokens.
    """
    longest = int(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None)
    if not positions:
        return longest
    family = find_family(getattr(config, "model_type", ""))
    skipped = config.pad_token_id + 1 if family and family.skips_padding else 0
    return min(longest, positions - skipped)


def opening_token(tokenizer: Any) -> int | None:
    """The token that begins a text or, where a tokenizer has none, the one that ends it.

    GPT-2 and its heirs were trained on texts with the second between them.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return None

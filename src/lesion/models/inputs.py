"""Token rows to the padded tensors that a model's forward takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from lesion.errors import LesionError

MODEL_INPUTS = ("input_ids", "token_type_ids")


@dataclass(frozen=True, eq=False)
class Batcher:
    """Rows of one model and task to tensors.

    Args:
        tokenizer, config: the model's own.
        language: of the texts, as in `language_id`.
        device: of the tensors.
    """

    tokenizer: Any
    config: Any
    language: str
    device: torch.device

    @cached_property
    def language_id(self) -> int | None:
        """The language id of every token; None for most models.

        Raises:
            LesionError: if the model was not trained on that language.
        """
        return language_id(self.config, self.language)

    def __call__(self, rows: Sequence[Mapping[str, list[int]]]) -> dict[str, torch.Tensor]:
        """Rows padded to the longest, as by `collate`."""
        return collate(rows, self.tokenizer, self.language_id, self.device)


def collate(
    rows: Sequence[Mapping[str, list[int]]],
    tokenizer: Any,
    language: int | None,
    device: torch.device,
) -> dict[str, torch.Tensor]:
    """Pad rows to the longest, on the right: tensors of shape (rows, tokens), int64.

    The tokenizer's own side does not matter: causal models count positions from the left.

    Args:
        language: XLM's language id, given to every token.
    """
    longest = max(len(row["input_ids"]) for row in rows)
    padding = {"input_ids": padding_id(tokenizer)}
    tensors = {
        key: torch.tensor(
            [row[key] + [padding.get(key, 0)] * (longest - len(row[key])) for row in rows]
        )
        for key in MODEL_INPUTS
        if key in rows[0]
    }
    tensors["attention_mask"] = torch.tensor(
        [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
    )
    if language is not None:
        tensors["langs"] = torch.full_like(tensors["input_ids"], language)
    return {key: tensor.to(device) for key, tensor in tensors.items()}


def padding_id(tokenizer: Any) -> int:
    """The id that fills a row up: of the padding token, or else of the token that ends a text.

    GPT-2 and Llama have no padding token. Padding is masked; its id matters only to causal
    classifiers, which find the last real token by it (see `load.load_model`).
    """
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0


def language_id(config: Any, language: str = "en") -> int | None:
    """The language id that an XLM model with language embeddings needs with every token.

    XLM checkpoints were trained with a language embedding at every position. Without one they
    compute another function, and end up as constant predictors.

    Raises:
        LesionError: if the model was not trained on that language.
    """
    if config.model_type != "xlm" or not config.use_lang_emb or config.n_langs < 2:
        return None
    languages = dict(config.lang2id)
    if language not in languages:
        raise LesionError(
            f"the XLM model has language embeddings for {', '.join(sorted(languages))}. Got "
            f"{language!r}: choose a model or a task in one of its languages."
        )
    return int(languages[language])

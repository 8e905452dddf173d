"""Useless warnings of slow tokenizers, one for every row."""

import logging

LOGGERS = ("transformers.models.xlm.tokenization_xlm", "transformers.tokenization_python")
# XLM's tokenizer splits words as English where a checkpoint does not list it; cut texts are
# counted and reported by `lesion.record.cuts`.
USELESS = ("Supplied language code not found in lang2id", "Be aware, overflowing tokens are not")


def hush_tokenizers() -> None:
    """Drop these two messages, and no other."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_useful)  # once: it is the same function


def _useful(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(USELESS)

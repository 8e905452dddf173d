"""What transformers prints for nobody: warnings of slow tokenizers, progress bars, reports."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import transformers

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


@contextmanager
def silence_transformers() -> Iterator[None]:
    """Keep transformers from printing its progress bars and reports."""
    library = transformers.utils.logging
    level, bar = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity_error()
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bar:
            library.enable_progress_bar()

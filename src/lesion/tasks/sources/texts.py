"""Paragraphs of text files."""

import gzip
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lesion.errors import LesionError


def paragraphs(path: Path) -> Iterator[str]:
    """The lines of a text file that hold something; plain, .gz or .xz, in UTF-8."""
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            yield from (line.strip() for line in lines if line.strip())
    except FileNotFoundError:
        raise LesionError(f"{path} does not exist. Give a text file, plain, .gz or .xz.") from None
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise LesionError(
            f"{path} is not readable as UTF-8 text (plain, .gz, .xz): {error}."
        ) from None

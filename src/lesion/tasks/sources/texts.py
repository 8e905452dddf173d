"""Paragraphs of text files."""

import gzip
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lesion.errors import LesionError


class Place(NamedTuple):
    """Where a paragraph stands: both numbers are counted from 1 through the whole text."""

    document: int
    paragraph: int


def paragraphs(path: Path) -> Iterator[str]:
    """The lines of a text file that hold something; plain, .gz or .xz, in UTF-8."""
    return filter(None, _lines(path))


def placed_paragraphs(path: Path) -> list[tuple[str, Place]]:
    """The paragraphs of a text file and where they stand.

    Blank lines separate documents. In a text without any, every paragraph is a document.
    """
    placed: list[tuple[str, Place]] = []
    documents, blank = 0, True
    for line in _lines(path):
        if line:
            documents += blank
            placed.append((line, Place(documents, len(placed) + 1)))
        blank = not line
    if documents > 1:
        return placed
    return [(text, place._replace(document=place.paragraph)) for text, place in placed]


def place_columns(places: Sequence[Place | None]) -> dict[str, tuple[str, ...]]:
    """The documents and paragraphs of examples as columns; none where a place is not known."""
    known = [place for place in places if place is not None]
    if len(known) < len(places):
        return {}
    return {
        name: tuple(str(place[number]) for place in known)
        for number, name in enumerate(Place._fields)
    }


def _lines(path: Path) -> Iterator[str]:
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            yield from (line.strip() for line in lines)
    except FileNotFoundError:
        raise LesionError(f"{path} does not exist. Give a text file, plain, .gz or .xz.") from None
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise LesionError(
            f"{path} is not readable as UTF-8 text (plain, .gz, .xz): {error}."
        ) from None

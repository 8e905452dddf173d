"""Files and folders that appear under their names whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes the name `path` when this is left without error.

    Several processes may write the same file: each has its own beside it, and the last one stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.part{path.suffix}")
    part.unlink(missing_ok=True)
    yield part
    part.replace(path)


def write(path: Path, content: bytes) -> None:
    """Write a whole file or nothing."""
    with written_aside(path) as part:
        part.write_bytes(content)


def publish(work: Path, target: Path, last: str) -> None:
    """Move a finished folder to its place; another process may have been faster.

    Args:
        last: a file that every finished folder has.
    """
    try:
        work.replace(target)
    except OSError:
        if not (target / last).is_file():
            raise

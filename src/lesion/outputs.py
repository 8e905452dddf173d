"""Where results are written: what cannot be, is refused in a sentence."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lesion.errors import LesionError


@contextmanager
def writing(path: str | Path, option: str = "") -> Iterator[None]:
    """While open, a file or folder that cannot be written is the user's mistake.

    Args:
        path: what is to be written.
        option: by which the user named it, such as `--out`.

    Raises:
        LesionError: instead of what the system or SQLite raises.
    """
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        named = f"{option}: {path}" if option else str(path)
        where = f" with {option}" if option else ""
        raise LesionError(
            f"{named} cannot be written: {_reason(error, Path(path))}. Give a place{where} where "
            "you may write."
        ) from None


def check_place(path: str | Path, option: str) -> None:
    """See that a folder can be made or written to, without making it.

    Raises:
        LesionError: if it cannot.
    """
    folder = Path(path)
    nearest = next((way for way in (folder, *folder.absolute().parents) if way.exists()), folder)
    with writing(folder, option):
        if nearest.exists() and not nearest.is_dir():
            raise FileExistsError(errno.EEXIST, "it is a file")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "the folder is read-only")


def make_folder(path: str | Path, option: str) -> Path:
    """Make a folder with those above it, and see that files can be made there.

    Raises:
        LesionError: if they cannot.
    """
    folder = Path(path)
    with writing(folder, option):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "the folder is read-only")
    return folder


def _reason(error: Exception, path: Path) -> str:
    """What is in the way, in words."""
    above = next((way for way in path.parents if way.is_file()), None)
    if above is not None:
        return f"{above} is a file"
    if not path.parent.exists():
        return f"there is no folder {path.parent}"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "it is a file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)

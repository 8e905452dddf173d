"""Which words of a study are paths, and in which folder a model is; nothing heavy is imported."""

import importlib.util
from pathlib import Path

from lesion.errors import LesionError
from lesion.models.twins import twins
from lesion.schema import did_you_mean

TWIN, PACKAGE = "twin/", "python:"  # beginnings of the sources of installed models


def is_path(source: str) -> bool:
    """Whether a model's source is a path; otherwise it is a hub id, a twin or a package's.

    A path is absolute, begins with `.` or `~`, or has more parts than a hub id.

    Example:
        >>> is_path("./a/b"), is_path("a/b"), is_path("twin/en-0")
        (True, False, False)
    """
    if source.startswith((TWIN, PACKAGE)):
        return False
    begins = source.startswith((".", "~")) or Path(source).is_absolute()
    return begins or "\\" in source or source.count("/") > 1


def is_word_file(words: str) -> bool:
    """Whether a list of words is a file: its name has a folder or a suffix. A language has neither.

    Example:
        >>> is_word_file("./en"), is_word_file("en.txt"), is_word_file("en")
        (True, True, False)
    """
    return words.startswith("~") or bool(set(words) & {"/", "\\", "."})


def folder_of(source: str) -> Path | None:
    """The folder of a local model; None for a hub id.

    Raises:
        LesionError: for an unknown twin, a package that is not installed, and a hub id that is also
            the name of a folder here.
    """
    if source.startswith(TWIN):
        return _twin(source)
    if source.startswith(PACKAGE):
        return _inside_package(source)
    if is_path(source):
        return Path(source).expanduser()
    if Path(source).is_dir():
        raise LesionError(
            f"{source}: is a hub id, and a folder of this name is here. Write ./{source} for the "
            "folder, or rename the folder if you mean the hub."
        )
    return None


def _twin(source: str) -> Path:
    """`twin/NAME`: a model that comes with Lesion."""
    name, known = source.removeprefix(TWIN), twins()
    if name not in known:
        listed = f"There are {', '.join(known)}." if known else "None is installed."
        raise LesionError(
            f"{source}: there is no twin of this name. {listed}{did_you_mean(name, known)}"
        )
    return known[name]


def _inside_package(source: str) -> Path:
    """`python:PACKAGE/FOLDER`: a model that an installed Python package carries."""
    package, _, inside = source.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LesionError(
            f"{source}: the Python package {package} is not installed. Install it with "
            f"pip install {package.replace('_', '-')}."
        )
    return Path(spec.origin).parent / inside

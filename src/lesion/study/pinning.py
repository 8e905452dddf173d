"""What a run holds its sources to: the content of every file and model folder that it reads.

A source is addressed by its use ("train of task mine"), so that it may be moved or renamed while
the run goes on. Sources on a hub are pinned by their commit, in other places.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lesion import digests
from lesion.errors import LesionError
from lesion.models.origins import folder_of

if TYPE_CHECKING:
    from lesion.damage.lesion import Lesion
    from lesion.study.specs import LesionSpec
    from lesion.study.study import Study
    from lesion.study.text_damage import TextDamage

TRAINING = "train of task "  # begins the uses that decide a head, or an order by importance
READ = ", read as "  # between the digest of a model and how it is read


class Pin(NamedTuple):
    """A source as it was.

    Attributes:
        path: absolute; "" where an earlier version kept none.
        digest: of its content.
        stamp: name, size and time of change (ns) of each of its files. As long as they are the
            same, so is the content: it need not be read.
    """

    path: str
    digest: str
    stamp: list[list[str | int]] = []  # noqa: RUF012 -- never changed in place


def pin(path: Path) -> Pin:
    """A file or a model folder as it is now.

    Raises:
        LesionError: for a folder that is no model's.
        OSError: if it cannot be read.
    """
    stamp = _stamp(path)  # first: what changes while it is read is noticed later
    digest = digests.of_model(path) if path.is_dir() else digests.of_file(path)
    return Pin(str(path.absolute()), digest, stamp)


def pins(paths: Mapping[str, Path]) -> dict[str, Pin]:
    """Those of the sources that are at hand."""
    known = {}
    for use, path in paths.items():
        with contextlib.suppress(LesionError, OSError):  # reading it later gives the message
            known[use] = pin(path)
    return known


def has_changed(before: Pin) -> bool:
    """Whether the content of a source has changed; one that is not at hand has not."""
    path = Path(before.path)
    try:
        if not before.path or not path.exists() or _stamp(path) == before.stamp:
            return False
        return pin(path).digest != before.digest
    except OSError:
        return False
    except LesionError:  # no longer a model folder
        return True


def sources(study: "Study") -> dict[str, Path]:
    """The model folders and the files of lesions of a study: use -> path.

    A model is its base here, also where it is fine-tuned.
    """
    paths = {}
    for model in study.models:
        with contextlib.suppress(LesionError):
            folder = folder_of(model.source)
            if folder is not None and folder.is_dir():
                paths[of_model(model.name)] = folder
    for lesion in study.lesions:
        for part in lesion.parts:
            for key, text in part.paths.items():
                path = Path(text).expanduser()
                if path.is_file():
                    paths[of_lesion(lesion, part, key)] = path
    return paths


def task_files(study: "Study") -> dict[str, Path]:
    """The files that the tasks of a study name: use -> path."""
    return {
        of_task(task.name, key): path
        for task in study.tasks
        for key, text in task.files.items()
        if (path := Path(text).expanduser()).is_file()
    }


def digest_of(pinned: str) -> str:
    """The digest of a model's weights, without how they are read (`lesion.record.weights`)."""
    return pinned.partition(READ)[0]


def of_model(name: str) -> str:
    """How the weights of a model are addressed."""
    return f"source of model {name}"


def of_task(name: str, split: str) -> str:
    """How a file of a task is addressed."""
    return f"{split} of task {name}"


def of_lesion(lesion: "LesionSpec", part: "Lesion | TextDamage", key: str) -> str:
    """The address of a file of a lesion, or of one of several taken together."""
    name = "" if part is lesion.damage else f", {getattr(part, 'name', '')}"
    return f"{key} of lesion {lesion.name}{name}"


def _stamp(path: Path) -> list[list[str | int]]:
    files = digests.files_of_model(path) if path.is_dir() else [path]
    stats = [(file.name, file.stat()) for file in files]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]

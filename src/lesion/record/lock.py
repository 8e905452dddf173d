"""One writer a folder: a lock that the system releases when its process ends, however it ends."""

import contextlib
import errno
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lesion.errors import LesionError

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 30  # beyond the content: the system keeps others from reading a locked byte

    def _lock(file: int) -> None:
        os.lseek(file, FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


FILE = "run.lock"
HELD = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def locked(folder: Path, note: Callable[[str], None]) -> Iterator[None]:
    """While open, no other process (nor thread) writes to a run's folder.

    A folder that cannot be written to is not locked. The lock file stays: removing it while another
    process waits for it would make two locks.

    Args:
        folder: created if it does not exist.
        note: called with a sentence if the file system has no locks.

    Raises:
        LesionError: if another process holds the lock, with its host, number and time.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / FILE).open("a+", encoding="utf-8")
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
        yield  # writing to it later gives the message
        return
    with file:  # closing it releases the lock
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in HELD:
                raise _busy(folder, _holder(file)) from None
            note(
                f"{folder}: its file system has no locks ({error.strerror}). Take care that no "
                "other process runs in this folder."
            )
            yield
            return
        _write(file, _self())
        try:
            yield
        finally:
            _write(file, {})


def _self() -> dict[str, str | int]:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {"host": platform.node(), "process": os.getpid(), "since": since}


def _write(file: IO[str], holder: dict[str, str | int]) -> None:
    file.truncate(0)
    file.write(json.dumps(holder) if holder else "")
    file.flush()


def _holder(file: IO[str]) -> dict[str, str | int]:
    file.seek(0)
    try:
        return dict(json.load(file))
    except ValueError:  # the other process writes it at this moment
        return {}


def _busy(folder: Path, holder: dict[str, str | int]) -> LesionError:
    who = "Another process"
    if holder:
        who = "Process {process} on {host}, since {since},".format_map(holder)
    return LesionError(
        f"{folder}: {who} is running a study in this folder. Wait for it (lesion status shows how "
        "far it is), stop it, or give another folder with --out."
    )

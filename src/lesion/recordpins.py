"""The sources of a run in its record: what they held when it began, and whether they still do."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from lesion import pinning
from lesion.errors import LesionError
from lesion.origins import folder_of
from lesion.pinning import Pin
from lesion.study import Study

KEY, FORMER = "sources", "files"  # of `meta`; the second held files of lesions, without paths


def stored(base: sqlite3.Connection) -> dict[str, Pin]:
    """What is held: use -> pin. Records of earlier versions hold less, or nothing."""
    found = dict(
        base.execute("SELECT key, value FROM meta WHERE key IN (?, ?)", (KEY, FORMER)).fetchall()
    )
    former = {use: Pin("", digest) for use, digest in json.loads(found.get(FORMER, "{}")).items()}
    return former | {use: Pin(*pin) for use, pin in json.loads(found.get(KEY, "{}")).items()}


def store(base: sqlite3.Connection, pins: Mapping[str, Pin]) -> None:
    """Hold these from now on, beside those of other uses."""
    before = stored(base)
    after = {**before, **pins}
    if after != before:
        with base:
            base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, json.dumps(after)))


def hold(
    base: sqlite3.Connection, folder: Path, begun: Study, study: Study
) -> tuple[dict[str, Pin], dict[str, str]]:
    """Hold models and files of lesions to what they were when a run began.

    Args:
        folder: of the run, for messages.
        begun: the study as the record has it.
        study: as it is run now, maybe with other paths.

    Returns:
        All that is at hand now, and the digests of what is known to be the same; by use. Nothing
        is written.

    Raises:
        LesionError: for the first that is not.
    """
    before = _of_weights(base, begun) | stored(base)
    now = pinning.pins(pinning.sources(study))
    check(folder, before, now)
    return now, {use: pin.digest for use, pin in now.items() if use in before}


def check(folder: Path, before: Mapping[str, Pin], now: Mapping[str, Pin]) -> None:
    """Refuse the first source that holds something else than it did.

    Raises:
        LesionError: with both paths, where it lies in another place.
    """
    for use, pin in now.items():
        was = before.get(use, pin)
        digests = f"({was.digest} -> {pin.digest})"
        if was.digest == pin.digest:
            continue
        if was.path in ("", pin.path):
            raise LesionError(
                f"{folder}: {pin.path} ({use}) changed since this run began {digests}. Put it back "
                "as it was, or give another folder with --out."
            )
        raise LesionError(
            f"{folder}: {pin.path} ({use}) differs from {was.path}, with which this run began "
            f"{digests}. Give the one that it began with, or another folder with --out."
        )


def changes(pins: Mapping[str, Pin]) -> Iterable[str]:
    """A sentence for each source at hand that holds something else than it did."""
    for use, pin in pins.items():
        if pinning.has_changed(pin):
            yield f"{pin.path} ({use}) changed since it was scored; the results are of the former."


def _of_weights(base: sqlite3.Connection, study: Study) -> dict[str, Pin]:
    """The models of a record that holds no sources: those that were scored as they came."""
    if study.finetune is not None:
        return {}  # its weights are those of trained heads
    rows = base.execute("SELECT DISTINCT model, source, digest FROM models").fetchall()
    return {
        pinning.of_model(model): Pin(_absolute(source), pinning.digest_of(digest))
        for model, source, digest in rows
    }


def _absolute(source: str) -> str:
    """Where a model was, as pins have it; a source of a hub stays as it is."""
    try:
        folder = folder_of(source)
    except LesionError:
        folder = None
    return source if folder is None else str(folder.absolute())

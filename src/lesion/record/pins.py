"""Sources, weights, examples and places with which a run began, held against those of now."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.errors import LesionError
from lesion.models.origins import folder_of
from lesion.study import pinning
from lesion.study.pinning import Pin
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.damage.receipt import Place

KEYS = {"models": ("model", "seed", "task"), "tasks": ("task",)}  # of tables with digests
KEY, FORMER = "sources", "files"  # of `meta`; the second held files of lesions, without paths


def stored(base: sqlite3.Connection) -> dict[str, Pin]:
    """Use -> pin. Records of earlier versions hold fewer, or none."""
    values = dict(
        base.execute("SELECT key, value FROM meta WHERE key IN (?, ?)", (KEY, FORMER)).fetchall()
    )
    former = {use: Pin("", digest) for use, digest in json.loads(values.get(FORMER, "{}")).items()}
    return former | {use: Pin(*pin) for use, pin in json.loads(values.get(KEY, "{}")).items()}


def store(base: sqlite3.Connection, pins: Mapping[str, Pin]) -> None:
    """Add these, beside those of other uses."""
    before = stored(base)
    after = {**before, **pins}
    if after != before:
        with base:
            base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (KEY, json.dumps(after)))


def hold(
    base: sqlite3.Connection, folder: Path, begun: Study, study: Study
) -> tuple[dict[str, Pin], dict[str, str]]:
    """Refuse models and files of lesions that changed since a run began.

    Args:
        folder: of the run, for messages.
        begun: the study as the record has it.
        study: as it is run now, maybe with other paths.

    Returns:
        All sources at hand now, and the digests of those that are known to be the same; by use.
        Nothing is written.

    Raises:
        LesionError: for the first that changed.
    """
    before = _of_weights(base, begun) | stored(base)
    now = pinning.pins(pinning.sources(study))
    check(folder, before, now)
    return now, {use: pin.digest for use, pin in now.items() if use in before}


def check(folder: Path, before: Mapping[str, Pin], now: Mapping[str, Pin]) -> None:
    """Refuse the first source whose content changed.

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
    """A sentence for each source at hand whose content changed."""
    for use, pin in pins.items():
        if pinning.has_changed(pin):
            yield f"{pin.path} ({use}) changed since it was scored; the results are of the former."


def unchanged(
    base: sqlite3.Connection, folder: Path, table: str, key: tuple, digest: str, what: str
) -> bool:
    """Whether `models` or `tasks` has this digest; False if they have none.

    Raises:
        LesionError: if they have another.
    """
    where = " AND ".join(f"{column} = ?" for column in KEYS[table])
    row = base.execute(f"SELECT digest FROM {table} WHERE {where}", key).fetchone()
    if row is not None and row[0] != digest:
        raise LesionError(
            f"{folder}: {what} changed since this run began "
            f"({row[0]} -> {digest}). Give another folder with --out."
        )
    return row is not None


def insert(base: sqlite3.Connection, table: str, values: tuple) -> None:
    """Add a row in one transaction."""
    with base:
        base.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)


def hold_places(
    base: sqlite3.Connection, folder: Path, key: tuple[str, str, str], places: "Iterable[Place]"
) -> None:
    """Refuse places of a lesion that differ from those of its first trial.

    Args:
        key: model, task and lesion.

    Raises:
        LesionError: if they differ.
    """
    now = json.dumps([place[:-1] for place in places], separators=(",", ":"))
    row = base.execute(
        "SELECT places FROM places WHERE model = ? AND task = ? AND lesion = ?", key
    ).fetchone()
    if row is None:
        base.execute("INSERT INTO places VALUES (?,?,?,?)", (*key, now))
    elif row[0] != now:
        raise LesionError(
            f"{folder}: the sites that {key[2]} reaches in {key[0]} on {key[1]} changed "
            "since this run began. Give another folder with --out."
        )


def _of_weights(base: sqlite3.Connection, study: Study) -> dict[str, Pin]:
    """The models of a record without sources: those that were scored without fine-tuning."""
    if study.finetune is not None:
        return {}  # its weights are those of trained heads
    rows = base.execute("SELECT DISTINCT model, source, digest FROM models").fetchall()
    return {
        pinning.of_model(model): Pin(_absolute(source), pinning.digest_of(digest))
        for model, source, digest in rows
    }


def _absolute(source: str) -> str:
    """The absolute path of a model's folder; a hub id stays as it is."""
    try:
        folder = folder_of(source)
    except LesionError:
        folder = None
    return source if folder is None else str(folder.absolute())

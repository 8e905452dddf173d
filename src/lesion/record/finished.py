"""Finished trials in the file of a record: how one is added, and what is read of them."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lesion.record import layout, norms, parts, pins, reach, versions
from lesion.study.trials import Trial

if TYPE_CHECKING:
    from lesion.study.trials import TrialResult

ADDRESS = "model, seed, task, lesion, dose, draw"


def add(base: sqlite3.Connection, folder: Path, measured: "TrialResult", made_with: str) -> None:
    """Store one trial, or append a part of it; part of the caller's transaction.

    Args:
        folder: of the run, for messages.
        made_with: versions of the libraries, as JSON.

    Raises:
        LesionError: if earlier trials of its lesion were of other places, or an earlier part of
            other damage.
    """
    trial, receipt = measured.trial, measured.receipt
    proof = receipt.row() if receipt is not None else (0, 0, 0, 0, "")
    places = receipt.places if receipt is not None else ()
    by_site = layout.packed([place.destroyed for place in places]) if places else None
    if places:
        pins.hold_places(base, folder, (trial.model, trial.task, trial.lesion), places)
    if measured.start:
        parts.append(base, folder, measured, proof)
    else:
        outputs = np.ascontiguousarray(measured.outputs, dtype="<f4")
        base.execute(
            "INSERT INTO trials VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (*trial, *proof, outputs.shape[1], outputs.tobytes(), by_site),
        )
    base.execute(
        "INSERT INTO timings VALUES (?,?,?,?,?,?,datetime('now'),?)", (*trial, measured.seconds)
    )
    versions.add(base, trial, made_with)
    if receipt is not None and receipt.norms is not None:
        norms.add(base, trial, receipt.norms)
    if receipt is not None and receipt.reach is not None:
        reach.add(base, trial, receipt.reach)


def addresses(base: sqlite3.Connection) -> set[Trial]:
    """Addresses of all finished trials."""
    return {Trial(*row) for row in base.execute(f"SELECT {ADDRESS} FROM trials")}


def outputs(base: sqlite3.Connection, trial: Trial) -> np.ndarray:
    """Outputs of one finished trial, float32 (examples, columns).

    Raises:
        KeyError: if it is not finished.
    """
    row = base.execute(f"SELECT columns, outputs FROM trials WHERE {parts.WHERE}", trial).fetchone()
    if row is None:
        raise KeyError(trial)
    return np.frombuffer(row[1], dtype="<f4").reshape(-1, row[0])


def seconds(base: sqlite3.Connection) -> dict[Trial, float]:
    """Wall time of damage and scoring of each finished trial, of all its parts together."""
    rows = base.execute(f"SELECT {ADDRESS}, sum(seconds) FROM timings GROUP BY {ADDRESS}")
    return {Trial(*address): total for *address, total in rows}


def by_site(
    base: sqlite3.Connection,
) -> Iterator[tuple[Trial, list[list], np.ndarray]]:
    """Where trials destroyed units; see `Record.by_site`."""
    rows = base.execute("SELECT model, task, lesion, places FROM places")
    places = {tuple(key): json.loads(text) for *key, text in rows}
    counted = base.execute(f"SELECT {ADDRESS}, by_site FROM trials WHERE by_site IS NOT NULL")
    for *address, counts in counted:
        trial = Trial(*address)
        where = places[trial.model, trial.task, trial.lesion]
        yield trial, where, layout.unpacked(counts, len(where))

"""Trials that are scored part by part: how many examples each has, and how more are appended.

The outputs of a trial are those of the first examples of its task. A part that is appended was
scored under the same damage; it is checked against the proof that the trial has.
"""

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lesion.errors import LesionError
from lesion.study.trials import Trial

if TYPE_CHECKING:
    from lesion.study.trials import TrialResult

WHERE = "model = ? AND seed = ? AND task = ? AND lesion = ? AND dose = ? AND draw = ?"
TRAINING = "training examples of "  # before the name of a task, in `meta`


def scored(base: sqlite3.Connection) -> dict[Trial, int]:
    """How many examples each finished trial was scored on."""
    rows = base.execute(
        "SELECT model, seed, task, lesion, dose, draw, length(outputs) / (4 * columns) FROM trials"
    )
    return {Trial(*address): examples for *address, examples in rows}


def append(base: sqlite3.Connection, folder: Path, measured: "TrialResult", proof: tuple) -> None:
    """Append a part to the outputs of a trial; part of the caller's transaction.

    Args:
        folder: of the run, for messages.
        proof: of the damage, as `trials` has it.

    Raises:
        LesionError: if the damage differs from that of the examples before.
    """
    trial = measured.trial
    columns, outputs, *before = base.execute(
        "SELECT columns, outputs, asked, destroyed, units, sites, damage FROM trials "
        f"WHERE {WHERE}",
        trial,
    ).fetchone()
    assert len(outputs) == 4 * columns * measured.start, "parts come in their order"
    if tuple(before) != tuple(proof):
        raise LesionError(
            f"{folder}: {trial.lesion} in {trial.model} on {trial.task}, dose {trial.dose:g}, draw "
            f"{trial.draw}: destroys other units than it did for the first {measured.start} "
            "examples. Give another folder with --out."
        )
    added = np.ascontiguousarray(measured.outputs, dtype="<f4").tobytes()
    base.execute(f"UPDATE trials SET outputs = ? WHERE {WHERE}", (outputs + added, *trial))


def add_training(base: sqlite3.Connection, task: str, examples: int) -> None:
    """Store on how many examples a task's heads are trained: part of the price of a seed."""
    with base:
        base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (TRAINING + task, str(examples)))


def training(base: sqlite3.Connection, task: str) -> int:
    """On how many examples a task's heads are trained; 0 where it is not stored."""
    row = base.execute("SELECT value FROM meta WHERE key = ?", (TRAINING + task,)).fetchone()
    return int(row[0]) if row else 0

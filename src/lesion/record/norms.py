"""Damage done to the weights by each trial, ‖ΔW‖/‖W‖: a table that earlier records lack.

A row has the norm over the whole selection, and one for each place of the lesion, in their order.
Distractions change no weight: theirs is 0, without places.
"""

import sqlite3

import numpy as np

from lesion.damage.norms import Norms
from lesion.record.layout import there
from lesion.study.trials import Trial

TABLE = """
CREATE TABLE IF NOT EXISTS norms (
    model TEXT NOT NULL, seed INTEGER NOT NULL, task TEXT NOT NULL, lesion TEXT NOT NULL,
    dose REAL NOT NULL, draw INTEGER NOT NULL, whole REAL NOT NULL, places BLOB NOT NULL,
    PRIMARY KEY (model, seed, task, lesion, dose, draw)) WITHOUT ROWID;
"""


def add(base: sqlite3.Connection, trial: Trial, norms: Norms) -> None:
    """Store the norms of a trial as float32; part of the caller's transaction."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinitely far
        whole, places = np.float32(norms.whole), np.array(norms.places, "<f4")
    row = (*trial, float(whole), places.tobytes())
    base.execute("INSERT OR REPLACE INTO norms VALUES (?,?,?,?,?,?,?,?)", row)


def whole(base: sqlite3.Connection, model: str, task: str, lesion: str) -> dict[Trial, float]:
    """The norm over the whole selection of each trial of a model, task and lesion."""
    if not there(base, "norms"):
        return {}
    rows = base.execute(
        "SELECT model, seed, task, lesion, dose, draw, whole FROM norms "
        "WHERE model = ? AND task = ? AND lesion = ?",
        (model, task, lesion),
    )
    return {Trial(*address): norm for *address, norm in rows}


def stored(base: sqlite3.Connection) -> dict[Trial, Norms]:
    """The norms of every trial that has them."""
    if not there(base, "norms"):
        return {}
    rows = base.execute("SELECT model, seed, task, lesion, dose, draw, whole, places FROM norms")
    return {
        Trial(*address): Norms(whole, tuple(np.frombuffer(places, "<f4").tolist()))
        for *address, whole, places in rows
    }

"""What each lesion can reach of each model: a table that earlier records lack."""

import sqlite3

from lesion.damage.reach import Reach
from lesion.record.layout import there
from lesion.study.trials import Trial

TABLE = """
CREATE TABLE IF NOT EXISTS reach (
    model TEXT NOT NULL, task TEXT NOT NULL, lesion TEXT NOT NULL,
    selected INTEGER NOT NULL, parameters INTEGER NOT NULL,
    PRIMARY KEY (model, task, lesion)) WITHOUT ROWID;
"""


def add(base: sqlite3.Connection, trial: Trial, reach: Reach) -> None:
    """Store the reach of a trial's lesion; part of the caller's transaction."""
    row = (trial.model, trial.task, trial.lesion, *reach)
    base.execute("INSERT OR IGNORE INTO reach VALUES (?,?,?,?,?)", row)


def stored(base: sqlite3.Connection) -> dict[tuple[str, str, str], Reach]:
    """(model, task, lesion) -> reach."""
    if not there(base, "reach"):
        return {}
    rows = base.execute("SELECT model, task, lesion, selected, parameters FROM reach")
    return {(model, task, lesion): Reach(*numbers) for model, task, lesion, *numbers in rows}

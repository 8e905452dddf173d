"""What decides conclusions and was changed after the data: a table that earlier records lack.

Metric, margin, dose and everything else of `compare` may be changed while a record grows, since no
score depends on it. Each study that a record had is kept, with the time and the number of trials
that were there, so that a change is seen. The history of an earlier record begins when it is next
written.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lesion.record.layout import there
from lesion.study.registration import KeyChange, changed_keys, concluded

if TYPE_CHECKING:
    from lesion.study.study import Study

TABLE = """
CREATE TABLE IF NOT EXISTS history (
    at TEXT NOT NULL, trials INTEGER NOT NULL, document TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Change:
    """A key that was changed.

    Attributes:
        key: of the study, such as `compare.margin`.
        before, after: its values.
        trials: that the record held then.
        at: when, in UTC (ISO 8601).
    """

    key: str
    before: Any
    after: Any
    trials: int
    at: str


def add(base: sqlite3.Connection, study: Study) -> None:
    """Keep a study if it differs from the last one; part of the caller's transaction."""
    document = json.dumps(concluded(study), sort_keys=True)
    row = base.execute("SELECT document FROM history ORDER BY rowid DESC LIMIT 1").fetchone()
    if row is not None and row[0] == document:
        return
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    base.execute("INSERT INTO history SELECT ?, COUNT(*), ? FROM trials", (now, document))


def changes(base: sqlite3.Connection) -> list[Change]:
    """Every change, in the order in which they were made."""
    known: dict[str, Any] = {}
    listed = []
    for at, trials, document in _rows(base):
        listed += [
            Change(change.key, change.before, change.after, trials, at)
            for change in changed_keys(known, document)
        ]
        known |= document
    return listed


def departures(base: sqlite3.Connection, study: Study) -> list[KeyChange]:
    """What of a study differs from the one with which the history begins.

    A key that came with a later version counts with the first value that the record had of it.
    """
    first: dict[str, Any] = {}
    for _, _, document in _rows(base):
        first = document | first
    return changed_keys(first, concluded(study))


def _rows(base: sqlite3.Connection) -> list[tuple[str, int, dict[str, Any]]]:
    if not there(base, "history"):
        return []
    rows = base.execute("SELECT at, trials, document FROM history ORDER BY rowid").fetchall()
    return [(at, trials, json.loads(document)) for at, trials, document in rows]

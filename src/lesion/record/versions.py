"""Which versions of the libraries made which trial: two tables that earlier records lack.

They stand beside the others, so that an earlier Lesion still reads the record and adds trials to
it. The versions of those trials, and of all trials older than these tables, are not known.
"""

import json
import sqlite3
from collections.abc import Mapping

from lesion.record.layout import there
from lesion.study.trials import Trial

TABLES = """
CREATE TABLE IF NOT EXISTS versions (id INTEGER PRIMARY KEY, versions TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS made_with (
    model TEXT NOT NULL, seed INTEGER NOT NULL, task TEXT NOT NULL, lesion TEXT NOT NULL,
    dose REAL NOT NULL, draw INTEGER NOT NULL, versions INTEGER NOT NULL,
    PRIMARY KEY (model, seed, task, lesion, dose, draw)) WITHOUT ROWID;
"""


def add(base: sqlite3.Connection, trial: Trial, versions: str) -> None:
    """Store with which versions (JSON) a trial was made; part of the caller's transaction."""
    base.execute("INSERT OR IGNORE INTO versions (versions) VALUES (?)", (versions,))
    base.execute(
        "INSERT OR REPLACE INTO made_with SELECT ?,?,?,?,?,?, id FROM versions WHERE versions = ?",
        (*trial, versions),
    )


def made_with(base: sqlite3.Connection) -> dict[Trial, str]:
    """The versions of each trial as text, where they are known."""
    if not there(base, "made_with"):
        return {}
    known = {
        number: ", ".join(f"{name} {version}" for name, version in json.loads(text).items())
        for number, text in base.execute("SELECT id, versions FROM versions")
    }
    rows = base.execute("SELECT model, seed, task, lesion, dose, draw, versions FROM made_with")
    return {Trial(*address): known[number] for *address, number in rows}


def notes(base: sqlite3.Connection, now: Mapping[str, str]) -> list[str]:
    """A sentence if trials were made with other versions than those of now."""
    others = list[str]()
    before = _before(base)
    for name, version in now.items():
        differing = (used[name] for used in before if used.get(name, version) != version)
        earlier = list(dict.fromkeys(differing))
        if earlier:
            others.append(f"{name} {version} (before: {', '.join(earlier)})")
    if not others:
        return []
    return [
        f"This run goes on with {', '.join(others)}. Scores may differ a little between them; "
        "lesion export --what trials shows with which each trial was made."
    ]


def _before(base: sqlite3.Connection) -> list[Mapping[str, str]]:
    """The versions of every finished trial; by default those with which the record began."""
    if base.execute("SELECT 1 FROM trials LIMIT 1").fetchone() is None:
        return []
    rows = base.execute("SELECT value FROM meta WHERE key = 'versions'").fetchall()
    if there(base, "made_with"):
        rows += base.execute(
            "SELECT versions FROM versions WHERE id IN (SELECT versions FROM made_with) ORDER BY id"
        ).fetchall()
    return [json.loads(text) for (text,) in rows]

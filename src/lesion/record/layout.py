"""The SQLite file of a record: its tables, upgrades of older files, and the bytes of counts."""

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from lesion.atomic import written_aside
from lesion.errors import LesionError

VERSION = 2
READABLE = (1, 2)
PLACES = """CREATE TABLE places (
    model TEXT NOT NULL, task TEXT NOT NULL, lesion TEXT NOT NULL, places TEXT NOT NULL,
    PRIMARY KEY (model, task, lesion)) WITHOUT ROWID"""
SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models (
    model TEXT NOT NULL, seed INTEGER NOT NULL, task TEXT NOT NULL,
    source TEXT NOT NULL, revision TEXT, digest TEXT NOT NULL,
    PRIMARY KEY (model, seed, task)) WITHOUT ROWID;
CREATE TABLE tasks (
    task TEXT PRIMARY KEY, kind TEXT NOT NULL, metrics TEXT NOT NULL, classes TEXT NOT NULL,
    labels BLOB NOT NULL, examples INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trials (
    model TEXT NOT NULL, seed INTEGER NOT NULL, task TEXT NOT NULL, lesion TEXT NOT NULL,
    dose REAL NOT NULL, draw INTEGER NOT NULL,
    asked INTEGER NOT NULL, destroyed INTEGER NOT NULL, units INTEGER NOT NULL,
    sites INTEGER NOT NULL, damage TEXT NOT NULL,
    columns INTEGER NOT NULL, outputs BLOB NOT NULL, by_site BLOB,
    PRIMARY KEY (model, seed, task, lesion, dose, draw)) WITHOUT ROWID;
{PLACES};
CREATE TABLE timings (
    model TEXT, seed INTEGER, task TEXT, lesion TEXT, dose REAL, draw INTEGER,
    finished TEXT NOT NULL, seconds REAL NOT NULL);
"""
WIDTHS = (1, 2, 4, 8)  # bytes of a count
NO_ACCESS = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def create(path: Path, meta: Mapping[str, str]) -> None:
    """A new file with empty tables; it appears under its name only when it is complete."""
    with written_aside(path) as unfinished, contextlib.closing(sqlite3.connect(unfinished)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        with base:
            base.executescript(SCHEMA)
            base.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())


def connect(path: Path) -> sqlite3.Connection:
    """Open a file, if necessary only for reading.

    SQLite keeps a journal beside the file. In a read-only folder the file is read without it.

    Raises:
        LesionError: if it is not a database, or if its folder is read-only and holds an unmerged
            journal of a killed run, without which trials would be missing.
    """
    base = sqlite3.connect(path, timeout=60)
    try:
        base.execute("SELECT * FROM sqlite_master").fetchone()
        return base
    except sqlite3.DatabaseError as error:
        base.close()
        if error.sqlite_errorcode & 0xFF not in NO_ACCESS:
            raise LesionError(f"{path}: is not a record of Lesion ({error}).") from None
    journal = path.with_name(path.name + "-wal")
    if journal.is_file() and journal.stat().st_size:
        raise LesionError(
            f"{path}: its folder is read-only, and {journal.name} still holds trials of a run that "
            "was killed. Copy the folder to where you may write, and read it there."
        )
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def writable(base: sqlite3.Connection) -> bool:
    """Whether the file can be changed; nothing is."""
    try:
        base.execute("UPDATE meta SET value = value")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in NO_ACCESS:
            return False
        raise
    base.rollback()
    return True


def there(base: sqlite3.Connection, table: str) -> bool:
    """Whether a file has a table; earlier versions made fewer."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return base.execute(query, (table,)).fetchone() is not None


def upgrade(base: sqlite3.Connection) -> None:
    """Bring a file of version 1 to version 2 in one transaction; its trials have no counts."""
    with base:
        base.execute("BEGIN IMMEDIATE")
        version = base.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()[0]
        if int(version) == VERSION:  # another process was faster
            return
        base.execute("ALTER TABLE trials ADD COLUMN by_site BLOB")
        base.execute(PLACES)
        base.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(VERSION),))


def packed(counts: Sequence[int]) -> bytes:
    """Counts as little-endian unsigned integers, as narrow as the largest allows.

    Example:
        >>> packed([0, 3, 256]).hex(" ", 2)
        '0000 0300 0001'
    """
    width = next(width for width in WIDTHS if max(counts) < 256**width)
    return np.array(counts, f"<u{width}").tobytes()


def unpacked(counts: bytes, places: int) -> np.ndarray:
    """The counts of so many places, int64 (places,)."""
    return np.frombuffer(counts, f"<u{len(counts) // places}").astype(np.int64)

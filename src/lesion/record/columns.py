"""The columns of a record's examples: a table that earlier records lack.

It stands beside the others, so that an earlier Lesion still reads the record. Columns decide no
score; those of a task are stored anew whenever its run goes on.
"""

import json
import sqlite3
import zlib
from typing import TYPE_CHECKING, NamedTuple

from lesion.tasks.columns import Columns, Grouping, grouping_of

if TYPE_CHECKING:
    from lesion.tasks.base import Task

TABLES = """
CREATE TABLE IF NOT EXISTS columns (
    task TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, words BLOB NOT NULL,
    PRIMARY KEY (task, name)) WITHOUT ROWID;
"""
CLUSTER, STRATA = "cluster", "strata"  # roles of the default columns
STORED = ""  # name of a row that says that the columns of a task are stored, even if it has none


class StoredColumns(NamedTuple):
    """The columns of a task, and its default grouping."""

    columns: Columns
    grouping: Grouping


def store(base: sqlite3.Connection, task: "Task") -> None:
    """Store the columns of a task; those that it no longer has stay."""
    usual = grouping_of(task)
    columns: Columns = getattr(task, "columns", {})
    rows = [
        (task.name, name, _role(name, usual), _packed(words)) for name, words in columns.items()
    ]
    rows.append((task.name, STORED, "", _packed(())))
    with base:
        base.execute("UPDATE columns SET role = '' WHERE task = ?", (task.name,))
        base.executemany("INSERT OR REPLACE INTO columns VALUES (?,?,?,?)", rows)


def stored(base: sqlite3.Connection, task: str) -> StoredColumns | None:
    """What is stored of a task; None: nothing, as in earlier records."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'columns'"
    if base.execute(query).fetchone() is None:
        return None
    rows = base.execute("SELECT name, role, words FROM columns WHERE task = ?", (task,)).fetchall()
    if not rows:
        return None
    names = [
        next((name for name, role, _ in rows if wanted in role), None)
        for wanted in (CLUSTER, STRATA)
    ]
    columns = {name: _unpacked(words) for name, _, words in rows if name != STORED}
    return StoredColumns(columns, Grouping(*names))


def _role(name: str, usual: Grouping) -> str:
    roles = zip((CLUSTER, STRATA), usual, strict=True)
    return ", ".join(role for role, column in roles if column == name)


def _packed(words: tuple[str, ...]) -> bytes:
    return zlib.compress(json.dumps(list(words), ensure_ascii=False).encode())


def _unpacked(words: bytes) -> tuple[str, ...]:
    return tuple(json.loads(zlib.decompress(words)))

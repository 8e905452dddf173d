"""Strict reading of tables: TSV, CSV, JSON Lines and Parquet, by the file's extension.

Nothing is guessed and nothing is left out: a row that does not fit is an error with its line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lesion.errors import LesionError
from lesion.schema import did_you_mean, shortened
from lesion.tasks.columns import no_column

LISTED = 20  # rows that a message names
SPARE = 1000  # lines for each line with the wrong number of columns that may be left out


class Table(NamedTuple):
    """Columns of one file, with the number of each row for messages.

    `left_out` counts the lines that `read_tsv` skipped and the rows that `complete` dropped.
    """

    path: Path
    columns: dict[str, Sequence[Any]]
    numbers: list[int]  # (rows,) line, or row of a Parquet file, counted from 1
    unit: str = "line"
    left_out: int = 0

    def at(self, row: int) -> str:
        """The place of a row, for messages: `mine.tsv, line 7`."""
        return f"{self.path}, {self.unit} {self.numbers[row]}"

    def at_rows(self, rows: Sequence[int]) -> Table:
        """Only some of the rows."""
        return self._replace(
            columns={name: [values[row] for row in rows] for name, values in self.columns.items()},
            numbers=[self.numbers[row] for row in rows],
        )

    def column(self, name: str) -> Sequence[Any]:
        """Values of a column; an error lists the columns that there are."""
        if name not in self.columns:
            raise no_column(self.path, name, self.columns)
        return self.columns[name]


def complete(table: Table, names: Sequence[str], drop: bool = False) -> Table:
    """The table, or what is left of it without the rows that lack a value.

    Args:
        names: the columns that must have one.
        drop: leave such rows out; otherwise they are an error that names every one.
    """
    columns = {name: table.column(name) for name in names}
    lacking = {
        row: [name for name, values in columns.items() if absent(values[row])]
        for row in range(len(table.numbers))
    }
    lacking = {row: missing for row, missing in lacking.items() if missing}
    if not lacking:
        return table
    if not drop:
        numbered = [(table.numbers[row], missing) for row, missing in lacking.items()]
        raise incomplete(table.path, table.unit, numbered)
    kept = [row for row in range(len(table.numbers)) if row not in lacking]
    if not kept:
        raise LesionError(f"{table.path}: has no examples: every {table.unit} lacks a value.")
    return table.at_rows(kept)._replace(left_out=table.left_out + len(lacking))


def words_of(table: Table, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Columns of a table as words, whatever they hold.

    Raises:
        LesionError: for a column that is not there, and for a row without a value, which would
            belong to no group.
    """
    return {name: tuple(_words(table, name)) for name in names}


def _words(table: Table, name: str) -> Iterator[str]:
    for row, value in enumerate(table.column(name)):
        if absent(value) or isinstance(value, Mapping | list | tuple):
            raise LesionError(
                f"{table.at(row)}: the column {name!r} must hold a name or a number in every "
                f"{table.unit}. Got {shortened(value)}."
            )
        yield _word(value)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    whole = isinstance(value, float) and value.is_integer()  # whole numbers stored as floats
    return str(int(value) if whole else value).strip()


def absent(value: Any) -> bool:
    """Whether a cell is empty: blank, null or not a number."""
    return value is None or (isinstance(value, str) and not value.strip()) or value != value


def incomplete(path: Path, unit: str, lacking: Sequence[tuple[int, list[str]]]) -> LesionError:
    """The error for rows that lack values, from the number and columns of each."""
    places = ", ".join(f"{number} ({', '.join(names)})" for number, names in lacking[:LISTED])
    more = f" and {len(lacking) - LISTED} more" if len(lacking) > LISTED else ""
    lack = f"1 {unit} lacks" if len(lacking) == 1 else f"{len(lacking)} {unit}s lack"
    return LesionError(
        f"{path}: {lack} a value: {places}{more}. Fill in what is missing or remove the {unit}s; "
        "`missing: drop` in the task leaves them out."
    )


def left_out(task: str, path: Path, unit: str, missing: int, total: int) -> str:
    """The note on rows that lack values and were dropped."""
    return (
        f"{task}: left out {missing} of {total} {unit}s of {path} that lack a value "
        "(missing: drop)."
    )


def read_table(path: Path) -> Table:
    """Reads a file by its extension; it must hold at least one row."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise LesionError(
            f"{path}: cannot tell the format from the extension {path.suffix!r}. "
            f"Use one of {', '.join(READERS)}."
        )
    table = reader(path)
    if not table.numbers:
        raise LesionError(f"{path}: has no examples. Give a file with at least one row of data.")
    return table


def read_tsv(path: Path, names: Sequence[str] | None = None, skip_broken: bool = False) -> Table:
    """Tab-separated text without quoting: every quotation mark is part of the text.

    Only a line feed ends a line (one carriage return before it is dropped), since GLUE's texts
    hold stray carriage returns and Unicode line separators. Blank lines are skipped.

    Args:
        path: the file, UTF-8 with or without a byte-order mark.
        names: columns of a file that has no header line.
        skip_broken: leave out lines with the wrong number of columns, at most 1 in 1000.
    """
    lines = [line.removesuffix("\r") for line in _decoded(path).split("\n")]
    rows = [(number, line.split("\t")) for number, line in enumerate(lines, 1) if line.strip()]
    remedy = " A text in a .tsv file may hold no tab and no line end; a quoted .csv file may."
    return _tabular(path, rows, names, remedy, len(rows) // SPARE if skip_broken else 0)


def read_csv(path: Path) -> Table:
    """Comma-separated text with a header line, quoted as RFC 4180 has it."""
    reader = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
    rows, start = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as error:
        raise LesionError(
            f"{path}, line {start}: is not CSV ({error}). A text with commas, quotation marks or "
            "line ends must stand in quotation marks, and those inside it are doubled."
        ) from None
    remedy = " A text that holds a comma must stand in quotation marks."
    return _tabular(path, rows, None, remedy)


def read_jsonl(path: Path) -> Table:
    """One JSON object a line; a key that a line lacks is a missing value."""
    objects, numbers = [], []
    for number, line in enumerate(_decoded(path).split("\n"), 1):
        if line.strip():
            objects.append(_json_object(path, number, line))
            numbers.append(number)
    names = dict.fromkeys(name for item in objects for name in item)
    return Table(path, {name: [item.get(name) for item in objects] for name in names}, numbers)


def read_parquet(path: Path) -> Table:
    """An Apache Parquet file; messages count its rows from 1."""
    import pyarrow
    import pyarrow.parquet

    _present(path)
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise LesionError(f"{path}: cannot be read as Parquet ({reason})") from None
    columns = {name: table.column(name).to_pylist() for name in dict.fromkeys(table.column_names)}
    return Table(path, columns, list(range(1, len(table) + 1)), unit="row")


READERS: dict[str, Callable[[Path], Table]] = {
    ".tsv": read_tsv,
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".parquet": read_parquet,
}


def _present(path: Path) -> None:
    if path.is_dir():
        raise LesionError(f"{path}: is a folder. Give one of its files.")
    if not path.exists():
        beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise LesionError(f"{path}: there is no such file.{did_you_mean(path.name, beside)}")
    if not path.stat().st_size:
        raise LesionError(f"{path}: is empty. Give a file with at least one row of data.")


def _decoded(path: Path) -> str:
    _present(path)
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise LesionError(
            f"{path}, line {line}: is not UTF-8 (byte 0x{data[error.start]:02x}). "
            "Save the file as UTF-8."
        ) from None


def _tabular(
    path: Path,
    rows: list[tuple[int, list[str]]],
    names: Sequence[str] | None,
    remedy: str,
    allowed: int = 0,
) -> Table:
    """Numbered rows of cells as columns, the first row as their names unless these are given."""
    if names is None:
        names, rows = (rows[0][1], rows[1:]) if rows else ([], [])
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise LesionError(f"{path}: the header names the column {twice!r} twice.")
    ragged = [(number, cells) for number, cells in rows if len(cells) != len(names)]
    if len(ragged) > allowed:
        number, cells = ragged[0]
        raise LesionError(
            f"{path}, line {number}: expected {len(names)} columns "
            f"({', '.join(names)}). Got {len(cells)}.{remedy}"
        )
    kept = [row for row in rows if len(row[1]) == len(names)] if ragged else rows
    columns: dict[str, Sequence[Any]] = {
        name: [cells[place] for _, cells in kept] for place, name in enumerate(names)
    }
    return Table(path, columns, [number for number, _ in kept], left_out=len(ragged))


def _json_object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise LesionError(
            f"{path}, line {number}: is not JSON ({error.msg} at column {error.colno}). "
            "Each line of a .jsonl file is one object."
        ) from None
    if not isinstance(item, dict):
        raise LesionError(
            f'{path}, line {number}: expected an object such as {{"text": "…", "label": 0}}. '
            f"Got {line.strip()[:40]}."
        )
    return item

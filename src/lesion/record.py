"""One SQLite file a run: what was measured, and everything needed to trust it.

A trial is one transaction. `trials` holds only what is reproducible, keyed by the trial's
address, so that two runs of one study have equal tables whatever the order, the interruptions or
the number of workers; wall times live in `timings`.
"""

import contextlib
import hashlib
import json
import platform
import sqlite3
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion import cuts
from lesion.cuts import Cuts
from lesion.errors import LesionError
from lesion.schema import plain
from lesion.study import LESION_FILES, Study, Trial, differences, parse_study, write_study

if TYPE_CHECKING:  # a record is read where torch is not wanted
    from lesion.engine.work import Measured
    from lesion.tasks.base import Task

FILE, STUDY = "record.sqlite", "study.yaml"
FIRST = " `examples` took the first of the file then; now it takes a random sample."
SCHEMA_VERSION = 1
SCHEMA = """
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
    columns INTEGER NOT NULL, outputs BLOB NOT NULL,
    PRIMARY KEY (model, seed, task, lesion, dose, draw)) WITHOUT ROWID;
CREATE TABLE timings (
    model TEXT, seed INTEGER, task TEXT, lesion TEXT, dose REAL, draw INTEGER,
    finished TEXT NOT NULL, seconds REAL NOT NULL);
"""


class Record:
    """A run's folder, opened.

    Args:
        folder: holds `record.sqlite` and `study.yaml`.

    Raises:
        LesionError: if the folder is not a run, or one of a newer version.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / FILE
        if not path.is_file():
            raise LesionError(
                f"{folder}: is not a run: it has no {FILE}. Make one with lesion run."
            )
        self._base = sqlite3.connect(path, timeout=60)
        try:
            found = int(self.meta("schema"))
        except sqlite3.DatabaseError as error:
            raise LesionError(f"{path}: is not a record of Lesion ({error}).") from None
        if found != SCHEMA_VERSION:
            raise LesionError(
                f"{path}: has schema version {found}; this Lesion reads {SCHEMA_VERSION}."
            )
        self.study: Study = parse_study(json.loads(self.meta("study")), str(path))

    @classmethod
    def open(cls, folder: str | Path, study: Study) -> "Record":
        """Open the record of a study, or begin one.

        Raises:
            LesionError: if the folder holds a run of a different study, with the differences, or
                if a file that a lesion reads has changed since.
        """
        folder = Path(folder)
        if not (folder / FILE).is_file():
            _create(folder, study)
        record = cls(folder)
        changed = differences(record.study, study)
        if changed:
            raise LesionError(
                f"{folder}: holds a run of another study. Changed:\n  "
                + "\n  ".join(changed)
                + "\nGive another folder with --out, or restore the study."
            )
        record._pin_files(study)
        if record.study != study:  # other comparisons of the same scores
            record._store(study)
        return record

    def _store(self, study: Study) -> None:
        with self._base:
            self._base.execute(
                "UPDATE meta SET value = ? WHERE key = 'study'", (json.dumps(plain(study)),)
            )
        (self.folder / STUDY).write_text(write_study(study), encoding="utf-8")
        self.study = study

    def _pin_files(self, study: Study) -> None:
        """Hold the files that lesions read to what they held when the run began."""
        row = self._base.execute("SELECT value FROM meta WHERE key = 'files'").fetchone()
        before, now = json.loads(row[0]) if row else {}, _files(study)
        for use, (path, digest) in now.items():
            was = before.get(use, digest)
            if was != digest:
                raise LesionError(
                    f"{self.folder}: {path} ({use}) changed since this run began "
                    f"({was} -> {digest}). Put the file back as it was, or give another folder "
                    "with --out."
                )
        found = before | {use: digest for use, (_, digest) in now.items()}
        if found != before:
            with self._base:
                self._base.execute(
                    "INSERT OR REPLACE INTO meta VALUES ('files', ?)", (json.dumps(found),)
                )

    def meta(self, key: str) -> str:
        """A value of the `meta` table."""
        row = self._base.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise LesionError(f"{self.folder / FILE}: lacks {key!r}; it was never finished.")
        return str(row[0])

    def close(self) -> None:
        """Close the file; what was added is safe without."""
        self._base.close()

    def add(self, measured: "Measured") -> None:
        """Store one trial in one transaction."""
        trial, receipt = measured.trial, measured.receipt
        proof = tuple(receipt) if receipt is not None else (0, 0, 0, 0, "")
        outputs = np.ascontiguousarray(measured.outputs, dtype="<f4")
        with self._base:
            self._base.execute(
                "INSERT INTO trials VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (*trial, *proof, outputs.shape[1], outputs.tobytes()),
            )
            self._base.execute(
                "INSERT INTO timings VALUES (?,?,?,?,?,?,datetime('now'),?)",
                (*trial, measured.seconds),
            )

    def add_model(
        self, model: str, seed: int, task: str, source: str, revision: str | None, digest: str
    ) -> None:
        """Pin the weights that a model's trials were made with.

        Raises:
            LesionError: if earlier trials were made with other weights.
        """
        self._pin(
            "models",
            ("model", "seed", "task"),
            (model, seed, task, source, revision, digest),
            f"{model} (seed {seed}) on {task}: its weights",
        )

    def add_task(self, task: "Task") -> None:
        """Pin the examples and labels of a task.

        Raises:
            LesionError: if earlier trials were made with other examples.
        """
        labels = np.ascontiguousarray(task.labels, dtype="<i8")
        classes, metrics = json.dumps(list(task.classes)), json.dumps(list(task.metrics))
        values = (
            task.name, task.kind, metrics, classes, labels.tobytes(), len(labels), task.digest,
        )  # fmt: skip
        known = {getattr(task, "former_digest", ""): FIRST}
        self._pin("tasks", ("task",), values, f"{task.name}: its examples", known)

    def _pin(
        self,
        table: str,
        keys: tuple[str, ...],
        values: tuple,
        what: str,
        known: Mapping[str, str] | None = None,
    ) -> None:
        """Keep a digest, or hold it to the one that is kept; `known`: why it may be that one."""
        where = " AND ".join(f"{key} = ?" for key in keys)
        row = self._base.execute(
            f"SELECT digest FROM {table} WHERE {where}", values[: len(keys)]
        ).fetchone()
        if row is None:
            marks = ",".join("?" * len(values))
            with self._base:
                self._base.execute(f"INSERT INTO {table} VALUES ({marks})", values)
        elif row[0] != values[-1]:
            raise LesionError(
                f"{self.folder}: {what} changed since this run began "
                f"({row[0]} -> {values[-1]}).{(known or {}).get(row[0], '')} "
                "Give another folder with --out."
            )

    def add_cut(self, trial: Trial, share: float) -> None:
        """Store which share of the examples was cut at max_length in what a trial read.

        A row of `meta` for each model, task and lesion: dose -> draw -> share.
        """
        key = cuts.key(trial.model, trial.task, trial.lesion)
        row = self._base.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        found = cuts.added(row[0] if row else "{}", trial.dose, trial.draw, share)
        if not row or found != row[0]:
            with self._base:
                self._base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, found))

    def cuts(self) -> Cuts:
        """(model, task, lesion) -> dose -> share of the examples that was cut, over the draws."""
        found = self._base.execute(
            "SELECT key, value FROM meta WHERE substr(key, 1, 4) = ? ORDER BY key", (cuts.KEY,)
        )
        return cuts.stored(found)

    def done(self) -> set[Trial]:
        """Addresses of all finished trials, the intact ones (dose 0) among them."""
        rows = self._base.execute("SELECT model, seed, task, lesion, dose, draw FROM trials")
        return {Trial(*row) for row in rows}

    def outputs(self, trial: Trial) -> np.ndarray:
        """Outputs of one finished trial, float32 (examples, columns)."""
        row = self._base.execute(
            "SELECT columns, outputs FROM trials WHERE model = ? AND seed = ? AND task = ? "
            "AND lesion = ? AND dose = ? AND draw = ?",
            trial,
        ).fetchone()
        if row is None:
            raise KeyError(trial)
        return np.frombuffer(row[1], dtype="<f4").reshape(-1, row[0])

    def rows(self, table: str) -> tuple[list[str], list[tuple]]:
        """Column names and rows of a table, in the order of its key."""
        if table not in ("models", "tasks", "trials", "timings"):
            raise LesionError(f"table must be models, tasks, trials or timings. Got {table!r}.")
        found = self._base.execute(f"SELECT * FROM {table}")
        return [column[0] for column in found.description], found.fetchall()

    def task(self, name: str) -> dict[str, Any] | None:
        """Kind, metrics, classes and labels of a task; None before its first trial."""
        row = self._base.execute(
            "SELECT kind, metrics, classes, labels FROM tasks WHERE task = ?", (name,)
        ).fetchone()
        if row is None:
            return None
        return {
            "kind": row[0],
            "metrics": tuple(json.loads(row[1])),
            "classes": tuple(json.loads(row[2])),
            "labels": np.frombuffer(row[3], dtype="<i8"),
        }


def _create(folder: Path, study: Study) -> None:
    """Begin a record; it appears under its name only when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / (FILE + ".new")
    unfinished.unlink(missing_ok=True)
    meta = {
        "schema": str(SCHEMA_VERSION),
        "study": json.dumps(plain(study)),
        "fingerprint": study.fingerprint(),
        "versions": json.dumps(dict(_versions())),
    }
    with contextlib.closing(sqlite3.connect(unfinished)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        with base:
            base.executescript(SCHEMA)
            base.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    (folder / STUDY).write_text(write_study(study), encoding="utf-8")
    unfinished.replace(folder / FILE)


def _files(study: Study) -> dict[str, tuple[str, str]]:
    """The files that lesions read: which key of which lesion -> path and digest of the content."""
    found = {}
    for lesion in study.lesions:
        for part in (lesion, *lesion.together):
            for key in LESION_FILES:
                path = getattr(part, key)
                if path and Path(path).is_file():
                    digest = hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
                    where = "" if part is lesion else f", {part.name}"
                    found[f"{key} of lesion {lesion.name}{where}"] = (path, digest)
    return found


def _versions() -> Iterator[tuple[str, str]]:
    yield "python", platform.python_version()
    for name in ("lesion", "torch", "transformers", "tokenizers", "numpy"):
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed as a package"

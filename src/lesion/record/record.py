"""One SQLite file a run: its measurements, and everything needed to trust them.

A trial is one transaction. `trials` holds only what is reproducible, keyed by the trial's
address, so that two runs of one study have equal tables whatever the order, the interruptions or
the number of workers; wall times are in `timings`. The places of a lesion's units are stored once,
in `places`; each trial holds how many units it destroyed in each place.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion import digests
from lesion.damage.norms import Norms
from lesion.damage.reach import Reach
from lesion.errors import LesionError
from lesion.outputs import make_folder, writing
from lesion.record import columns, cuts, history, layout, norms, parts, pins, reach, versions
from lesion.record.columns import StoredColumns
from lesion.record.cuts import Cuts
from lesion.record.history import Change
from lesion.schema import did_you_mean
from lesion.study import pinning
from lesion.study.files import parse_study, write_study
from lesion.study.fingerprint import contents_of, differences, fingerprint
from lesion.study.packages import absent_packages, study_versions
from lesion.study.registration import KeyChange, registered_text
from lesion.study.study import Study
from lesion.study.trials import Patient, Trial

if TYPE_CHECKING:  # a record is read where torch is not wanted
    from lesion.study.trials import TrialResult
    from lesion.tasks.base import Task

FILE, STUDY = "record.sqlite", "study.yaml"
TABLES = ("models", "tasks", "trials", "places", "timings")


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
        self._base = layout.connect(path)
        try:
            self._version = int(self.meta("schema"))
        except sqlite3.DatabaseError as error:
            raise LesionError(f"{path}: is not a record of Lesion ({error}).") from None
        if self._version not in layout.READABLE:
            known = " and ".join(map(str, layout.READABLE))
            raise LesionError(
                f"{path}: has schema version {self._version}; this Lesion reads {known}. Read it "
                "with the Lesion that wrote it, or a newer one."
            )
        self.study: Study = self._read_study(str(path))

    @classmethod
    def open(cls, folder: str | Path, study: Study) -> "Record":
        """Open the record of a study to write to it, or begin one.

        A record of an older version is brought to this one; to read it, that is not needed.

        Raises:
            LesionError: if the folder holds a run of a different study, with the differences, if
                a model or a file that a lesion reads has changed since, or if the folder is
                read-only.
        """
        folder = Path(folder)
        if not (folder / FILE).is_file():
            _create(folder, study)
        record = cls(folder)
        held, same = pins.hold(record._base, folder, record.study, study)
        changed = differences(record.study, study, same)
        if changed:
            raise LesionError(
                f"{folder}: holds a run of another study. Changed:\n  "
                + "\n  ".join(changed)
                + "\nGive another folder with --out, or restore the study."
            )
        if not layout.writable(record._base):
            raise LesionError(
                f"{folder}: is read-only. Copy it to where you may write, or give another folder "
                "with --out."
            )
        if record._version != layout.VERSION:
            layout.upgrade(record._base)
            record._version = layout.VERSION
        record._base.executescript(
            "".join((versions.TABLES, columns.TABLES, history.TABLE, norms.TABLE, reach.TABLE))
        )
        with record._base:
            history.add(record._base, record.study)  # an earlier version may have begun it
        pins.store(record._base, held)
        if record.study != study:  # other comparisons of the same scores
            record._store(study)
        return record

    def _store(self, study: Study) -> None:
        with self._base:
            self._base.execute(
                "UPDATE meta SET value = ? WHERE key = 'study'", (json.dumps(study.document),)
            )
            history.add(self._base, study)
        (self.folder / STUDY).write_text(write_study(study), encoding="utf-8")
        self.study = study

    def hold(self, tasks: "Mapping[str, Task]", files: Mapping[str, Path]) -> None:
        """Refuse tasks, or files that they are read from, that changed since the run began.

        The columns of the tasks are stored anew: they may change.

        Args:
            tasks: as `as_begun` gives them.
            files: use -> path; a file of examples that are scored may change as long as the
                examples are the same.

        Raises:
            LesionError: if trials were made with other examples, or heads with others.
        """
        for task in tasks.values():
            if self._check("tasks", (task.name,), task.digest, f"{task.name}: its examples"):
                columns.store(self._base, task)
        now = pinning.pins(files)
        training = {use: pin for use, pin in now.items() if use.startswith(pinning.TRAINING)}
        pins.check(self.folder, pins.stored(self._base), training)
        pins.store(self._base, now)

    def changes(self) -> list[str]:
        """A sentence for each source that is at hand and has changed."""
        return list(pins.changes(pins.stored(self._base)))

    def _read_study(self, path: str) -> Study:
        """The study of the record.

        Raises:
            LesionError: if it cannot be read; with the packages that it needs, where they are not
                installed.
        """
        try:
            return parse_study(json.loads(self.meta("study")), path)
        except LesionError as error:
            absent = absent_packages(json.loads(self.meta("versions")))
            if not absent:
                raise
            raise LesionError(
                f"{path}: was made with {' and '.join(absent)}, and uses words of it that are not "
                "known here. Install it to open the record."
            ) from error

    def meta(self, key: str) -> str:
        """A value of the `meta` table."""
        row = self._base.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise LesionError(f"{self.folder / FILE}: lacks {key!r}; it was never finished.")
        return str(row[0])

    def close(self) -> None:
        """Close the file; added trials are safe without."""
        self._base.close()

    def add(self, measured: "TrialResult") -> None:
        """Store one trial, or append a part of it, in one transaction.

        Raises:
            LesionError: if earlier trials of its lesion were of other places, or an earlier part
                of other damage.
        """
        trial, receipt = measured.trial, measured.receipt
        proof = receipt.row() if receipt is not None else (0, 0, 0, 0, "")
        places = receipt.places if receipt is not None else ()
        by_site = layout.packed([place.destroyed for place in places]) if places else None
        outputs = np.ascontiguousarray(measured.outputs, dtype="<f4")
        with self._base:
            if places:
                key = (trial.model, trial.task, trial.lesion)
                pins.hold_places(self._base, self.folder, key, places)
            if measured.start:
                parts.append(self._base, self.folder, measured, proof)
            else:
                self._base.execute(
                    "INSERT INTO trials VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    (*trial, *proof, outputs.shape[1], outputs.tobytes(), by_site),
                )
            self._base.execute(
                "INSERT INTO timings VALUES (?,?,?,?,?,?,datetime('now'),?)",
                (*trial, measured.seconds),
            )
            versions.add(self._base, trial, self._versions)
            if receipt is not None and receipt.norms is not None:
                norms.add(self._base, trial, receipt.norms)
            if receipt is not None and receipt.reach is not None:
                reach.add(self._base, trial, receipt.reach)

    def add_model(
        self, model: str, seed: int, task: str, source: str, revision: str | None, digest: str
    ) -> None:
        """Pin the weights that a model's trials were made with.

        Raises:
            LesionError: if earlier trials were made with other weights.
        """
        self._pin(
            "models",
            (model, seed, task),
            (source, revision, digest),
            f"{model} (seed {seed}) on {task}: its weights",
        )

    def add_task(self, task: "Task") -> None:
        """Pin the examples and labels of a task, and store its columns.

        Raises:
            LesionError: if earlier trials were made with other examples.
        """
        labels = np.ascontiguousarray(task.targets, dtype="<i8")
        classes, metrics = json.dumps(list(task.classes)), json.dumps(list(task.metrics))
        values = (task.kind, metrics, classes, labels.tobytes(), len(labels), task.digest)
        if self._pin("tasks", (task.name,), values, f"{task.name}: its examples"):
            columns.store(self._base, task)

    def columns(self, task: str) -> StoredColumns | None:
        """The columns of a task's examples; None where none are stored."""
        return columns.stored(self._base, task)

    def as_begun(self, tasks: "Mapping[str, Task]") -> "dict[str, Task]":
        """The tasks with the examples that this run began with.

        In earlier versions `examples: n` took the first n; now it takes a sample. A run continues
        with the examples that it has scored.
        """
        return {name: self._as_begun(task) for name, task in tasks.items()}

    def _as_begun(self, task: "Task") -> "Task":
        row = self._base.execute("SELECT digest FROM tasks WHERE task = ?", (task.name,)).fetchone()
        if row is None or row[0] == task.digest or not hasattr(task, "first"):
            return task
        former: Task = replace(task, first=True)  # type: ignore[type-var]
        return former if former.digest == row[0] else task

    def _pin(self, table: str, key: tuple, rest: tuple, what: str) -> bool:
        """Whether it was not there before."""
        new = not self._check(table, key, rest[-1], what)
        if new:
            pins.insert(self._base, table, (*key, *rest))
        return new

    def _check(self, table: str, key: tuple, digest: str, what: str) -> bool:
        return pins.unchanged(self._base, self.folder, table, key, digest, what)

    def weights(self) -> dict[Patient, str]:
        """Digests of the weights with which the run began."""
        rows = self._base.execute("SELECT model, seed, task, digest FROM models")
        return {Patient(*key): pinning.digest_of(digest) for *key, digest in rows}

    @cached_property
    def _versions(self) -> str:
        return json.dumps(study_versions(self.study))

    def made_with(self) -> dict[Trial, str]:
        """Versions of Python and the libraries that made each trial, where they are known."""
        return versions.made_with(self._base)

    def version_notes(self) -> list[str]:
        """A sentence where finished trials were made with other versions than those of now."""
        return versions.notes(self._base, study_versions(self.study))

    def history(self) -> list[Change]:
        """What decides conclusions but no score, and was changed while there was a record."""
        return history.changes(self._base)

    def registered(self) -> str | None:
        """The digest of the study with which the record began; None in those that kept none."""
        row = self._base.execute("SELECT value FROM meta WHERE key = 'registered'").fetchone()
        return None if row is None else str(row[0])

    def departures(self, study: Study) -> list[KeyChange]:
        """What of a study differs from the one with which the record began."""
        return history.departures(self._base, study)

    def add_cut(self, trial: Trial, share: float) -> None:
        """Store which share of the examples was cut at max_length in what a trial read.

        A row of `meta` for each model, task and lesion: dose -> draw -> share.
        """
        key = cuts.key(trial.model, trial.task, trial.lesion)
        row = self._base.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        shares = cuts.added(row[0] if row else "{}", trial.dose, trial.draw, share)
        if not row or shares != row[0]:
            with self._base:
                self._base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, shares))

    def cuts(self) -> Cuts:
        """(model, task, lesion) -> dose -> share of the examples that was cut, over the draws."""
        rows = self._base.execute(
            "SELECT key, value FROM meta WHERE substr(key, 1, 4) = ? ORDER BY key", (cuts.KEY,)
        )
        return cuts.stored(rows)

    def done(self) -> set[Trial]:
        """Addresses of all finished trials, the intact ones (dose 0) among them."""
        rows = self._base.execute("SELECT model, seed, task, lesion, dose, draw FROM trials")
        return {Trial(*row) for row in rows}

    def scored(self) -> dict[Trial, int]:
        """How many examples each finished trial was scored on: the first ones of its task."""
        return parts.scored(self._base)

    def add_training(self, task: str, examples: int) -> None:
        """Store on how many examples the heads of a task are trained."""
        parts.add_training(self._base, task, examples)

    def training(self, task: str) -> int:
        """On how many examples the heads of a task are trained; 0 where it is not stored."""
        return parts.training(self._base, task)

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

    def seconds(self) -> dict[Trial, float]:
        """Wall time of damage and scoring of each finished trial."""
        rows = self._base.execute(
            "SELECT model, seed, task, lesion, dose, draw, seconds FROM timings"
        )
        return {Trial(*address): seconds for *address, seconds in rows}

    def examples(self, task: str) -> int:
        """How many examples of a task are scored; 0 before its first trial."""
        row = self._base.execute("SELECT examples FROM tasks WHERE task = ?", (task,)).fetchone()
        return row[0] if row else 0

    def rows(self, table: str) -> tuple[list[str], list[tuple]]:
        """Column names and rows of a table, in the order of its key."""
        if table not in TABLES:
            raise LesionError(
                f"table must be one of {', '.join(TABLES)}. Got {table!r}."
                f"{did_you_mean(table, TABLES)}"
            )
        if table == "places" and self._version == 1:
            return ["model", "task", "lesion", "places"], []
        cursor = self._base.execute(f"SELECT * FROM {table}")
        return [column[0] for column in cursor.description], cursor.fetchall()

    def by_site(self) -> Iterator[tuple[Trial, list[list], np.ndarray]]:
        """Where trials destroyed units, by address; without intact, distracted and old trials.

        Yields:
            The trial; layer, part, index, tensor and units of each place; int64 (places,)
            destroyed units of each.
        """
        if self._version == 1:
            return
        *_, rows = self.rows("places")
        places = {tuple(key): json.loads(text) for *key, text in rows}
        for *address, counts in self._base.execute(
            "SELECT model, seed, task, lesion, dose, draw, by_site FROM trials "
            "WHERE by_site IS NOT NULL"
        ):
            trial = Trial(*address)
            where = places[trial.model, trial.task, trial.lesion]
            yield trial, where, layout.unpacked(counts, len(where))

    def norms(self) -> dict[Trial, Norms]:
        """Damage done to the weights by each trial, where it was measured."""
        return norms.stored(self._base)

    def damage_done(self, model: str, task: str, lesion: str) -> dict[Trial, float]:
        """Damage done to all that a lesion selects, by each trial where it was measured."""
        return norms.whole(self._base, model, task, lesion)

    def reach(self) -> dict[tuple[str, str, str], Reach]:
        """(model, task, lesion) -> what the lesion can reach, where it was measured."""
        return reach.stored(self._base)

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
    make_folder(folder, "--out")
    contents = contents_of(study)
    meta = {
        "schema": str(layout.VERSION),
        "study": json.dumps(study.document),
        "fingerprint": fingerprint(study, contents),
        "registered": digests.of_text(registered_text(study, contents)),
        "versions": json.dumps(study_versions(study)),
    }
    with writing(folder, "--out"):
        (folder / STUDY).write_text(write_study(study), encoding="utf-8")
        layout.create(folder / FILE, meta)

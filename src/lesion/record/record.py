"""One SQLite file a run: its measurements, and everything needed to trust them.

A trial is one transaction. `trials` holds only what is reproducible, keyed by the trial's
address, so that two runs of one study have equal tables whatever the order, the interruptions or
the number of workers; wall times are in `timings`. The places of a lesion's units are stored once,
in `places`; each trial holds how many units it destroyed in each place.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion.damage.norms import Norms
from lesion.damage.reach import Reach
from lesion.errors import LesionError
from lesion.record import (
    columns,
    cuts,
    finished,
    history,
    layout,
    norms,
    parts,
    pins,
    reach,
    task_rows,
    versions,
)
from lesion.record.beginning import begin
from lesion.record.columns import StoredColumns
from lesion.record.cuts import Cuts
from lesion.record.history import Change
from lesion.schema import did_you_mean
from lesion.study import pinning
from lesion.study.files import parse_study, write_study
from lesion.study.fingerprint import differences
from lesion.study.packages import absent_packages, study_versions
from lesion.study.registration import KeyChange
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
            begin(folder, folder / FILE, folder / STUDY, study)
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
        with self._base:
            finished.add(self._base, self.folder, measured, self._versions)

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
        values = task_rows.row_of(task)
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
        return {name: task_rows.as_begun(self._base, task) for name, task in tasks.items()}

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
        """Store which share of the examples was cut at max_length in what a trial read."""
        cuts.add(self._base, trial, share)

    def cuts(self) -> Cuts:
        """(model, task, lesion) -> dose -> share of the examples that was cut, over the draws."""
        return cuts.stored(self._base)

    def done(self) -> set[Trial]:
        """Addresses of all finished trials, the intact ones (dose 0) among them."""
        return finished.addresses(self._base)

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
        return finished.outputs(self._base, trial)

    def seconds(self) -> dict[Trial, float]:
        """Wall time of damage and scoring of each finished trial."""
        return finished.seconds(self._base)

    def examples(self, task: str) -> int:
        """How many examples a task has; 0 before its first trial."""
        return task_rows.examples(self._base, task)

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

        Returns:
            The trial; layer, part, index, tensor and units of each place; int64 (places,)
            destroyed units of each.
        """
        return iter(()) if self._version == 1 else finished.by_site(self._base)

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
        return task_rows.about(self._base, name)

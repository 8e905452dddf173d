"""The commands, from Python: run a study, open a run, ask it for its answers."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesion import cuts, rounds
from lesion.analysis.from_record import responses
from lesion.errors import LesionError
from lesion.folderlock import locked
from lesion.outputs import check_place, make_folder, writing
from lesion.record import FILE, Record
from lesion.schema import hint, plain, show
from lesion.study import Study, Trial, parse_study, pending, read_study
from lesion.words import LOAD_DTYPES

if TYPE_CHECKING:
    import pandas as pd

    from lesion.analysis.compare import Verdict
    from lesion.analysis.dissociation import Dissociation
    from lesion.analysis.meta import Meta
    from lesion.analysis.summary import Analysis
    from lesion.damage.lesion import Damage
    from lesion.engine.sweep import Watcher
    from lesion.engine.work import Measured, Patient
    from lesion.tasks.base import Task

TABLES = (
    "trials", "curves", "summary", "examples", "sites", "verdicts", "diagnoses", "scores",
)  # fmt: skip


class Quiet:
    """A watcher that says nothing."""

    def preparing(self, model: str, seed: int, task: str) -> None:
        """Say nothing of a model."""

    def finetuning(self, model: str, seed: int, task: str, step: int, steps: int) -> None:
        """Say nothing of a step."""

    def measured(self, measured: "Measured") -> None:
        """Say nothing of a trial."""

    def note(self, sentence: str) -> None:
        """Say nothing."""


class Run:
    """A run's folder and what can be said of it; analysed when first asked."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.record = Record(folder)
        self.study = self.record.study

    @cached_property
    def analyses(self) -> "list[Analysis]":
        """One element per model, task and lesion, see `lesion.analysis.summary`."""
        from lesion.analysis.summary import analyse

        return analyse(responses(self.record), seed=self.study.seed)

    @cached_property
    def verdicts(self) -> "list[Verdict]":
        """Every comparison that the study asks for."""
        from lesion.analysis.compare import verdicts

        compare = self.study.compare
        return verdicts(
            self.analyses, compare.between, compare.margin, self.study.seed, compare.dose
        )

    @cached_property
    def meta(self) -> "list[Meta]":
        """A summary over tasks and lesions for each pair that has two comparisons or more."""
        from lesion.analysis.meta import summaries

        return summaries(self.analyses, self.verdicts, self.study.compare.between)

    @cached_property
    def dissociations(self) -> "list[Dissociation]":
        """Lesion x task interactions, where the study has two of each."""
        from lesion.analysis.dissociation import dissociations

        return dissociations(self.analyses)

    @cached_property
    def cuts(self) -> cuts.Cuts:
        """(model, task, lesion) -> dose -> share of the examples cut at the task's max_length.

        The lesion "" has the intact texts; only distractions have shares of their own.
        """
        return self.record.cuts()

    def curves(self) -> "pd.DataFrame":
        """One row per model, task, lesion and dose: every metric with its interval."""
        from lesion.analysis.frames import curve_frame

        return curve_frame(self.analyses)

    def summary(self) -> "pd.DataFrame":
        """One row per model, task and lesion: intact score, retained area, D50, diagnoses."""
        from lesion.analysis.frames import summary_frame

        return summary_frame(self.analyses)

    def changes(self) -> list[str]:
        """A sentence for each source of the run that is at hand and has changed since."""
        return self.record.changes()

    @property
    def load_dtype(self) -> str:
        """What its weights were loaded as: a run is resumed with the same."""
        from lesion.engine.pins import loaded_stored

        names, rows = self.record.rows("models")
        digests = [row[names.index("digest")] for row in rows]
        return "stored" if any(map(loaded_stored, digests)) else "float32"

    def progress(self) -> tuple[int, int]:
        """Finished trials, and trials of the study (those that are known to be needed)."""
        done = self.record.done()
        if rounds.adaptive(self.study):
            return len(done), len(done) + len(rounds.missing(self.study, self.record))
        wanted = set(self.study.trials())
        return len(wanted & done), len(wanted)

    def table(
        self,
        what: str,
        *,
        data: str | Path | None = None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> "pd.DataFrame":
        """One of `TABLES` as a frame.

        Args:
            what: `examples` has texts where the source of a task is at hand and holds what was
                scored.
            data: of `examples`, folder with data in GLUE's own layout.
            note: called with a sentence for each task whose texts are left out.

        Raises:
            LesionError: if it is none of them.
        """
        from lesion.analysis import frames
        from lesion.analysis.sites import site_frame
        from lesion.texts import texts

        makers: dict[str, Callable[[], pd.DataFrame]] = {
            "trials": self._trials,
            "curves": self.curves,
            "summary": self.summary,
            "examples": lambda: frames.example_frame(self.record, texts(self.record, data, note)),
            "sites": lambda: site_frame(self.record),
            "verdicts": lambda: frames.verdict_frame(self.verdicts),
            "diagnoses": lambda: frames.diagnosis_frame(self.analyses),
            "scores": lambda: frames.score_frame(self.record),
        }
        if what not in makers:
            raise LesionError(
                f"table: must be one of {', '.join(TABLES)}. Got {what!r}.{hint(what, TABLES)}"
            )
        return makers[what]()

    def _trials(self) -> "pd.DataFrame":
        """With a column `versions`: of the libraries that made a trial; "" where not known."""
        from lesion.analysis.frames import trial_frame

        frame, made = trial_frame(self.record), self.record.made_with()
        rows = frame[list(Trial._fields)].itertuples(index=False)
        return frame.assign(versions=[made.get(Trial(*row), "") for row in rows])

    def as_json(self) -> dict[str, Any]:
        """Study, curves, summary, diagnoses and verdicts, for machines."""
        from lesion.analysis.summary import curve_rows, jsonable, summary_row

        return jsonable({
            "study": plain(self.study),
            "fingerprint": self.record.meta("fingerprint"),
            "progress": dict(zip(("done", "total"), self.progress(), strict=True)),
            "curves": [row for one in self.analyses for row in curve_rows(one)],
            "summary": [summary_row(one) for one in self.analyses],
            "diagnoses": [d._asdict() for one in self.analyses for d in one.diagnoses],
            "verdicts": [verdict._asdict() for verdict in self.verdicts],
            "meta": [one._asdict() for one in self.meta],
            "dissociations": [one._asdict() for one in self.dissociations],
            "cut": cuts.rows(self.cuts),
        })  # type: ignore[return-value]  # fmt: skip

    def write_report(self, metrics: Sequence[str] = ()) -> list[Path]:
        """Write `curves.csv` and `figures/`; returns the paths.

        Args:
            metrics: that the figures show. Default: the study's `figures`.

        Raises:
            LesionError: for a metric that no task of the run has, or if the folder cannot be
                written.
        """
        from lesion.analysis.sites import site_maps
        from lesion.report.figures import write_figures
        from lesion.report.forest import write_forest
        from lesion.report.sites import write_site_figures

        self._check_metrics(metrics)
        curves = self.curves()
        if curves.empty:
            return []
        table = self.folder / "curves.csv"
        axes = {lesion.name: f"dose: {lesion.dose_means}" for lesion in self.study.lesions}
        figures, shown = self.folder / "figures", metrics or self.study.figures.metrics
        maps = site_maps(self.record)
        with writing(figures):
            curves.to_csv(table, index=False)
            drawn = write_figures(self.analyses, figures, axes, shown)
            drawn += write_site_figures(maps, figures)
            return [table, *drawn, *write_forest(self.verdicts, self.meta, figures)]

    def _check_metrics(self, metrics: Sequence[str]) -> None:
        known = dict.fromkeys(name for one in self.analyses for name in one.curves)
        for name in metrics if known else ():
            if name not in known:
                raise LesionError(
                    f"metric: must be one of {', '.join(known)}, which the tasks of this run "
                    f"have. Got {name!r}.{hint(name, known)}"
                )


def run(
    study: Study | Mapping[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    data: str | Path | None = None,
    device: str = "cpu",
    precision: str | None = None,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    resources: Mapping[str, float] | None = None,
    load_dtype: str = "float32",
    watcher: "Watcher | None" = None,
    progress: bool | None = None,
) -> Run:
    """Run every trial that the folder's record does not hold yet.

    Args:
        study: a `Study`, a mapping with the keys of a study file, the path of one, or the name of
            a shipped study.
        out: folder of the run; default: `runs/` and the study's name.
        data: folder with data in GLUE's own layout (default: `LESION_DATA`, then the hub).
        device: `cpu`, `cuda` or `cuda:1`.
        precision: of computing, instead of the study's: `float32`, `tf32` or `bf16`.
        workers: processes with one thread each; the record is the same whatever their number.
            Default: `LESION_WORKERS`, else one a core. A GPU has one unless more are asked for:
            small models leave it idle while a processor damages them.
        engine: `local`, or `ray` for a cluster.
        address: of a Ray cluster; default: one that is started on this machine.
        resources: that one worker of a cluster takes: `{"cpu": 1, "memory": 8e9}`.
        load_dtype: what weights are loaded as: `float32`, or `stored` for the format of each
            checkpoint.
        watcher: is told how the run is going, instead of what `progress` would show.
        progress: whether that is shown on standard error, as a bar or, where there can be none, as
            plain lines. Default: in terminals and notebooks.

    Raises:
        LesionError: for a mistake in the study, its data or models, if `out` cannot be written, if
            it holds the run of another study, or if another process is running one there.

    Example:
        >>> lesion.run("quick.yaml", out="runs/quick").curves()
    """
    from lesion.engine import sweep
    from lesion.engine.hiring import Hiring, crew
    from lesion.engine.precision import check_precision
    from lesion.engine.threads import one_thread
    from lesion.engine.work import Patient, Setting
    from lesion.models.devices import check_device
    from lesion.tasks.notes import task_files, task_notes

    study = _as_study(study)
    study = dataclasses.replace(study, precision=precision) if precision else study
    hiring = Hiring(workers, engine, address, resources or {})
    if load_dtype not in LOAD_DTYPES:
        known = ", ".join(LOAD_DTYPES)
        raise LesionError(f"--load-dtype: must be one of {known}. Got {load_dtype!r}.")
    check_precision(study.precision, device if engine == "ray" else check_device(device))
    tasks = load_tasks(study, data)
    folder = Path(out) if out else Path("runs") / study.name
    check_place(folder, "--out")
    with ExitStack() as stack:
        watching = stack.enter_context(_watching(watcher, progress, study, folder))
        for note in task_notes(tasks):
            watching.note(note)
        record, pinned = None, dict[Patient, str]()
        if (folder / FILE).is_file():
            stack.enter_context(locked(folder, watching.note))
            record = stack.enter_context(closing(Record.open(folder, study)))
            tasks = record.as_begun(tasks)
            record.hold(tasks, task_files(tasks))
            for note in record.version_notes() if missing_trials(study, folder) else ():
                watching.note(note)
            pinned = _pinned(record)
        setting = Setting(study, tasks, device, load_dtype=load_dtype, pinned=pinned)
        stack.enter_context(one_thread(device))
        staff = stack.enter_context(crew(setting, hiring))
        if engine != "ray":  # whose workers may see other files
            sweep.rehearse(_awaited(study, record), staff, watching)
        if record is None:  # what cannot run leaves no run behind
            make_folder(folder, "--out")
            stack.enter_context(locked(folder, watching.note))
            record = stack.enter_context(closing(Record.open(folder, study)))
            record.hold(tasks, task_files(tasks))
        needed = rounds.rounds(study, sweep.once)
        sweep.run(study, record, tasks, watching, staff, needed, load_dtype)
    return Run(folder)


def _awaited(study: Study, record: Record | None) -> Iterable[Trial]:
    """Trials that are not in the record; where they are added as needed, the next round's."""
    if record is None:
        return study.trials()
    if rounds.adaptive(study):
        return rounds.missing(study, record)
    return pending(study, record.done())


def _as_study(given: Study | Mapping[str, Any] | str | Path) -> Study:
    if isinstance(given, Study):
        return given
    if isinstance(given, Mapping):
        return parse_study(given)
    if isinstance(given, str | Path):
        return find_study(given)
    raise LesionError(
        "study: must be a Study, a mapping of its keys, a path, or the name of a shipped study. "
        f"Got {show(given)}."
    )


@contextmanager
def _watching(
    watcher: "Watcher | None", progress: bool | None, study: Study, folder: Path
) -> "Iterator[Watcher]":
    """Whoever was given; else a meter where progress is wanted, else nobody."""
    from lesion.progress import Meter, error_console, wanted

    console = error_console()
    if watcher is not None or not wanted(progress, console):
        yield watcher or Quiet()
        return
    with Meter(console, missing_trials(study, folder), intact_line(study, folder)) as meter:
        yield meter


def _pinned(record: Record) -> "dict[Patient, str]":
    """The weights with which a record began: a head that is still there is used again."""
    from lesion.engine.work import Patient
    from lesion.pinning import digest_of

    names, rows = record.rows("models")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return {
        Patient(one["model"], one["seed"], one["task"]): digest_of(one["digest"]) for one in found
    }


def missing_trials(study: Study, folder: str | Path) -> int:
    """How many trials of a study a folder does not hold yet (at most, where added as needed)."""
    if not (Path(folder) / FILE).is_file():
        return sum(1 for _ in study.trials())
    record = Record(folder)
    try:
        if rounds.adaptive(study) and not rounds.missing(study, record):
            return 0
        return sum(1 for _ in pending(study, record.done()))
    finally:
        record.close()


def intact_line(study: Study, folder: str | Path) -> Callable[["Measured"], str]:
    """For a progress meter: a sentence on every intact model, as soon as it is scored."""
    from lesion.analysis.first_look import first_look

    def line(measured: "Measured") -> str:
        model, seed, task, *_ = measured.trial
        record = Record(folder)
        try:
            about = record.task(task)
        finally:
            record.close()
        assert about is not None, "a task is recorded before its first trial"
        sentence, learned = first_look(model, seed, task, about, measured.outputs, study.seed)
        return sentence if learned else f"Warning: {sentence}"

    return line


def load_tasks(study: Study, data: str | Path | None = None) -> "dict[str, Task]":
    """The tasks of a study; mistakes in them come before any model is loaded.

    Raises:
        LesionError: with all of them, and with all lesions that do not suit a task.
    """
    problems: list[str] = []
    tasks, _ = resolved(study, data, problems)
    if problems:
        raise LesionError("\n".join(problems))
    return tasks


def resolved(
    study: Study, data: str | Path | None, problems: list[str]
) -> "tuple[dict[str, Task], dict[str, Damage]]":
    """The tasks and lesions of a study that can be had, by name.

    Args:
        problems: gets what is wrong with the others, and with lesions on tasks that do not suit
            them; each once.
    """
    from lesion.damage.lesion import build
    from lesion.engine.suits import all_unsuited
    from lesion.tasks import load

    tasks: dict[str, Task] = {}
    damages: dict[str, Damage] = {}
    for spec in study.tasks:
        with _noted(problems):
            task = load(spec, data)
            len(task.labels)
            tasks[spec.name] = task
    for one in study.lesions:
        with _noted(problems):
            damages[one.name] = build(one, study.seed)
    problems += all_unsuited(damages, tasks.values())
    return tasks, damages


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except LesionError as error:
        problems.append(str(error))


def find_study(name: str | Path) -> Study:
    """A study by its path, or by the name of a shipped one.

    Raises:
        LesionError: if there is neither.
    """
    if Path(name).is_file():
        return read_study(name)
    shipped = shipped_studies()
    if str(name) in shipped:
        return read_study(shipped[str(name)])
    raise LesionError(
        f"{name}: no such file, and no shipped study of that name. Shipped: "
        f"{', '.join(shipped)}.{hint(str(name), shipped)}"
    )


def shipped_studies() -> dict[str, Path]:
    """Names and paths of the studies that come with the package."""
    root = Path(os.fspath(str(files("lesion") / "studies")))
    found = {
        path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.yaml")
    }
    return dict(sorted(found.items()))

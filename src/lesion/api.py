"""The commands, from Python: run a study, open a run, ask it for its answers."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesion.errors import LesionError
from lesion.outputs import check_place, make_folder
from lesion.record.lock import locked
from lesion.record.record import FILE, Record
from lesion.results import Run
from lesion.running import rounds
from lesion.running.rounds import pending
from lesion.running.watcher import Quiet
from lesion.schema import shortened
from lesion.study.files import find_study, parse_study
from lesion.study.resolve import load_tasks
from lesion.study.study import Study
from lesion.study.trials import Trial
from lesion.words import LOAD_DTYPES

if TYPE_CHECKING:
    from lesion.running.watcher import Watcher
    from lesion.study.trials import Measured, Patient


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
    from lesion.models.devices import check_device
    from lesion.running import sweep
    from lesion.running.backends import Hiring, crew
    from lesion.running.jobs import Setting
    from lesion.scoring.device import check_precision, single_thread
    from lesion.study.task_notes import task_files, task_notes
    from lesion.study.trials import Patient

    study = _as_study(study)
    study = dataclasses.replace(study, precision=precision) if precision else study
    analysed, study = study, study.without_own_metrics()
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
            others = record.version_notes()
            for note in others if others and missing_trials(study, folder) else ():
                watching.note(note)
            pinned = _pinned(record)
        setting = Setting(study, tasks, device, load_dtype=load_dtype, pinned=pinned)
        stack.enter_context(single_thread(device))
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
    return Run(folder, analysed)


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
        f"Got {shortened(given)}."
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
    from lesion.study.pinning import digest_of
    from lesion.study.trials import Patient

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
    from lesion.analysis.first_look import intact_summary

    def line(measured: "Measured") -> str:
        model, seed, task, *_ = measured.trial
        record = Record(folder)
        try:
            about = record.task(task)
        finally:
            record.close()
        assert about is not None, "a task is recorded before its first trial"
        sentence, learned = intact_summary(model, seed, task, about, measured.outputs, study.seed)
        return sentence if learned else f"Warning: {sentence}"

    return line

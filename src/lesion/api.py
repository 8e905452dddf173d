"""Run a study from Python: the path of a run from its study to its results."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesion.errors import LesionError
from lesion.models.dtypes import LOAD_DTYPES
from lesion.outputs import check_place, make_folder, writing
from lesion.record.held import held_record
from lesion.record.record import FILE, Record
from lesion.results import Run
from lesion.running.options import PoolOptions
from lesion.running.watcher import NullWatcher, Watcher
from lesion.schema import shortened
from lesion.study.files import find_study, parse_study
from lesion.study.registration import Registration, registration
from lesion.study.resolve import resolve_study
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.running.jobs import RunContext


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
    watcher: Watcher | None = None,
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
            Default: `LESION_WORKERS`, else one a core. A GPU has one unless more are requested:
            small models leave it idle while a processor damages them.
        engine: `local`, or `ray` for a cluster.
        address: of a Ray cluster; default: one that is started on this machine.
        resources: that one worker of a cluster takes: `{"cpu": 1, "memory": 8e9}`.
        load_dtype: what weights are loaded as: `float32`, or `stored` for the format of each
            checkpoint.
        watcher: receives the progress of the run, instead of what `progress` would show.
        progress: whether progress is shown on standard error, as a bar or as plain lines.
            Default: in terminals and notebooks.

    Raises:
        LesionError: for a mistake in the study, its data or models, if `out` cannot be written, if
            it holds the run of another study, or if another process is running one there.

    Example:
        >>> lesion.run("quick.yaml", out="runs/quick").curves()
    """
    from lesion.running.jobs import RunContext
    from lesion.study.task_notes import task_notes

    study = _as_study(study)
    study = dataclasses.replace(study, precision=precision) if precision else study
    analysed, study = study, study.without_own_metrics()
    options = PoolOptions(workers, engine, address, resources or {})
    _check_dtype(load_dtype)
    tasks, damages = resolve_study(study, data)
    folder = Path(out) if out else Path("runs") / study.name
    check_place(folder, "--out")
    context = RunContext(study, tasks, damages, device, load_dtype=load_dtype)
    with _watching(watcher, progress) as watching:
        for note in task_notes(tasks):
            watching.note(note)
        _run_missing(context, folder, options, watching)
    return Run(folder, analysed)


def register(
    study: Study | Mapping[str, Any] | str | Path, to: str | Path | None = None
) -> Registration:
    """A digest of hypotheses, margins and design, to be cited before the data are seen.

    It is of the resolved study with `compare`, without paths and without `figures`, and the same
    on every machine. A run of the study keeps it, and `lesion show` says what differs from it.

    Args:
        study: as of `run`.
        to: file for the JSON that the digest is of.

    Raises:
        LesionError: for a mistake in the study, or if `to` cannot be written.

    Example:
        >>> lesion.register("study.yaml", to="registered.json").digest
        '5f0c2e4b8d1a...'
    """
    registered = registration(_as_study(study))
    if to is not None:
        with writing(to, "--to"):
            Path(to).write_bytes(registered.text.encode())  # the same bytes on every system
    return registered


def _run_missing(
    context: "RunContext", folder: Path, options: PoolOptions, watcher: Watcher
) -> None:
    """Run what the record of a folder lacks; a study that cannot run leaves no folder behind."""
    from lesion.running import backends, sweep
    from lesion.scoring.device import single_thread

    study, tasks = context.study, context.tasks
    resumed, local = (folder / FILE).is_file(), options.engine == "local"
    record: Record | None = None
    with ExitStack() as stack:
        if resumed:
            held = held_record(folder, study, tasks, watcher.note)
            record, tasks = stack.enter_context(held)
            context = dataclasses.replace(context, tasks=tasks, pinned=record.weights())
        stack.enter_context(single_thread(context.device))
        pool = stack.enter_context(backends.open_pool(context, options, watcher.note))
        if record is None:
            if local:  # remote workers may see other files
                sweep.rehearse(study.trials(), pool, watcher)
            make_folder(folder, "--out")
            held = held_record(folder, study, tasks, watcher.note)
            record, _ = stack.enter_context(held)
        sweep.run(context, record, pool, watcher, rehearsed=not (resumed and local))


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


def _check_dtype(load_dtype: str) -> None:
    if load_dtype not in LOAD_DTYPES:
        known = ", ".join(LOAD_DTYPES)
        raise LesionError(f"--load-dtype: must be one of {known}. Got {load_dtype!r}.")


@contextmanager
def _watching(watcher: Watcher | None, progress: bool | None) -> Iterator[Watcher]:
    """The watcher that was given; else a meter where progress is shown, else one that ignores."""
    from lesion.progress import Meter, error_console, wanted

    console = error_console()
    if watcher is not None or not wanted(progress, console):
        yield watcher or NullWatcher()
        return
    with Meter(console) as meter:
        yield meter

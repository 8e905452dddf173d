"""The commands: the only file that prints and, with `options.py`, that reads arguments."""

import io
import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lesion import __version__
from lesion.errors import LesionError
from lesion.options import (
    AsJson,
    Data,
    Device,
    Engine,
    Format,
    Kind,
    Limit,
    LoadDtype,
    Models,
    Out,
    Precision,
    Quick,
    RunFolder,
    StudyName,
    What,
    Workers,
)
from lesion.printing import print_answer, print_names, print_plan

if TYPE_CHECKING:
    from lesion.results import Run
    from lesion.study.study import Study

app = typer.Typer(
    help="Damage language models on purpose, and measure what survives.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
err = Console(stderr=True, highlight=False)
aside = Console(stderr=True, highlight=False)  # what goes on meanwhile; silent with --quiet


def _hush(quiet: bool) -> bool:
    aside.quiet = quiet
    return quiet


def _version(asked: bool) -> None:
    if asked:
        out.print(f"lesion {__version__}")
        raise typer.Exit


Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print errors and the answer alone.", callback=_hush)
]


@app.callback()
def lesion(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Damage language models on purpose, and measure what survives."""


@app.command()
def demo(
    out_: Annotated[Path, typer.Option("--out")] = Path("runs/demo"),
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Run a small study on built-in models (no network, two minutes)."""
    from lesion.study.files import find_study

    _run(find_study("demo"), out_, workers=workers)


@app.command()
def run(
    study: StudyName,
    out: Out = None,
    data: Data = None,
    quick: Quick = False,
    limit: Limit = None,
    models: Models = None,
    device: Device = "cpu",
    precision: Annotated[Precision | None, typer.Option(help="How models compute.")] = None,
    load_dtype: Annotated[
        LoadDtype, typer.Option(help="What weights are cast to; stored: nothing.")
    ] = LoadDtype.float32,
    workers: Workers = None,
    engine: Annotated[Engine, typer.Option(help="This machine, or a Ray cluster.")] = Engine.local,
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster.")] = None,
    resources: Annotated[
        str, typer.Option(help="Of a cluster, for each worker: cpu=1,memory=8e9.")
    ] = "",
    quiet: Quiet = False,
) -> None:
    """Run a study. Run it again to resume."""
    found = _study(study, quick, models, limit)
    if precision:
        found = replace(found, precision=precision.value)
    _run(
        found, out or Path("runs") / found.name, data=data, device=device, workers=workers,
        engine=engine.value, address=address, resources=resources, load_dtype=load_dtype.value,
    )  # fmt: skip


@app.command()
def check(
    study: StudyName,
    data: Data = None,
    quick: Quick = False,
    limit: Limit = None,
    models: Models = None,
    workers: Workers = None,
) -> None:
    """Validate and try a study: what it would run, how long, in how much memory.

    Exit code 2 if anything of it cannot run.
    """
    from lesion.running.check import plan

    report = plan(_study(study, quick, models, limit), data, workers)
    print_plan(out, report)
    for problem in report.problems:
        err.print(f"lesion: {problem}", style="red", markup=False, soft_wrap=True)
    if report.problems:
        raise typer.Exit(2)


@app.command()
def status(run: RunFolder) -> None:
    """How far a run is."""
    from lesion.results import Run

    found = Run(run)
    done, total = found.progress()
    out.print(f"{found.study.name}: {done} of {total} trials are done.")
    if done < total:
        again = _again(run, {"load_dtype": found.load_dtype})
        out.print(f"Resume with: {again}", markup=False, soft_wrap=True)


@app.command()
def show(run: RunFolder, as_json: AsJson = False) -> None:
    """Curves, summary and verdicts of a run."""
    from lesion.results import Run

    found = Run(run)
    _warn(found)
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2, allow_nan=False) + "\n")
    else:
        print_answer(out, found)


@app.command()
def report(
    run: RunFolder,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Metric that the figures show; may be repeated [default: the study's]."),
    ] = None,
) -> None:
    """Write the figures and `curves.csv` of a run again."""
    from lesion.results import Run

    found = Run(run)
    _warn(found)
    for path in found.write_report(metric or ()):
        out.print(str(path), markup=False)


@app.command()
def export(
    run: RunFolder,
    what: Annotated[What, typer.Option(help="Which table.")] = What.curves,
    as_: Annotated[Format, typer.Option("--format", help="The file's form.")] = Format.csv,
    to: Annotated[Path | None, typer.Option(help="File [default: standard output].")] = None,
    data: Data = None,
) -> None:
    """A table of a run as CSV, Parquet or JSON."""
    from lesion.analysis.frames import as_json, flat
    from lesion.outputs import writing
    from lesion.results import Run

    if as_ is Format.parquet and to is None:
        raise LesionError("--format parquet needs a file: add --to FILE.")
    frame = Run(run).table(what.value, data=data, note=lambda line: err.print(line, markup=False))
    if as_ is Format.parquet and to is not None:
        with writing(to, "--to"):
            flat(frame).to_parquet(to, index=False)
        return
    text = flat(frame).to_csv(index=False) if as_ is Format.csv else as_json(frame)
    if to is not None:
        with writing(to, "--to"):
            to.write_text(text, encoding="utf-8")
        return
    _in_utf8()
    sys.stdout.write(text)


@app.command()
def finetune(
    study: StudyName,
    to: Annotated[Path, typer.Option(help="Folder for the fine-tuned models.")],
    data: Data = None,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """Train the heads of a study's models, and keep them as ordinary model folders."""
    from lesion.progress import Meter
    from lesion.running.heads import finetune_study
    from lesion.study.files import find_study

    again = f"lesion finetune {study} --to {to}" + (f" --data {data}" if data else "")
    with _interruptible(again), Meter(aside, 0) as meter:
        for path in finetune_study(find_study(study), to, data, device, meter):
            out.print(str(path), markup=False)


@app.command()
def pretrain(
    config: Annotated[Path, typer.Argument(help="Family to train (YAML).")],
    out_: Annotated[Path, typer.Option("--out", help="Folder for the twins.")],
    texts: Annotated[Path | None, typer.Option(help="Where its text files are.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="A twin's name; may be repeated.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = 1,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """Train a family of masked language models from text; again to resume."""
    from lesion.pretraining.command import pretrain_family
    from lesion.progress import Reading

    again = f"lesion pretrain {config} --out {out_}" + (f" --texts {texts}" if texts else "")
    with _interruptible(again):
        for path in pretrain_family(
            config, out_, texts, only or (), workers, device, Reading(aside)
        ):
            out.print(str(path), markup=False)


@app.command("list")
def list_(kind: Kind) -> None:
    """List models, tasks, lesions or studies."""
    from lesion.study.catalogue import catalogue

    print_names(out, catalogue(kind.value))


@app.command()
def schema() -> None:
    """The JSON schema of a study, for editors."""
    from lesion.study.json_schema import study_schema

    sys.stdout.write(json.dumps(study_schema(), indent=2) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Entry point: a user's mistake is one message and exit code 2."""
    _print_anything()
    try:
        app(arguments)
    except LesionError as error:
        err.print(f"lesion: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)


def _print_anything() -> None:
    """Where the locale lacks a letter, print a question mark instead of failing after the work.

    Only a terminal is held to its encoding: files and pipes get UTF-8.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


def _in_utf8() -> None:
    """Data are never changed to fit an encoding, not even a terminal's."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")


def _study(name: str, quick: bool, models: str | None, limit: int | None) -> "Study":
    from lesion.study import variants
    from lesion.study.files import find_study

    found = find_study(name)
    found = variants.quick(found) if quick else found
    found = variants.limited(found, limit) if limit else found
    return variants.on_models(found, models) if models else found


def _run(study: "Study", folder: Path, **options: Any) -> None:
    """Run a study with the options of `run`, by their names."""
    from lesion import api
    from lesion.progress import Meter
    from lesion.record.record import FILE
    from lesion.running.backends import read_resources

    for note in study.notes():
        aside.print(note, markup=False)
    missing = api.missing_trials(study, folder)
    again = _again(folder, options)
    options["resources"] = read_resources(options.get("resources", ""))
    meter = Meter(aside, missing, api.intact_line(study, folder))
    with _interruptible(again, folder / FILE), meter:
        found = api.run(study, folder, watcher=meter, **options)
    print_answer(out, found)
    for path in found.write_report():
        aside.print(f"wrote {path}", markup=False)


def _again(folder: Path, options: dict[str, Any]) -> str:
    """The command that resumes a run, with the options that are not at their defaults."""
    silent = ("cpu", "local", "float32", "", None)
    said = {name.replace("_", "-"): of for name, of in options.items() if of not in silent}
    typed = [part for name, value in said.items() for part in (f"--{name}", str(value))]
    return shlex.join(["lesion", "run", str(folder / "study.yaml"), "--out", str(folder), *typed])


def _warn(found: "Run") -> None:
    """Of sources that have changed since they were scored."""
    for line in found.changes():
        err.print(f"Warning: {line}", markup=False, soft_wrap=True)


@contextmanager
def _interruptible(again: str, begun: Path | None = None) -> Iterator[None]:
    """Ctrl-C ends a command with how to go on; `begun` is there once there is something to keep."""
    from lesion.progress import Stop

    try:
        with Stop.on_ctrl_c():
            yield
    except KeyboardInterrupt:
        if begun is not None and not begun.is_file():
            err.print("\nStopped before the first trial. Give the same command again.")
            sys.exit(130)
        err.print("\nStopped. Everything finished is kept. Resume with:", markup=False)
        err.print(f"  {again}", markup=False, soft_wrap=True)
        sys.exit(130)

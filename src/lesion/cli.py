"""The commands: the only file that prints and, with `options.py`, that reads arguments."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lesion import __version__
from lesion.errors import LesionError
from lesion.options import (
    DEFAULT_DTYPE,
    DEFAULT_ENGINE,
    AsJson,
    Computing,
    Data,
    Device,
    Engine,
    Format,
    Limit,
    ListKind,
    LoadDtype,
    Models,
    Out,
    Over,
    Precision,
    Quick,
    RunFolder,
    StudyName,
    TableName,
    Workers,
)
from lesion.printing import (
    print_names,
    print_plan,
    print_preview,
    print_registration,
    print_results,
    print_unfinished,
)

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
stdout = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
stderr = Console(stderr=True, highlight=False)
aside = Console(stderr=True, highlight=False)  # progress and notes; silent with --quiet


def _hush(quiet: bool) -> bool:
    aside.quiet = quiet
    return quiet


def _version(requested: bool) -> None:
    if requested:
        stdout.print(f"lesion {__version__}")
        raise typer.Exit


Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print only errors and results.", callback=_hush)
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
    precision: Computing = None,
    load_dtype: Annotated[
        LoadDtype, typer.Option(help="Format of the loaded weights; stored: the checkpoint's.")
    ] = DEFAULT_DTYPE,
    workers: Workers = None,
    engine: Annotated[
        Engine, typer.Option(help="Where workers run: this machine or a Ray cluster.")
    ] = DEFAULT_ENGINE,
    address: Annotated[str | None, typer.Option(help="Address of a Ray cluster.")] = None,
    resources: Annotated[
        str, typer.Option(help="Resources of each worker on a cluster: cpu=1,memory=8e9.")
    ] = "",
    quiet: Quiet = False,
) -> None:
    """Run a study. Run it again to resume."""
    chosen = _study(study, quick, models, limit, precision)
    _run(
        chosen, out or Path("runs") / chosen.name, data=data, device=device, workers=workers,
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

    The exit code is 2 if any part of it cannot run.
    """
    from lesion.running.check import preview

    report = preview(_study(study, quick, models, limit), data, workers)
    print_preview(stdout, report)
    for problem in report.problems:
        stderr.print(f"lesion: {problem}", style="red", markup=False, soft_wrap=True)
    if report.problems:
        raise typer.Exit(2)


@app.command()
def plan(
    study: StudyName,
    until: Annotated[
        float | None,
        typer.Option(help="Half-width of each 95% interval [default: the margin of the study]."),
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Time to spend, instead of --until.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder of a run, instead of a pilot.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the pilot [default: runs/NAME-pilot].")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="File for the planned study.")] = None,
    data: Data = None,
    models: Models = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Find what a study should spend on draws, examples and seeds, from a pilot.

    The exit code is 1 if no design within reach is good enough.
    """
    from lesion.outputs import writing
    from lesion.planning import plan
    from lesion.progress import Meter
    from lesion.study.files import write_study

    with Meter(aside) as meter:
        planned = plan(
            _study(study, False, models, None), until, hours, record=record, out=out, data=data,
            workers=workers, watcher=meter,
        )  # fmt: skip
    print_plan(stdout, planned)
    if planned.result is None:
        raise typer.Exit(1)
    if to is not None:
        with writing(to, "--to"):
            to.write_text(write_study(planned.result), encoding="utf-8")
        aside.print(f"wrote {to}", markup=False)


@app.command()
def register(
    study: StudyName,
    to: Annotated[
        Path | None, typer.Option(help="File for the JSON that the digest is of.")
    ] = None,
    quick: Quick = False,
    limit: Limit = None,
    models: Models = None,
    precision: Computing = None,
) -> None:
    """Print a digest of hypotheses, margins and design, to cite before a run.

    It is of the resolved study with compare, without paths and figures, and the same on every
    machine.
    """
    from lesion import api

    registered = api.register(_study(study, quick, models, limit, precision), to)
    print_registration(stdout, registered)
    if to is not None:
        stdout.print(f"wrote {to}", markup=False)


@app.command()
def status(run: RunFolder) -> None:
    """Show how far a run is."""
    from lesion.progress import resume_command
    from lesion.results import Run

    with Run(run) as opened:
        done, total = opened.progress()
        stdout.print(f"{opened.study.name}: {done} of {total} trials are done.")
        if done < total:
            command = resume_command(run, {"load_dtype": opened.load_dtype})
            stdout.print(f"Resume with: {command}", markup=False, soft_wrap=True)


@app.command()
def show(run: RunFolder, as_json: AsJson = False) -> None:
    """Show curves, summary and verdicts of a run."""
    from lesion.results import Run

    with Run(run) as opened:
        _warn(opened)
        if as_json:
            sys.stdout.write(json.dumps(opened.as_json(), indent=2, allow_nan=False) + "\n")
        else:
            print_unfinished(stdout, opened)
            print_results(stdout, opened)


@app.command()
def report(
    run: RunFolder,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Metric that the figures show; may be repeated [default: the study's]."),
    ] = None,
    over: Annotated[
        Over | None, typer.Option(help="Axis of the curves [default: the study's, else dose].")
    ] = None,
) -> None:
    """Write the figures and `curves.csv` of a run again."""
    from lesion.report.provenance import changed
    from lesion.results import Run

    with Run(run) as opened:
        _warn(opened)
        for line in changed(opened.history):
            stderr.print(line, markup=False, soft_wrap=True)
        for path in opened.write_report(metric or (), over or ""):
            stdout.print(str(path), markup=False)


@app.command()
def export(
    run: RunFolder,
    what: Annotated[TableName, typer.Option(help="Which table.")] = TableName.curves,
    as_: Annotated[Format, typer.Option("--format", help="Format of the file.")] = Format.csv,
    to: Annotated[Path | None, typer.Option(help="File [default: standard output].")] = None,
    data: Data = None,
) -> None:
    """Write a table of a run as CSV, Parquet or JSON."""
    from lesion.analysis.frames import as_json, flat
    from lesion.outputs import writing
    from lesion.results import Run

    if as_ is Format.parquet and to is None:
        raise LesionError("--format parquet needs a file: add --to FILE.")
    with Run(run) as opened:
        frame = opened.table(
            what.value, data=data, note=lambda line: stderr.print(line, markup=False)
        )
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
    from lesion.progress import Meter, interruptible
    from lesion.running.heads import finetune_study
    from lesion.study.files import find_study

    command = f"lesion finetune {study} --to {to}" + (f" --data {data}" if data else "")
    with interruptible(stderr, command), Meter(aside) as meter:
        for path in finetune_study(find_study(study), to, data, device, meter):
            stdout.print(str(path), markup=False)


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
    """Train a family of masked language models from text. Run it again to resume."""
    from lesion.pretraining.command import pretrain_family
    from lesion.progress import PretrainingMeter, interruptible

    command = f"lesion pretrain {config} --out {out_}" + (f" --texts {texts}" if texts else "")
    with interruptible(stderr, command):
        for path in pretrain_family(
            config, out_, texts, only or (), workers, device, PretrainingMeter(aside)
        ):
            stdout.print(str(path), markup=False)


@app.command("list")
def list_(kind: ListKind) -> None:
    """List models, tasks, lesions or studies."""
    from lesion.study.catalogue import catalogue

    print_names(stdout, catalogue(kind.value))


@app.command()
def schema() -> None:
    """Print the JSON schema of a study, for editors."""
    from lesion.study.json_schema import study_schema

    sys.stdout.write(json.dumps(study_schema(), indent=2) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Entry point: a user's mistake is one message and exit code 2."""
    _print_anything()
    try:
        app(arguments)
    except LesionError as error:
        stderr.print(f"lesion: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)


def _print_anything() -> None:
    """Print a question mark for a letter that the locale lacks, instead of failing after the work.

    Only a terminal keeps its encoding: files and pipes get UTF-8.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


def _in_utf8() -> None:
    """Data are never changed to fit an encoding, not even a terminal's."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")


def _study(
    name: str,
    quick: bool,
    models: str | None,
    limit: int | None,
    precision: Precision | None = None,
) -> "Study":
    from lesion.study import variants
    from lesion.study.files import find_study

    study = find_study(name)
    study = variants.quick(study) if quick else study
    study = variants.limited(study, limit) if limit else study
    study = replace(study, precision=precision.value) if precision else study
    return variants.on_models(study, models) if models else study


def _run(study: "Study", folder: Path, **options: Any) -> None:
    """Run a study with the options of `run`, by their names."""
    from lesion import api
    from lesion.progress import Meter, interruptible, resume_command
    from lesion.record.record import FILE
    from lesion.running.options import parse_resources

    for note in study.notes():
        aside.print(note, markup=False)
    command = resume_command(folder, options)
    options["resources"] = parse_resources(options.get("resources", ""))
    with interruptible(stderr, command, folder / FILE), Meter(aside) as meter:
        run = api.run(study, folder, watcher=meter, **options)
    with run:
        print_results(stdout, run)
        for path in run.write_report():
            aside.print(f"wrote {path}", markup=False)


def _warn(run: "Run") -> None:
    """Print which sources have changed since they were scored."""
    for line in run.changes():
        stderr.print(f"Warning: {line}", markup=False, soft_wrap=True)

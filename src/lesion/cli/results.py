"""Commands on the results of a run: show, report, export."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from lesion.cli.shell import in_utf8, stderr, stdout, warn
from lesion.errors import LesionError
from lesion.options import (
    AsJson,
    Data,
    Format,
    Over,
    RunFolder,
    TableName,
)
from lesion.printing import print_results, print_unfinished


def show(run: RunFolder, as_json: AsJson = False) -> None:
    """Show curves, summary and verdicts of a run."""
    from lesion.results import Run

    with Run(run) as opened:
        warn(opened)
        if as_json:
            sys.stdout.write(json.dumps(opened.as_json(), indent=2, allow_nan=False) + "\n")
        else:
            print_unfinished(stdout, opened)
            print_results(stdout, opened)


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
        warn(opened)
        for line in changed(opened.history):
            stderr.print(line, markup=False, soft_wrap=True)
        for path in opened.write_report(metric or (), over or ""):
            stdout.print(str(path), markup=False)


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
    in_utf8()
    sys.stdout.write(text)

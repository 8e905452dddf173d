"""Commands before a run: plan and register."""

from pathlib import Path
from typing import Annotated

import typer

from lesion.cli.shell import Quiet, aside, stdout, study_of
from lesion.options import (
    Computing,
    Data,
    Limit,
    Models,
    Quick,
    StudyName,
    Workers,
)
from lesion.printing import print_plan, print_registration


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
    from lesion.planning.plan import plan
    from lesion.progress import Meter
    from lesion.study.files import write_study

    with Meter(aside) as meter:
        planned = plan(
            study_of(study, False, models, None), until, hours, record=record, out=out, data=data,
            workers=workers, watcher=meter,
        )  # fmt: skip
    print_plan(stdout, planned)
    if planned.result is None:
        raise typer.Exit(1)
    if to is not None:
        with writing(to, "--to"):
            to.write_text(write_study(planned.result), encoding="utf-8")
        aside.print(f"wrote {to}", markup=False)


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

    registered = api.register(study_of(study, quick, models, limit, precision), to)
    print_registration(stdout, registered)
    if to is not None:
        stdout.print(f"wrote {to}", markup=False)

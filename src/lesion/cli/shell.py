"""What all commands share: consoles, the study of an argument, a run that is printed."""

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lesion.options import Precision
from lesion.printing import print_results

if TYPE_CHECKING:
    from lesion.results import Run
    from lesion.study.study import Study

stdout = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
stderr = Console(stderr=True, highlight=False)
aside = Console(stderr=True, highlight=False)  # progress and notes; silent with --quiet


def _hush(quiet: bool) -> bool:
    aside.quiet = quiet
    return quiet


Quiet = Annotated[
    bool, typer.Option("--quiet", help="Print only errors and results.", callback=_hush)
]


def print_anything() -> None:
    """Print a question mark for a letter that the locale lacks, instead of failing after the work.

    Only a terminal keeps its encoding: files and pipes get UTF-8.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


def in_utf8() -> None:
    """Data are never changed to fit an encoding, not even a terminal's."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")


def study_of(
    name: str,
    quick: bool,
    models: str | None,
    limit: int | None,
    precision: Precision | None = None,
) -> "Study":
    """The study of a command's argument, smaller or on other models where options say so."""
    from lesion.study import variants
    from lesion.study.files import find_study

    study = find_study(name)
    study = variants.quick(study) if quick else study
    study = variants.limited(study, limit) if limit else study
    study = replace(study, precision=precision.value) if precision else study
    return variants.on_models(study, models) if models else study


def run_study(study: "Study", folder: Path, **options: Any) -> None:
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


def warn(run: "Run") -> None:
    """Print which sources have changed since they were scored."""
    for line in run.changes():
        stderr.print(f"Warning: {line}", markup=False, soft_wrap=True)

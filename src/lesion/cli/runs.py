"""Commands that run studies and training: demo, run, check, status, finetune, pretrain."""

from pathlib import Path
from typing import Annotated

import typer

from lesion.cli.shell import Quiet, aside, run_study, stderr, stdout, study_of
from lesion.options import (
    DEFAULT_DTYPE,
    DEFAULT_ENGINE,
    Computing,
    Data,
    Device,
    Engine,
    Limit,
    LoadDtype,
    Models,
    Out,
    Quick,
    RunFolder,
    StudyName,
    Workers,
)
from lesion.printing import print_preview


def demo(
    out_: Annotated[Path, typer.Option("--out")] = Path("runs/demo"),
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Run a small study on built-in models (no network, two minutes)."""
    from lesion.study.files import find_study

    run_study(find_study("demo"), out_, workers=workers)


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
    chosen = study_of(study, quick, models, limit, precision)
    run_study(
        chosen, out or Path("runs") / chosen.name, data=data, device=device, workers=workers,
        engine=engine.value, address=address, resources=resources, load_dtype=load_dtype.value,
    )  # fmt: skip


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

    report = preview(study_of(study, quick, models, limit), data, workers)
    print_preview(stdout, report)
    for problem in report.problems:
        stderr.print(f"lesion: {problem}", style="red", markup=False, soft_wrap=True)
    if report.problems:
        raise typer.Exit(2)


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

"""The options that several commands of the command line share, and their words."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

StudyName = Annotated[str, typer.Argument(help="Study file, or name of a shipped study.")]
RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.")]
Out = Annotated[Path | None, typer.Option(help="Folder of the run [default: runs/NAME].")]
Data = Annotated[Path | None, typer.Option(help="Folder with data in GLUE's own layout.")]
Quick = Annotated[bool, typer.Option("--quick", help="A coarse grid with few draws.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Score at most so many of each task.")]
Models = Annotated[
    str | None, typer.Option(help="Model, or folder of models, to use instead of the study's.")
]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes, one thread each [default: one a core; one for a GPU]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


Kind = StrEnum("Kind", ["models", "tasks", "lesions", "studies"])
What = StrEnum(
    "What",
    ["trials", "curves", "summary", "examples", "sites", "verdicts", "diagnoses", "scores"],
)
Engine = StrEnum("Engine", ["local", "ray"])
Precision = StrEnum("Precision", ["float32", "tf32", "bf16"])
LoadDtype = StrEnum("LoadDtype", ["float32", "stored"])
Format = StrEnum("Format", ["csv", "parquet", "json"])

"""Options that several commands share, and their values."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesion.models.dtypes import LOAD_DTYPES, PRECISIONS
from lesion.running.options import ENGINES

StudyName = Annotated[str, typer.Argument(help="Study file, or name of a shipped study.")]
RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.")]
Out = Annotated[Path | None, typer.Option(help="Folder of the run [default: runs/NAME].")]
Data = Annotated[Path | None, typer.Option(help="Folder with data in GLUE's own layout.")]
Quick = Annotated[bool, typer.Option("--quick", help="Run a coarse grid with few draws.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Number of examples of each task at most.")]
Models = Annotated[
    str | None, typer.Option(help="Model, or folder of models, to use instead of the study's.")
]
Device = Annotated[str, typer.Option(help="Device of the models: cpu, cuda or cuda:1.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes, one thread each [default: one a core; one for a GPU]."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# Enumerations are made from the tables that own the words; a type checker cannot read them there.
if TYPE_CHECKING:

    class Engine(StrEnum):
        """`ENGINES`."""

    class Precision(StrEnum):
        """`PRECISIONS`."""

    class LoadDtype(StrEnum):
        """`LOAD_DTYPES`."""
else:
    Engine = StrEnum("Engine", list(ENGINES))
    Precision = StrEnum("Precision", list(PRECISIONS))
    LoadDtype = StrEnum("LoadDtype", list(LOAD_DTYPES))
Computing = Annotated[Precision | None, typer.Option(help="Precision of computing.")]
DEFAULT_ENGINE, DEFAULT_DTYPE = Engine("local"), LoadDtype("float32")

Over = StrEnum("Over", ["dose", "damage"])
ListKind = StrEnum("ListKind", ["models", "tasks", "lesions", "studies"])
TableName = StrEnum(
    "TableName",
    [
        "trials", "curves", "summary", "examples", "sites", "verdicts", "diagnoses", "scores",
        "survival", "survival_tests",
    ],
)  # fmt: skip
Format = StrEnum("Format", ["csv", "parquet", "json"])

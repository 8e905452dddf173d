"""The command line; besides this folder, only `options.py` reads arguments, and nothing prints."""

import sys
from typing import Annotated

import typer

from lesion import __version__
from lesion.cli import before, names, runs
from lesion.cli import results as of_results
from lesion.cli.shell import print_anything, stderr, stdout
from lesion.errors import LesionError

app = typer.Typer(
    help="Damage language models on purpose, and measure what survives.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(requested: bool) -> None:
    if requested:
        stdout.print(f"lesion {__version__}")
        raise typer.Exit


@app.callback()
def lesion(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Damage language models on purpose, and measure what survives."""


for command in (
    runs.demo, runs.run, runs.check, before.plan, before.register, runs.status,
    of_results.show, of_results.report, of_results.export, runs.finetune, runs.pretrain,
):  # fmt: skip
    app.command()(command)
app.command("list")(names.list_)
app.command()(names.schema)


def main(arguments: list[str] | None = None) -> None:
    """Entry point: a user's mistake is one message and exit code 2."""
    print_anything()
    try:
        app(arguments)
    except LesionError as error:
        stderr.print(f"lesion: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)

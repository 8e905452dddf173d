"""What commands print: the answer of a run, and tables of names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lesion.results import Run
    from lesion.running.check import Plan


def print_answer(out: Console, found: "Run") -> None:
    """Curves, summary and verdicts."""
    from lesion.report.tables import cut_texts, diagnoses, summary_tables
    from lesion.report.verdicts import over_all, remarks, verdict_tables

    done, total = found.progress()
    if done < total:
        out.print(
            f"{found.study.name} is not finished: {done} of {total} trials are done. What follows "
            "is of its complete draws.",
            style="yellow",
        )
        out.print()
    if not found.analyses:
        out.print("No draw is finished yet.")
        return
    compared = verdict_tables(found.verdicts, found.study.compare.also)
    said = [*over_all(found.meta), *remarks(found.verdicts, found.dissociations)]
    notes = [*diagnoses(found.analyses), *cut_texts(found.cuts, found.study)]
    tables, below = (summary_tables(found.analyses), compared), (notes, said)
    for some, lines in zip(tables, below, strict=True):
        for table in some:
            out.print(table)
            out.print()
        for line in lines:
            out.print(line)
        if lines:
            out.print()


def print_plan(out: Console, plan: "Plan") -> None:
    """What a study would run."""
    from lesion.running.check import HEADINGS

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("model", "task") else "right")
    for row in plan.rows:
        table.add_row(*map(Text, row))
    out.print(table)
    for line in plan.lines:
        out.print(line, markup=False)


def print_names(out: Console, lists: Mapping[str, Mapping[str, str]]) -> None:
    """Headed lists of names, with a line on each."""
    for title, entries in lists.items():
        table = Table(box=None, pad_edge=False, show_header=False, title=title or None)
        table.title_justify = "left"
        for name, about in entries.items():
            table.add_row(Text(name, style="bold"), Text(about))
        out.print(table)

"""What commands print: the results of a run, and tables of names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lesion.planning.plan import Plan
    from lesion.results import Run
    from lesion.running.check import Preview
    from lesion.study.registration import Registration

KEEPING = (
    "A run of this study keeps the digest, and lesion show says whether the study is still the "
    "same."
)


def print_unfinished(stdout: Console, run: "Run") -> None:
    """A sentence above the results of a run that is not finished."""
    done, total = run.progress()
    if done < total:
        stdout.print(
            f"{run.study.name} is not finished: {done} of {total} trials are done. What follows "
            "is of its complete draws.",
            style="yellow",
        )
        stdout.print()


def print_results(stdout: Console, run: "Run") -> None:
    """Curves, summary and verdicts; and whether they are what was meant before the data."""
    from lesion.report.provenance import provenance
    from lesion.report.reach import uneven_reach
    from lesion.report.remarks import over_all, remarks
    from lesion.report.survival import survival_lines
    from lesion.report.tables import cut_texts, diagnoses, summary_tables
    from lesion.report.verdicts import verdict_tables, view_tables

    if not run.analyses:
        stdout.print("No draw is finished yet.")
        return
    compared = verdict_tables(run.verdicts, run.study.compare.also) + view_tables(run.verdicts)
    slices = [analysis for of_column in run.slices.values() for analysis in of_column]
    remarked = [*over_all(run.meta), *remarks(run.verdicts, run.dissociations)]
    health = [*diagnoses([*run.analyses, *slices]), *survival_lines(run.analyses)]
    notes = [*health, *cut_texts(run.cuts, run.study), *map(Text, run.notes)]
    notes += map(Text, uneven_reach(run.analyses))
    digest = run.record.registered()
    traced = [*map(Text, provenance(digest, run.departures, run.history, run.unrecorded))]
    summarised = [*summary_tables(run.analyses), *summary_tables(slices)]
    sections = ((summarised, notes), (compared, remarked))
    for tables, lines in (*sections, (list[Table](), traced)):
        for table in tables:
            stdout.print(table)
            stdout.print()
        for line in lines:
            stdout.print(line)
        if lines:
            stdout.print()


def print_preview(stdout: Console, preview: "Preview") -> None:
    """What a study would run."""
    from lesion.report.preview import preview_lines, preview_table

    stdout.print(preview_table(preview))
    for line in preview_lines(preview):
        stdout.print(line, markup=False)


def print_plan(stdout: Console, plan: "Plan") -> None:
    """What a study should spend."""
    from lesion.report.plan import plan_lines, plan_tables

    for table in plan_tables(plan):
        stdout.print(table)
        stdout.print()
    for line in plan_lines(plan):
        stdout.print(line, markup=False)


def print_registration(stdout: Console, registered: "Registration") -> None:
    """A digest, and how it is cited."""
    stdout.print(f"Digest: {registered.digest}", markup=False)
    stdout.print(f"Cite it as: {registered.citation}", markup=False, soft_wrap=True)
    for note in (*registered.notes, KEEPING):
        stdout.print(note, markup=False, soft_wrap=True)


def print_names(stdout: Console, lists: Mapping[str, Mapping[str, str]]) -> None:
    """Headed lists of names, with a line on each."""
    for title, entries in lists.items():
        table = Table(box=None, pad_edge=False, show_header=False, title=title or None)
        table.title_justify = "left"
        for name, doc in entries.items():
            table.add_row(Text(name, style="bold"), Text(doc))
        stdout.print(table)

"""Tables of comparisons for the terminal, a row each; `remarks` has what is below them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from lesion.report.numbers import d50_difference, d50_ratio, ends, signed

if TYPE_CHECKING:
    from lesion.analysis.halves import HalfLost
    from lesion.analysis.rates import Rate
    from lesion.analysis.verdict import Beside, Verdict

DIFFERENCE = "difference: of retained area, the second minus the first, with its 95% interval."
RATES = "initial slope, steepness: skill lost per unit of dose (on a log scale, per decade). "
ALSO = {"d50": "D50", "initial_slope": "initial slope", "steepness": "steepness"}
CANNOT_TELL_NOTE = (
    "cannot tell: 7 models — about 7 models per group would be enough. ×5 — five times as many "
    "models, draws and examples would be."
)
ASKED = {  # what a table of areas answers
    "model": "which retains more",
    "group": "which retains more",
    "lesion": "under which lesion more is retained",
    "task": "on which task more is retained",
}

Row = tuple["Verdict", Sequence[str | Text]]


def verdict_tables(verdicts: "Sequence[Verdict]", also: Sequence[str] = ()) -> list[Table]:
    """One table per family and task: a row per comparison; more for rates and a dose.

    Differences are the second minus the first. Comparisons without a difference are in `remarks`.

    Args:
        also: the quantities of one more table, of `lesion.study.comparison.BESIDE`.
    """
    tables = []
    for family, task in dict.fromkeys((v.family, v.task) for v in verdicts):
        of_task = [v for v in verdicts if (v.family, v.task) == (family, task)]
        finite = [v for v in of_task if np.isfinite(v.delta)]
        if finite:
            tables.append(_areas(finite))
        if finite and also:
            tables.append(_rates(finite, also))
        at_dose = [v for v in finite if v.at_dose is not None]
        if at_dose:
            tables.append(_at_dose(at_dose))
    return tables


def view_tables(verdicts: "Sequence[Verdict]") -> list[Table]:
    """The same comparisons from other sides, where that matters: a table per family and task."""
    cells: dict[tuple[str, str], list[tuple[Verdict, Beside]]] = {}
    for v in verdicts:
        for view in _views(v) if np.isfinite(v.delta) else ():
            cells.setdefault((v.family, v.task), []).append((v, view))
    return [_other_views(views) for views in cells.values()]


def _areas(verdicts: "Sequence[Verdict]") -> Table:
    many = verdicts[0].comparisons > 1

    def cells(v: "Verdict") -> list[str | Text]:
        p = v.p_equivalent_holm if v.outcome == "equivalent" else v.p_holm
        more: list[str | Text] = [ends(v.lo_holm, v.hi_holm)] if many else []
        return [signed(v.delta, v.lo, v.hi), f"{p:.3f}", *more, _verdict(v)]

    headings = ("difference", "p", *(["corrected"] if many else []), "verdict")
    table = _by_place(ASKED[verdicts[0].between], headings, [(v, cells(v)) for v in verdicts])
    table.caption, table.caption_justify = " ".join(_notes(verdicts)), "left"
    return table


def _notes(verdicts: "Sequence[Verdict]") -> list[str]:
    """What stands below a table of areas."""
    first, notes = verdicts[0], [DIFFERENCE]
    if first.comparisons > 1:
        family = first.family or f"{first.comparisons} comparisons"
        notes.append(f"p, corrected (interval): by Holm over the {family}.")
    if any(v.outcome == "equivalent" for v in verdicts):
        notes.append(
            f"equivalent: within {first.margin:g} (margin: {first.margin_reason}); its p is of a "
            "difference of the margin or more, at most 0.025."
        )
    elif first.margin_reason != "given":
        notes.append(f"margin: {first.margin:g} ({first.margin_reason}).")
    if any(v.outcome == "cannot tell" for v in verdicts):
        notes.append(CANNOT_TELL_NOTE)
    return notes


def _rates(verdicts: "Sequence[Verdict]", also: Sequence[str]) -> Table:
    """A row per comparison and quantity; D50 has two, its difference and its ratio."""
    rows: list[Row] = []
    for v in verdicts:
        if "d50" in also and v.d50 is not None:
            rows.append((v, ("D50", d50_difference(v.d50), "", "")))
        if "d50" in also and v.d50_ratio is not None:
            half = v.d50_ratio
            rows.append((v, ("D50 ratio", d50_ratio(half), _p(half.p_holm), _slower(v, half))))
        rows += [
            (v, (ALSO[rate.quantity], _difference(*rate[1:4]), _p(rate.p_holm), _slower(v, rate)))
            for rate in v.rates
            if rate.quantity in also
        ]
    headings = ("of", "difference", "p", "lower rate")
    table = _by_place("which loses skill at a lower rate", headings, rows)
    table.caption, table.caption_justify = RATES + "p: after Holm's correction in each.", "left"
    return table


def _difference(value: float, lo: float, hi: float) -> str:
    return "undefined" if np.isnan(value) else signed(value, lo, hi)


def _p(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _slower(v: "Verdict", rate: "Rate | HalfLost") -> Text:
    names = {"a": v.a, "b": v.b}
    style = "bold" if rate.outcome in names else ""
    return Text(names.get(rate.outcome, rate.answer), style=style)


def _at_dose(verdicts: "Sequence[Verdict]") -> Table:
    rows: list[Row] = []
    for v in verdicts:
        assert v.at_dose is not None
        answers = ("", "")
        if v.answers is not None:
            p = _least(v.answers.p_holm, v.answers.p)
            answers = f"{v.answers.delta:+.3f}", f"{p} ({v.answers.method})"
        skill = (signed(*v.at_dose), _p(v.p_at_dose_holm))
        rows.append((v, (*skill, f"{v.dose:g}", *answers)))
    headings = ("skill", "p", "dose", "right answers", "p")
    table = _by_place("differences at one dose", headings, rows)
    if verdicts[0].comparisons > 1:
        note = "p: after Holm's correction over the family, for skill and for right answers."
        table.caption, table.caption_justify = note, "left"
    return table


def _least(corrected: float, alone: float) -> str:
    """The corrected p, or the p alone where it is in no family."""
    return f"{alone if np.isnan(corrected) else corrected:.3f}"


def _views(v: "Verdict") -> "list[Beside]":
    """The views that a comparison needs: points where intact scores differ, and all others."""
    points = [v.absolute] if v.absolute is not None and v.warning else []
    return points + [view for view in (v.with_dead, v.equal_intact) if view is not None]


def _other_views(views: "Sequence[tuple[Verdict, Beside]]") -> Table:
    rows: list[Row] = [
        (v, (Text(view.quantity), signed(*view[1:4]), f"{view.p_holm:.3f}", _answer(view)))
        for v, view in views
    ]
    headings = ("of", "difference", "p", "verdict")
    table = _by_place("the same comparisons from other sides", headings, rows)
    note = "p: after Holm's correction over those of the family that have the same view."
    table.caption, table.caption_justify = note, "left"
    return table


def _answer(view: "Beside") -> Text:
    return Text(view.answer, style="bold" if view.outcome != "cannot tell" else "")


def _by_place(title: str, headings: Sequence[str], rows: Iterable[Row]) -> Table:
    """A table of one task; the rows of a lesion, or of a model or group, are under its name."""
    rows = list(rows)
    task = rows[0][0].task if rows else ""
    table = Table(box=None, pad_edge=False, title_justify="left", title_style="bold")
    table.title = f"{task}: {title}" if task else title
    table.add_column("", no_wrap=True)
    for heading in headings:
        fixed = heading in ("difference", "skill", "corrected")
        table.add_column(heading, no_wrap=fixed)
    place = None
    for v, cells in rows:
        if _place(v) != place:
            place = _place(v)
            table.add_row(Text(place, style="bold"))
        table.add_row(Text(f"  {v.a}, {v.b}"), *cells)
    return table


def _place(v: "Verdict") -> str:
    """Under what, or in what, a comparison is made."""
    return ", ".join(name for name in (v.lesion, v.within) if name)


def _verdict(v: "Verdict") -> Text:
    if v.outcome == "equivalent":
        return Text("equivalent", style="bold")
    if v.outcome != "cannot tell":
        return Text(v.answer.replace(" is retained", ""), style="bold")
    return Text(f"cannot tell: {v.brief}" if v.brief else "cannot tell")

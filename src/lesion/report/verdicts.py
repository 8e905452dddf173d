"""Tables of comparisons for the terminal, a row each, with notes and sentences below."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table
from rich.text import Text

from lesion.report.numbers import d50_difference, d50_ratio, short

if TYPE_CHECKING:
    from lesion.analysis.compare import Verdict
    from lesion.analysis.dissociation import Dissociation
    from lesion.analysis.halves import HalfLost
    from lesion.analysis.meta import Meta
    from lesion.analysis.rates import Rate

DIFFERENCE = "difference: of retained area, the second minus the first, with its 95% interval."
RATES = "initial slope, steepness: skill lost per unit of dose (on a log scale, per decade). "
ALSO = {"d50": "D50", "initial_slope": "initial slope", "steepness": "steepness"}
CANNOT_TELL_NOTE = (
    "cannot tell: 7 models — about 7 models per group would be enough. ×5 — five times as many "
    "models, draws and examples would be."
)

NAMED = 2  # comparisons that a sentence names, if it is true of more


def verdict_tables(verdicts: "Sequence[Verdict]", also: Sequence[str] = ()) -> list[Table]:
    """One table per task: the lesions, and below each a row per comparison; another for a dose.

    Differences are the second minus the first. Comparisons without a difference are in `remarks`.

    Args:
        also: the quantities of one more table, of `lesion.study.comparison.BESIDE`.
    """
    tables = []
    for task in dict.fromkeys(v.task for v in verdicts):
        finite = [v for v in verdicts if v.task == task and np.isfinite(v.delta)]
        if finite:
            tables.append(_areas(task, finite))
        if finite and also:
            tables.append(_rates(task, finite, also))
        at_dose = [v for v in finite if v.at_dose is not None]
        if at_dose:
            tables.append(_at_dose(task, at_dose))
    return tables


def _areas(task: str, verdicts: "Sequence[Verdict]") -> Table:
    rows = [(v, (_signed(v.delta, v.lo, v.hi), f"{v.p_holm:.3f}", _verdict(v))) for v in verdicts]
    table = _by_lesion(f"{task}: which retains more", ("difference", "p", "verdict"), rows)
    notes, tested = [DIFFERENCE], verdicts[0].comparisons
    if tested > 1:
        notes.append(f"p: after Holm's correction over the study's {tested} comparisons.")
    if any(v.outcome == "equivalent" for v in verdicts):
        notes.append(f"equivalent: within {verdicts[0].margin:g}.")
    if any(v.outcome == "cannot tell" for v in verdicts):
        notes.append(CANNOT_TELL_NOTE)
    table.caption, table.caption_justify = " ".join(notes), "left"
    return table


def _rates(task: str, verdicts: "Sequence[Verdict]", also: Sequence[str]) -> Table:
    """A row per comparison and quantity; D50 has two, its difference and its ratio."""
    rows: list[tuple[Verdict, Sequence[str | Text]]] = []
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
    title = f"{task}: which loses skill at a lower rate"
    table = _by_lesion(title, ("of", "difference", "p", "lower rate"), rows)
    table.caption, table.caption_justify = RATES + "p: after Holm's correction in each.", "left"
    return table


def _difference(value: float, lo: float, hi: float) -> str:
    return "undefined" if np.isnan(value) else _signed(value, lo, hi)


def _p(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _slower(v: "Verdict", rate: "Rate | HalfLost") -> Text:
    names = {"a": v.a, "b": v.b}
    style = "bold" if rate.outcome in names else ""
    return Text(names.get(rate.outcome, rate.answer), style=style)


def over_all(metas: "Sequence[Meta]") -> list[Text]:
    """A sentence or two for each pair of sides over all its tasks and lesions; then the scopes."""
    lines = [_over_all(meta) for meta in metas]
    return lines + [Text(scope, style="dim") for scope in dict.fromkeys(m.scope for m in metas)]


def _over_all(meta: "Meta") -> Text:
    pooled, counts = meta.pooled, []
    for word, names in (("task", meta.tasks), ("lesion", meta.lesions)):
        counts.append(f"{len(names)} {word}{'s' if len(names) > 1 else ''}")
    text = Text(f"Over {meta.effects} comparisons ({' x '.join(counts)}), {meta.b} minus ")
    text.append(f"{meta.a} is {_signed(*pooled.mean)} on average: ")
    text.append(meta.answer, style="bold")
    text.append(
        f". Heterogeneity: true differences vary by a standard deviation of {pooled.tau:.3f}"
    )
    ways = ", ".join(f"{name} {tau:.3f}" for name, tau in pooled.tau_by.items())
    text.append(
        f" ({ways}; I² {pooled.i2:.0%})" if len(pooled.tau_by) > 1 else f" (I² {pooled.i2:.0%})"
    )
    if np.isfinite(pooled.another.lo):
        text.append(f"; one more would be in {_ends(pooled.another.lo, pooled.another.hi)}")
    return text.append(f". Left out: {'; '.join(meta.left_out)}." if meta.left_out else ".")


def _at_dose(task: str, verdicts: "Sequence[Verdict]") -> Table:
    rows = []
    for v in verdicts:
        assert v.at_dose is not None
        answers = ("", "") if v.answers is None else (
            f"{v.answers.delta:+.3f}", f"{v.answers.p:.3f} ({v.answers.method})"
        )  # fmt: skip
        rows.append((v, (_signed(*v.at_dose), f"{v.dose:g}", *answers)))
    title = f"{task}: differences at one dose"
    return _by_lesion(title, ("skill", "dose", "right answers", "p"), rows)


def _by_lesion(
    title: str, headings: Sequence[str], rows: "Iterable[tuple[Verdict, Sequence[str | Text]]]"
) -> Table:
    """A table of one task; the rows of a lesion are under its name."""
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(heading, no_wrap=heading in ("difference", "skill"))
    lesion = None
    for v, cells in rows:
        if v.lesion != lesion:
            lesion = v.lesion
            table.add_row(Text(lesion, style="bold"))
        table.add_row(Text(f"  {v.a}, {v.b}"), *cells)
    return table


def _verdict(v: "Verdict") -> Text:
    if v.outcome == "equivalent":
        return Text("equivalent", style="bold")
    if v.outcome != "cannot tell":
        return Text(v.answer, style="bold")
    return Text(f"cannot tell: {v.brief}" if v.brief else "cannot tell")


def remarks(
    verdicts: "Sequence[Verdict]", dissociations: "Sequence[Dissociation]" = ()
) -> list[Text]:
    """The sentences below the tables, each once."""
    sentences = list(_unknown([v for v in verdicts if not np.isfinite(v.delta)]))
    sentences += [f"Left out: {name}." for v in verdicts for name in v.left_out]
    sentences += [
        f"{_who(v)}: alone it would be a difference (p = {v.p:.3f}), among {v.comparisons} "
        "comparisons it is not."
        for v in verdicts
        if v.outcome == "cannot tell" and (v.lo > 0 or v.hi < 0)
    ]
    sentences += [_crossings(v) for v in verdicts if v.crossovers]
    lines = [Text(sentence) for sentence in dict.fromkeys(sentences)]
    warnings = dict.fromkeys(v.warning for v in verdicts if v.warning)
    lines += [Text.assemble(("! ", "yellow"), warning) for warning in warnings]
    lines += [_dissociation(dissociation) for dissociation in dissociations]
    scopes = dict.fromkeys(v.scope for v in verdicts if v.scope)
    return lines + [Text(scope, style="dim") for scope in scopes]


def _unknown(verdicts: "Sequence[Verdict]") -> Iterator[str]:
    """The reasons why comparisons have no difference, each once."""
    for reason in dict.fromkeys(v.settle for v in verdicts):
        who = [_who(v) for v in verdicts if v.settle == reason]
        more = f"; and {len(who) - NAMED} more comparisons" if len(who) > NAMED else ""
        yield f"{'; '.join(who[:NAMED])}{more}: cannot tell. {reason}"


def _who(v: "Verdict") -> str:
    return f"{v.task}, {v.lesion}, {v.a} and {v.b}"


def _crossings(v: "Verdict") -> str:
    sentences = [f"{_who(v)}:"]
    for crossing in v.crossovers:
        above = v.b if crossing.before > 0 else v.a
        where = f"{short(crossing.dose)} [{short(crossing.lo)}, {short(crossing.hi)}]"
        sentences.append(f"the curves cross at dose {where}; below it {above} keeps more.")
    return " ".join(sentences)


def _dissociation(d: "Dissociation") -> Text:
    text = Text.assemble((f"{d.model}, {' x '.join(d.lesions)}: ", "dim"), (d.answer, "bold"))
    if np.isfinite(d.interaction.value):
        text.append(
            f" (at equal severity, {d.tasks[0]} minus {d.tasks[1]} differs by "
            f"{_signed(*d.interaction)} between the lesions)"
        )
    return text


def _signed(value: float, lo: float, hi: float) -> str:
    """`+0.031 [-.148, +.209]`."""
    return f"{value:+.3f} {_ends(lo, hi)}"


def _ends(*ends: float) -> str:
    short = (f"{end:+.3f}".replace("+0.", "+.").replace("-0.", "-.") for end in ends)
    return f"[{', '.join(short)}]"

"""The sentences below the tables of comparisons: summaries, warnings, reasons, scopes."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from lesion.analysis.contrast import ALPHA
from lesion.report.numbers import ends, short, signed

if TYPE_CHECKING:
    from lesion.analysis.dissociation import Dissociation
    from lesion.analysis.meta import Meta
    from lesion.analysis.verdict import Verdict

NAMED = 2  # comparisons that a sentence names, if it is true of more


def over_all(metas: "Sequence[Meta]") -> list[Text]:
    """A sentence or two for each pair of sides over all its tasks and lesions; then the scopes."""
    lines = [_over_all(meta) for meta in metas]
    return lines + [Text(scope, style="dim") for scope in dict.fromkeys(m.scope for m in metas)]


def _over_all(meta: "Meta") -> Text:
    pooled, counts = meta.pooled, []
    for word, names in (("task", meta.tasks), ("lesion", meta.lesions)):
        counts.append(f"{len(names)} {word}{'s' if len(names) > 1 else ''}")
    text = Text(f"Over {meta.effects} comparisons ({' x '.join(counts)}), {meta.b} minus ")
    text.append(f"{meta.a} is {signed(*pooled.mean)} on average: ")
    text.append(meta.answer, style="bold")
    text.append(
        f". Heterogeneity: true differences vary by a standard deviation of {pooled.tau:.3f}"
    )
    ways = ", ".join(f"{name} {tau:.3f}" for name, tau in pooled.tau_by.items())
    text.append(
        f" ({ways}; I² {pooled.i2:.0%})" if len(pooled.tau_by) > 1 else f" (I² {pooled.i2:.0%})"
    )
    if np.isfinite(pooled.another.lo):
        text.append(f"; one more would be in {ends(pooled.another.lo, pooled.another.hi)}")
    return text.append(f". Left out: {'; '.join(meta.left_out)}." if meta.left_out else ".")


def remarks(
    verdicts: "Sequence[Verdict]", dissociations: "Sequence[Dissociation]" = ()
) -> list[Text]:
    """The sentences below the tables, each once."""
    sentences = list(_unknown([v for v in verdicts if not np.isfinite(v.delta)]))
    sentences += [f"Left out: {name}." for v in verdicts for name in v.left_out]
    sentences += [_crossings(v) for v in verdicts if v.crossovers]
    sentences += [f"{_who(v)}: {_undone(v)}" for v in verdicts if _undone(v)]
    lines = [Text(sentence) for sentence in dict.fromkeys(sentences)]
    losses = [v.losses for v in verdicts if v.losses]
    warnings = dict.fromkeys([*losses, *(v.warning for v in verdicts if v.warning)])
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


def _undone(v: "Verdict") -> str:
    """That a comparison would be decided alone, and is not among the others; else ""."""
    if v.outcome != "cannot tell":
        return ""
    if v.lo > 0 or v.hi < 0:
        alone = f"a difference (p = {v.p:.3f})"
    elif v.p_equivalent <= ALPHA / 2:
        alone = f"equivalent (p = {v.p_equivalent:.3f})"
    else:
        return ""
    return f"alone it would be {alone}, among {v.comparisons} comparisons it is not."


def _who(v: "Verdict") -> str:
    places = (v.task, v.lesion, v.within, f"{v.a} and {v.b}")
    return ", ".join(place for place in places if place)


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
            f"{signed(*d.interaction)} between the lesions)"
        )
    return text

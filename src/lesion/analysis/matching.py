"""Who is compared with whom: the sides of every comparison that a question asks for."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from lesion.analysis.summary import Analysis
from lesion.errors import LesionError
from lesion.study.questions import BETWEEN, WITHIN, Question

if TYPE_CHECKING:
    from lesion.analysis.verdict import Verdict

Sides = tuple[list[Analysis], list[Analysis]]


class Match(NamedTuple):
    """The two sides of one comparison."""

    between: str
    names: tuple[str, str]
    within: str  # the model or group whose lesions or tasks are compared; "": sides are models
    task: str  # "" between tasks
    lesion: str  # "" between lesions
    sides: Sides  # within: the same models on both sides, in the same order


def matches(analyses: Sequence[Analysis], question: Question | str) -> Iterator[Match]:
    """The comparisons of a question, in the order of its verdicts.

    Raises:
        LesionError: if it asks between what cannot be compared.
    """
    question = Question(between=question) if isinstance(question, str) else question
    if question.between not in BETWEEN:
        raise LesionError(
            f"compare.between must be one of {', '.join(BETWEEN)}. Got {question.between!r}."
        )
    return (_within if question.between in WITHIN else _between)(analyses, question)


def pairs(names: Sequence[str], question: Question) -> list[tuple[str, str]]:
    """The pairs of names that a question asks for; all, if it names none."""
    if question.contrasts:
        asked = [(first, second) for first, second in question.contrasts]
        return [pair for pair in asked if set(pair) <= set(names)]
    if question.reference is not None:
        here = question.reference in names
        return [(question.reference, name) for name in names if here and name != question.reference]
    return list(combinations(names, 2))


def _between(analyses: Sequence[Analysis], question: Question) -> Iterator[Match]:
    """Models or groups, on each task under each lesion."""
    for task, lesion in dict.fromkeys((a.task, a.lesion) for a in analyses):
        sides: dict[str, list[Analysis]] = {}
        for analysis in analyses:
            name = analysis.group if question.between == "group" else analysis.model
            if (analysis.task, analysis.lesion) == (task, lesion) and name is not None:
                sides.setdefault(name, []).append(analysis)
        for a, b in pairs(list(sides), question):
            yield Match(question.between, (a, b), "", task, lesion, (sides[a], sides[b]))


def _within(analyses: Sequence[Analysis], question: Question) -> Iterator[Match]:
    """Lesions or tasks of the same models: in each model, or over each group."""
    grouped = within_what(analyses, question)
    over_lesions = question.between == "lesion"
    cells: dict[tuple[str, str], dict[str, dict[str, Analysis]]] = {}
    for analysis in analyses:
        unit = analysis.group if grouped == "group" else analysis.model
        place, name = analysis.task, analysis.lesion
        if not over_lesions:
            place, name = name, place
        if unit is not None:
            cell = cells.setdefault((place, unit), {})
            cell.setdefault(name, {})[analysis.model] = analysis
    for (place, unit), cell in cells.items():
        for a, b in pairs(list(cell), question):
            both = [model for model in cell[a] if model in cell[b]]
            sides = [cell[a][model] for model in both], [cell[b][model] for model in both]
            task, lesion = (place, "") if over_lesions else ("", place)
            if both:
                yield Match(question.between, (a, b), unit, task, lesion, sides)


def within_what(analyses: Sequence[Analysis], question: Question) -> str:
    """In what lesions or tasks are compared: "model", or "group" where every model has one."""
    return question.within or ("group" if all(a.group for a in analyses) else "model")


def sides_of(analyses: Sequence[Analysis], verdict: "Verdict") -> Sides:
    """The models of a verdict between models or groups."""
    v = verdict
    here = [a for a in analyses if (a.task, a.lesion) == (v.task, v.lesion)]
    first, second = (
        [a for a in here if (a.group if v.between == "group" else a.model) == name]
        for name in (v.a, v.b)
    )
    return first, second

"""Every question of a study answered: each is a family of comparisons of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from lesion.analysis.compare import verdicts
from lesion.analysis.margins import margin_of
from lesion.analysis.matching import within_what
from lesion.analysis.summary import Analysis
from lesion.analysis.verdict import Verdict
from lesion.study.questions import WITHIN, Question
from lesion.study.study import Study

NOUNS = {"model": "models", "group": "groups", "lesion": "lesions", "task": "tasks"}

Slices = Callable[[str], Sequence[Analysis]]  # column of the examples -> an analysis of each slice


def answers(study: Study, analyses: Sequence[Analysis], slices: Slices) -> list[Verdict]:
    """The verdicts on all questions of a study, and on controls and recoveries.

    A control or recovery is compared with its lesion without being asked for, unless it is asked
    for: these comparisons are a family of their own.

    Args:
        slices: the analyses of the slices of a column, where a question asks for them.
    """
    made: list[Verdict] = []
    for question in study.compare.questions:
        of_slices = question.column is not None
        pool = slices(question.column) if question.column is not None else analyses
        family = _family(study, question, pool)
        made += [_in_slice(v, question.column or "") if of_slices else v for v in family]
    companions = [pair for pair in study.companions if not _asked(study, made, pair)]
    if companions:
        question = replace(
            Question(between="lesion"),
            contrasts=tuple(companions),
            margin=study.compare.margin,
            within=study.compare.within,
        )
        named = "of lesions with their controls and recoveries"
        made += _family(study, question, analyses, named)
    return made


def _asked(study: Study, made: Sequence[Verdict], pair: tuple[str, str]) -> bool:
    """Whether a question compares these two lesions already."""
    return any(v.between == "lesion" and not v.column and {v.a, v.b} == set(pair) for v in made)


def _family(
    study: Study, question: Question, analyses: Sequence[Analysis], named: str = ""
) -> list[Verdict]:
    margin, reason = margin_of(question.margin, analyses)
    seed, dose = study.seed, study.compare.dose
    labels = {lesion.name: lesion.dose_label for lesion in study.lesions}
    family = verdicts(analyses, question, margin, seed, dose, reason, labels)
    words = family_words(question, family, within_what(analyses, question), named)
    return [v._replace(family=words) for v in family]


def family_words(
    question: Question, family: Sequence[Verdict], unit: str = "model", named: str = ""
) -> str:
    """What a family of comparisons consists of: `3 comparisons of groups under 3 lesions`.

    Args:
        unit: in what lesions or tasks are compared: "model" or "group".
        named: what is compared, in other words than the question's.
    """
    tested = max((v.comparisons for v in family), default=0)
    what = named or f"of {NOUNS[question.between]}"
    words = f"{tested} comparison{'s' if tested != 1 else ''} {what}"
    places = [("under", "lesion", {v.lesion for v in family} - {""})]
    slices = question.column is not None
    places.append(("on", "slice" if slices else "task", {v.task for v in family} - {""}))
    if question.between in WITHIN:
        places.append(("in", unit, {v.within for v in family}))
    for where, noun, members in places:
        if len(members) > 1:
            words += f" {where} {len(members)} {noun}s"
    return words


def _in_slice(v: Verdict, column: str) -> Verdict:
    """The verdict with the column and the word of its slice."""
    return v._replace(column=column, word=v.task.rpartition(f", {column} ")[2])

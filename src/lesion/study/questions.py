"""What a comparison asks: between what, which contrasts, in which slices, with which margin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from lesion.schema import Between, OneOf, PlacedError, Spec, did_you_mean, doc

BETWEEN = {
    "model": "models, on each task under each lesion",
    "group": "groups of models, on each task under each lesion",
    "lesion": "lesions of the same models, on each task",
    "task": "tasks of the same models, under each lesion",
}
WITHIN = ("lesion", "task")  # both sides have the same models


@dataclass(frozen=True)
class Question(Spec):
    """One set of comparisons: a family, over which multiplicity is corrected."""

    between: Annotated[str, OneOf(BETWEEN), doc("what is compared")] = "model"
    contrasts: Annotated[
        tuple[tuple[str, ...], ...],
        doc("pairs of names: only these are compared (default: all pairs)"),
    ] = ()
    reference: Annotated[str | None, doc("the name with which all others are compared")] = None
    column: Annotated[
        str | None,
        doc("column of the examples: comparisons are made in each of its slices", key="by"),
    ] = None
    within: Annotated[
        str | None,
        OneOf(("model", "group")),
        doc(
            "where lesions or tasks are compared: in each model, or on average over each group "
            "(default: group where every model has one)"
        ),
    ] = None
    margin: Annotated[
        float | None,
        Between(0),
        doc("smallest difference of retained area that matters (default: the spread of seeds)"),
    ] = None
    at_equal_intact: Annotated[
        bool, doc("also compare the models of two groups whose intact scores are nearest")
    ] = False

    def __post_init__(self) -> None:
        for number, names in enumerate(self.contrasts):
            if len(set(names)) != 2 or len(names) != 2:
                raise PlacedError(
                    f"contrasts[{number}]: must be two different names. Got {list(names)}."
                )
        if self.contrasts and self.reference is not None:
            raise PlacedError("reference: compares all with one name; give it or contrasts.")
        if self.within is not None and self.between not in WITHIN:
            raise PlacedError("within: belongs to between lesion and task.")
        if self.column is not None and self.between == "task":
            raise PlacedError("by: does not go with between task, whose examples differ.")
        if self.at_equal_intact and self.between != "group":
            raise PlacedError("at_equal_intact: belongs to between group.")


def misnamed(
    questions: Sequence[Question], names: Mapping[str, Sequence[str]], grouped: bool
) -> list[str]:
    """What is wrong with the names in the questions of a study, in sentences.

    Args:
        names: what is there to compare, by the words of `between`.
        grouped: whether every model has a group.
    """
    problems = []
    for number, question in enumerate(questions):
        path = "compare" if number == 0 else f"compare.further[{number - 1}]"
        if not grouped and "group" in (question.between, question.within):
            key = "between" if question.between == "group" else "within"
            problems.append(f"{path}.{key}: is group, so every model needs a group.")
            continue
        known = names[question.between]
        given = [
            (f"contrasts[{n}][{m}]", name)
            for n, pair in enumerate(question.contrasts)
            for m, name in enumerate(pair)
        ]
        given += [("reference", question.reference)] if question.reference is not None else []
        problems += [
            f"{path}.{key}: must be one of {', '.join(known)}. Got {name!r}."
            f"{did_you_mean(name, known)}"
            for key, name in given
            if name not in known
        ]
    return problems

"""Examples and seeds as {from, to} in a study."""

import pytest

from lesion.errors import LesionError
from lesion.schema import Growing
from lesion.study.files import parse_study, write_study
from lesion.study.variants import limited, quick

BASE = {
    "name": "s",
    "models": ["twin/en-0"],
    "tasks": [{"name": "subject-number-en", "examples": {"from": 40, "to": 160}}],
    "lesions": [{"units": "neurons"}],
    "doses": [0, 0.5, 1],
    "draws": {"from": 3, "to": 20, "until": 0.03},
    "finetune": {"seeds": {"from": 2, "to": 4}},
}


def test_examples_and_seeds_are_read_written_and_read_again():
    study = parse_study(BASE)
    assert study.tasks[0].growing == Growing(40, 160) == study.tasks[0].examples
    assert study.tasks[0].most_examples == 160
    assert (study.growing_seeds, study.seeds) == (Growing(2, 4), (0, 1, 2, 3))
    assert parse_study(study.document) == study
    assert "  examples:\n    from: 40\n    to: 160\n" in write_study(study)
    assert study.notes() == [
        "Draws, doses, examples and seeds are added as needed; trials are counted as if all of "
        "them were (20 draws each)."
    ]


def test_they_enter_the_fingerprint():
    other = {**BASE, "finetune": {"seeds": {"from": 2, "to": 5}}}
    fixed = {**BASE, "tasks": ["subject-number-en"]}
    prints = {parse_study(value).fingerprint() for value in (BASE, other, fixed)}
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("changes", "what"),
    [({}, "examples of subject-number-en"), ({"tasks": ["mrpc"]}, "seeds of finetune")],
)
def test_they_go_with_draws_as_needed_only(changes, what):
    with pytest.raises(LesionError) as caught:
        parse_study({**BASE, "draws": 5, **changes})
    assert str(caught.value) == (
        f"study: the file: {what} are added as needed only where draws are. Give draws as {{from, "
        "to, until}, or a fixed number here."
    )


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ({"from": 40}, "tasks[0].examples.to: is required (number at most)."),
        ({"from": 40, "to": 8}, "tasks[0].examples: needs from <= to. Got 40 and 8."),
        ({"from": 1, "to": 8}, "tasks[0].examples.from: must be at least 2. Got 1."),
    ],
)
def test_a_mistake_is_told_with_its_place(examples, message):
    tasks = [{"name": "subject-number-en", "examples": examples}]
    with pytest.raises(LesionError) as caught:
        parse_study({**BASE, "tasks": tasks})
    assert message in str(caught.value)


def test_a_quick_study_has_the_examples_that_the_run_begins_with():
    study = quick(parse_study(BASE))
    assert study.tasks[0].examples == 40
    assert study.seeds == (0,)
    assert limited(parse_study(BASE), 30).tasks[0].examples == 30

"""Controls and recoveries: whose they are, and what addresses their randomness."""

import pytest

from lesion.damage.lesion import Together, WithRecovery
from lesion.study.damages import build
from lesion.study.files import parse_study, read_study, write_study

STUDY = {"name": "s", "models": [{"source": "a/b"}], "tasks": ["mrpc"], "doses": [0, 1]}
TRAINING = {"steps": 3}


def lesions(*keys):
    return parse_study({**STUDY, "lesions": list(keys)})


def test_companions_name_their_lesion_and_recovery_starts_from_its_damage():
    study = lesions({"name": "top", "order": "magnitude", "control": "matched",
                     "recover": TRAINING})  # fmt: skip
    assert {spec.name: (spec.address, spec.companion_of) for spec in study.lesions} == {
        "top": ("top", ""),
        "top (matched control)": ("top (matched control)", "top"),
        "top + recovery": ("top", "top"),
        "top (matched control) + recovery": ("top (matched control)", "top (matched control)"),
    }
    built = [build(spec, 5) for spec in study.lesions]
    assert [damage.lesion for damage in built[2:]] == built[:2]
    assert [damage.name for damage in built[:2]] == ["top", "top (matched control)"]


@pytest.mark.parametrize(
    "keys",
    [
        {"name": "x + recovery"},
        {"name": "x (matched control)"},
        {"name": "x (matched control)", "distraction": "drop"},
    ],
)
def test_a_name_alone_makes_no_companion(keys):
    (spec,) = lesions(keys).lesions
    assert (spec.address, spec.companion_of) == (keys["name"], "")


def test_a_lesion_whose_name_ends_like_a_recovery_has_a_recovery_of_its_own():
    study = lesions({"name": "x + recovery", "recover": TRAINING})
    assert [(spec.name, spec.address) for spec in study.lesions] == [
        ("x + recovery", "x + recovery"),
        ("x + recovery + recovery", "x + recovery"),
    ]
    plain, trained = (build(spec, 0) for spec in study.lesions)
    assert isinstance(trained, WithRecovery) and trained.lesion == plain


def test_a_resolved_study_reads_back_with_its_companions(tmp_path):
    study = lesions(
        {"name": "top", "order": "magnitude", "control": "matched", "recover": TRAINING},
        {"name": "two", "together": [{}, {"units": "heads"}], "recover": TRAINING},
    )
    (tmp_path / "s.yaml").write_text(write_study(study))
    again = read_study(tmp_path / "s.yaml")
    assert again == study
    assert again.fingerprint() == study.fingerprint()


def test_lesions_taken_together_are_addressed_by_both_names():
    (spec,) = lesions({"name": "two", "together": [{}, {"name": "own", "units": "heads"}]}).lesions
    built = build(spec, 7)
    assert isinstance(built, Together) and built.name == "two"
    assert [(one.name, one.seed) for one in built.lesions] == [
        ("two/random weights", 7), ("two/own", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "needs"),
    [
        ({}, set()),
        ({"order": "fisher"}, {"labels"}),
        ({"effect": "mean"}, set()),
        ({"effect": "mean", "units": "words"}, set()),
        ({"effect": "mean", "units": "heads"}, {"examples"}),
        ({"effect": "mean", "units": "neurons", "order": "importance"}, {"labels", "examples"}),
        ({"retrained": TRAINING}, {"training"}),
        ({"distraction": "drop"}, {"texts"}),
        ({"together": [{"order": "fisher"}, {"units": "layers", "effect": "mean"}]},
         {"labels", "examples"}),
    ],
)  # fmt: skip
def test_a_lesion_names_what_a_task_must_offer(keys, needs):
    (spec,) = lesions(keys).lesions
    assert spec.needs == needs
    if "texts" not in needs:
        assert build(spec, 0).needs == needs

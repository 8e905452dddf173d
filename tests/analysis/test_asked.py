"""Every question of a study is a family of its own; companions are compared without being asked."""

import json

import numpy as np
import pytest

from lesion.analysis import asked, compare, slices, summary
from lesion.analysis.summary import jsonable
from lesion.study.files import parse_study

from .simulated import falling_curve, mrpc_labels

LABELS = mrpc_labels(200)
MODELS = {"A": ("x", 0.3), "B": ("x", 0.35), "C": ("y", 0.5), "D": ("y", 0.55)}
LESIONS = {"top": 0.1, "top (matched control)": 0.0}


def study(compare=None):
    return parse_study({
        "name": "s",
        "models": [{"source": f"a/{name}", "group": group} for name, (group, _) in MODELS.items()],
        "tasks": ["mrpc"],
        "lesions": [{"name": "top", "order": "magnitude", "control": "matched"}],
        "doses": [0, 1],
        **({"compare": compare} if compare is not None else {}),
    })  # fmt: skip


@pytest.fixture(scope="module")
def responses():
    return [
        falling_curve(
            np.random.default_rng(k), LABELS, middle=middle + later, model=name, group=group,
            lesion=lesion, draws=5,
        )._replace(columns={"half": ("first",) * 100 + ("second",) * 100})
        for lesion, later in LESIONS.items()
        for k, (name, (group, middle)) in enumerate(MODELS.items())
    ]  # fmt: skip


@pytest.fixture(scope="module")
def analyses(responses):
    return summary.analyse(responses, replicates=300)


def none(column):
    raise AssertionError(f"no slices of {column} were asked for")


def test_a_control_is_compared_with_its_lesion_without_being_asked(analyses):
    found = asked.answers(study({"between": "group"}), analyses, none)
    assert [(v.between, v.a, v.b, v.within) for v in found] == [
        ("group", "x", "y", ""),
        ("group", "x", "y", ""),
        ("lesion", "top", "top (matched control)", "x"),
        ("lesion", "top", "top (matched control)", "y"),
    ]
    assert {v.family for v in found} == {
        "2 comparisons of groups under 2 lesions",
        "2 comparisons of lesions with their controls and recoveries in 2 groups",
    }
    assert all(v.comparisons == 2 for v in found)


def test_a_control_that_is_asked_for_is_compared_once(analyses):
    question = {"between": "lesion", "within": "model"}
    found = asked.answers(study(question), analyses, none)
    assert [v.within for v in found] == list("ABCD")
    assert {v.family for v in found} == {"4 comparisons of lesions in 4 models"}


def test_each_question_is_corrected_for_its_own_comparisons_only(analyses):
    alone = asked.answers(study({"between": "model", "contrasts": [["A", "B"]]}), analyses, none)
    both = asked.answers(
        study([{"between": "model", "contrasts": [["A", "B"]]}, {"between": "model"}]),
        analyses, none,
    )  # fmt: skip
    first = [v for v in alone if v.between == "model"]
    again = [v for v in both if v.family == first[0].family]
    assert [(v.a, v.b) for v in first] == [("A", "B")] * 2
    assert [v.p_holm for v in again] == [v.p_holm for v in first]
    everything = [v for v in both if v.comparisons == 12]
    assert len(everything) == 12


def test_all_others_are_compared_with_a_reference(analyses):
    found = asked.answers(study({"reference": "C"}), analyses, none)
    pairs = [(v.a, v.b) for v in found if v.lesion == "top"]
    assert pairs == [("C", "A"), ("C", "B"), ("C", "D")]


def test_the_margin_of_a_question_has_its_reason(analyses):
    found = asked.answers(study([{"between": "group"}, {"margin": 0.1}]), analyses, none)
    reasons = {(v.between, v.margin_reason): v.margin for v in found}
    assert reasons[("model", "given")] == 0.1
    assert reasons[("group", "spread within groups")] == reasons[("lesion", "spread within groups")]


def test_slices_of_a_study_are_one_family(responses, analyses):
    def analysed(column):
        return summary.analyse(slices.slices(responses, column), replicates=100)

    found = asked.answers(study({"between": "group", "by": "half"}), analyses, analysed)
    of_slices = [v for v in found if v.column]
    assert [(v.column, v.word, v.lesion) for v in of_slices] == [
        ("half", word, lesion) for lesion in LESIONS for word in ("first", "second")
    ]
    assert {v.family for v in of_slices} == {"4 comparisons of groups under 2 lesions on 2 slices"}
    assert {v.comparisons for v in of_slices} == {4}


def test_a_verdict_is_plain_json(analyses):
    for v in asked.answers(study({"between": "group"}), analyses, none):
        row = json.loads(json.dumps(jsonable(v._asdict()), allow_nan=False))
        assert row["family"] and row["margin_reason"] == "spread within groups"
        assert set(row) >= {"p_equivalent_holm", "lo_holm", "hi_holm", "absolute", "within"}


def test_the_verdicts_of_a_question_are_those_of_the_function(analyses):
    found = asked.answers(study({"margin": 0.02}), analyses, none)
    whole = [v._replace(family="") for v in found if v.between == "model"]
    plain = compare.verdicts(analyses, "model")
    assert [jsonable(v._asdict()) for v in whole] == [jsonable(v._asdict()) for v in plain]

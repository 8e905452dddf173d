"""What a study asks of its comparisons: one question or a list, and the names in it."""

from contextlib import closing
from pathlib import Path

import pytest

from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.study.files import parse_study, read_study, write_study
from lesion.study.json_schema import study_schema

DATA = Path(__file__).parent.parent / "data" / "record-1"
STUDY = {
    "name": "s",
    "models": [{"source": "a/b", "group": "x"}, {"source": "a/c", "group": "y"}],
    "tasks": ["mrpc", "sst2"],
    "lesions": [{"name": "top", "order": "magnitude", "control": "matched"}],
    "doses": [0, 1],
}


def asked(compare):
    return parse_study({**STUDY, "compare": compare}).compare


def refusal(compare):
    with pytest.raises(LesionError) as caught:
        asked(compare)
    return str(caught.value)


def test_one_question_is_a_family_and_a_list_is_several():
    assert len(asked({"between": "group"}).questions) == 1
    compare = asked([{"between": "group", "metric": "mcc"}, {"between": "lesion", "dose": 0.5}])
    assert [q.between for q in compare.questions] == ["group", "lesion"]
    assert (compare.metric, compare.dose) == ("mcc", 0.5)


def test_a_key_of_the_whole_study_cannot_be_given_twice_differently():
    assert "metric: is one for the whole study" in refusal(
        [{"metric": "mcc"}, {"between": "lesion", "metric": "f1"}]
    )
    assert "must be a mapping, or a list of mappings" in refusal([])


def test_names_that_are_not_in_the_study_are_refused_with_the_nearest_one():
    assert refusal({"between": "lesion", "contrasts": [["top", "tip"]]}) == (
        "study: compare.contrasts[0][1]: must be one of top, top (matched control). Got 'tip'. "
        "Did you mean 'top'?"
    )
    second = refusal([{}, {"between": "task", "reference": "mrcp"}])
    assert second.startswith("study: compare.further[0].reference: must be one of mrpc, sst2.")
    assert "Did you mean 'mrpc'?" in second
    assert refusal({"between": "group", "reference": "z"}).startswith(
        "study: compare.reference: must be one of x, y."
    )


def test_a_mistyped_name_has_its_line(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(
        "name: s\nmodels: [a/b]\ntasks: [mrpc]\nlesions: [{name: top}]\ndoses: [0, 1]\n"
        "compare:\n  between: lesion\n  contrasts:\n    - [top, other]\n"
    )
    with pytest.raises(LesionError, match=r"s\.yaml:9: compare\.contrasts\[0\]\[1\]: must be one"):
        read_study(file)


def test_a_control_can_be_named_before_it_is_there_and_is_a_companion():
    study = parse_study(
        {**STUDY, "compare": {"between": "lesion", "contrasts": [["top", "top (matched control)"]]}}
    )
    assert study.companions == (("top", "top (matched control)"),)


@pytest.mark.parametrize(
    ("compare", "problem"),
    [
        ({"contrasts": [["b"]]}, "compare.contrasts[0]: must be two different names."),
        ({"contrasts": [["b", "b"]]}, "compare.contrasts[0]: must be two different names."),
        ({"contrasts": [["b", "c"]], "reference": "b"}, "compare.reference: compares all"),
        ({"within": "group"}, "compare.within: belongs to between lesion and task."),
        ({"between": "task", "by": "label"}, "compare.by: does not go with between task"),
        ({"at_equal_intact": True}, "compare.at_equal_intact: belongs to between group."),
    ],
)
def test_keys_that_do_not_go_together_are_refused(compare, problem):
    assert f"study: {problem}" in refusal(compare)


def test_a_resolved_study_reads_back_with_its_questions(tmp_path):
    study = parse_study(
        {**STUDY, "compare": [{"between": "group"}, {"by": "label", "margin": 0.1}]}
    )
    file = tmp_path / "s.yaml"
    file.write_text(write_study(study))
    assert read_study(file).compare == study.compare
    assert study.compare.further[0].column == "label"


def test_the_questions_of_a_study_are_not_in_its_fingerprint():
    plain = parse_study(STUDY)
    other = parse_study({**STUDY, "compare": [{"between": "group"}, {"between": "lesion"}]})
    assert plain.fingerprint() == other.fingerprint()


def test_a_record_that_was_made_with_the_margin_of_its_time_keeps_it():
    with closing(Record(DATA)) as record:
        assert record.study.compare.margin == 0.02


def test_the_schema_takes_one_question_or_a_list():
    shape = study_schema()["properties"]["compare"]
    assert shape["anyOf"][0] == {"$ref": "#/$defs/Compare"}
    assert shape["anyOf"][1]["items"] == shape["anyOf"][0]
    assert "by" in study_schema()["$defs"]["Question"]["properties"]

import numpy as np
import pytest

from lesion import api, results
from lesion.errors import LesionError
from lesion.running.rounds import aim_of
from lesion.study.doses import expand_doses, usual_scale
from lesion.study.files import find_study, parse_study
from lesion.study.fingerprint import differences
from tests import labs


def study(doses=(1e-6, 1e-5, 1e-4), draws=2, **lesion):
    return parse_study({
        "name": "s", "models": ["twin/en-0"], "tasks": ["agreement-en"], "draws": draws,
        "lesions": [{"name": "bits", "units": "bits", "doses": list(doses), **lesion}],
        "doses": [0, 0.5, 1],
    })  # fmt: skip


def scale(**given):
    made = study(**given)
    return made.dose_scale_of(made.lesions[0])


@pytest.mark.parametrize(
    ("doses", "usual"),
    [
        ([1e-7, 1e-6, 1e-5, 1e-4, 1e-3], "log"),
        ([0, 1e-7, 1e-6, 1e-5], "log"),
        ([1e-6, 3e-6, 1e-5, 3e-5, 1e-4], "log"),
        ([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1], "log"),
        (list(np.geomspace(1e-6, 1e-2, 41)), "log"),
        ([1e-6, 1e-5, 1e-4, 2e-4], "linear"),  # ratios 10 and 2: more than three times in logs
        ([1e-6, 1e-4], "linear"),  # two doses are no grid
        ([0.02, 0.05, 0.1, 0.25, 0.5, 1], "linear"),  # 50 times
        ([0, 0.1, 0.2, 0.5, 1], "linear"),
        (expand_doses({"from": 0, "to": 1, "step": 0.01}), "linear"),
        (expand_doses({"from": 0, "to": 1, "step": 0.001}), "linear"),
        ([0.001, 0.25, 0.5, 1], "linear"),
        ([0], "linear"),
        ([1], "linear"),
    ],
)
def test_the_usual_scale_is_logarithmic_for_a_geometric_grid(doses, usual):
    assert usual_scale(doses) == usual


def test_a_lesion_has_the_scale_that_it_gives_and_else_the_usual_one_of_its_doses():
    assert scale() == "log"
    assert scale(dose_scale="linear") == "linear"
    assert scale(doses=(0.1, 0.5)) == "linear"
    assert scale(doses=(0.1, 0.5), dose_scale="log") == "log"
    twins = find_study("twins")
    assert twins.dose_scale_of(twins.lesions[0]) == "linear"


def test_a_distraction_has_a_scale_too():
    made = parse_study({
        "name": "s", "models": ["twin/en-0"], "tasks": ["agreement-en"], "doses": [0.1, 1],
        "lesions": [{"distraction": "drop", "dose_scale": "log"}],
    })  # fmt: skip
    assert made.dose_scale_of(made.lesions[0]) == "log"


def test_another_word_is_refused():
    with pytest.raises(LesionError) as caught:
        study(dose_scale="logarithmic")
    assert str(caught.value) == (
        "study: lesions[0].dose_scale: must be one of linear, log. Got 'logarithmic'."
    )


def test_lesions_taken_together_have_one_scale():
    with pytest.raises(LesionError, match=r"together: its lesions cannot have dose_scale\."):
        parse_study({
            "name": "s", "models": ["twin/en-0"], "tasks": ["agreement-en"], "doses": [0, 1],
            "lesions": [{"together": [{"dose_scale": "log"}, {"order": "magnitude"}]}],
        })  # fmt: skip


def test_controls_and_recoveries_have_the_scale_of_their_lesion():
    made = study(units="weights", order="magnitude", control="matched", dose_scale="linear")
    assert len(made.lesions) == 2
    assert [made.dose_scale_of(lesion) for lesion in made.lesions] == ["linear", "linear"]


def test_the_scale_decides_no_score_and_survives_being_written():
    plain, linear = study(), study(dose_scale="linear")
    assert plain.fingerprint() == linear.fingerprint()
    assert differences(plain, linear) == []
    again = parse_study(linear.document)
    assert again == linear
    assert again.lesions[0].dose_scale == "linear"


def test_check_says_which_doses_are_on_a_log_scale():
    note = (
        "bits: doses 1e-06 to 0.0001 are on a log scale in areas, D50, slopes and figures "
        "(dose_scale)."
    )
    assert note in study().notes()
    assert note not in study(dose_scale="linear").notes()


def test_adaptive_doses_are_on_the_scale_of_their_lesion():
    made = study(draws={"from": 3, "to": 4, "until": 0.1})
    assert aim_of(made, made.lesions[0]).scale == "log"


def test_the_scale_may_be_changed_after_the_run(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesion = {"name": "weights", "doses": [1e-3, 1e-2, 0.1, 1]}
    value = labs.study(tiny_bert, data, lesions=[lesion])
    api.run(value, tmp_path / "run", workers=1)
    with results.Run(tmp_path / "run") as run:
        assert [a.resampled.scale for a in run.analyses] == ["log"]
    later = labs.study(tiny_bert, data, lesions=[lesion | {"dose_scale": "linear"}])
    api.run(later, tmp_path / "run", workers=1)
    with results.Run(tmp_path / "run") as run:
        assert [a.resampled.scale for a in run.analyses] == ["linear"]
        assert run.summary()["dose_scale"].tolist() == ["linear"]
        assert set(run.curves()["dose_scale"]) == {"linear"}

import json

import numpy as np
import pytest

from lesion.analysis import curves, sampled, scores, summary

from .simulated import METRICS, classified, falling_curve, mrpc_labels


@pytest.fixture(scope="module")
def one():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(200), seeds=2, draws=6)
    return responses, summary.analyse([responses], seed=3, replicates=400)[0]


def test_the_curves_are_the_mean_scores_of_the_trials(one):
    responses, analysis = one
    assert tuple(analysis.curves) == METRICS
    for name in METRICS:
        wanted = scores.score(name, responses.outputs, responses.labels).mean((0, 1))
        np.testing.assert_allclose(analysis.curves[name].value, wanted, atol=1e-6)
        assert (analysis.curves[name].lo <= wanted + 1e-6).all()
        assert (analysis.curves[name].hi >= wanted - 1e-6).all()


def test_area_and_d50_are_those_of_the_mean_curve_and_lie_in_their_intervals(one):
    _, analysis = one
    accuracy = analysis.curves["accuracy"]
    skill = (accuracy.value - accuracy.chance) / (accuracy.value[0] - accuracy.chance)
    np.testing.assert_allclose(analysis.skill.value, skill)
    assert analysis.area.value == pytest.approx(np.trapezoid(skill, analysis.doses))
    assert analysis.d50.value == pytest.approx(float(curves.d50(analysis.doses, skill)))
    for estimate in (analysis.area, analysis.d50, analysis.intact, analysis.steepness):
        assert estimate.lo < estimate.value < estimate.hi
    assert sum(analysis.shares.values()) == pytest.approx(1)


def test_the_same_seed_gives_the_same_intervals_whatever_else_is_analysed(one):
    responses, analysis = one
    other = falling_curve(np.random.default_rng(1), mrpc_labels(200), model="B")
    again = summary.analyse([other, responses], seed=3, replicates=400)[1]
    assert again.area == analysis.area
    assert summary.analyse([responses], seed=4, replicates=400)[0].area != analysis.area


def test_models_share_the_weights_of_what_they_share():
    labels = mrpc_labels(100)
    a, b = (
        falling_curve(np.random.default_rng(i), labels, seeds=2, model=m)
        for i, m in enumerate("AB")
    )
    left, right = (sampled.weights_of(r, 0, 50) for r in (a, b))
    assert np.array_equal(left.examples, right.examples)
    assert np.array_equal(left.draws, right.draws)
    assert not np.array_equal(left.seeds, right.seeds)
    elsewhere = sampled.weights_of(a._replace(task="rte"), 0, 50)
    assert np.array_equal(left.draws, elsewhere.draws)
    assert not np.array_equal(left.examples, elsewhere.examples)
    assert not np.array_equal(left.draws, sampled.weights_of(a._replace(lesion="x"), 0, 50).draws)
    again = sampled.weights_of(a._replace(lesion="deletion + recovery"), 0, 50)
    assert np.array_equal(left.draws, again.draws)  # training starts from the same damage


def test_one_draw_and_one_seed_have_intervals_through_their_examples():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(200), draws=1)
    analysis = summary.analyse([responses], replicates=300)[0]
    assert analysis.shares == {"seeds": 0, "draws": 0, "examples": 1, "interactions": 0}
    assert analysis.area.lo < analysis.area.value < analysis.area.hi


def test_a_model_that_never_learned_has_no_skill_and_is_excluded():
    responses = classified(np.ones((1, 3, 4, 100), int), mrpc_labels(100))
    analysis = summary.analyse([responses], replicates=200)[0]
    assert np.isnan(analysis.area.value)
    assert np.isnan(analysis.d50.value)
    assert (analysis.area.lo, analysis.area.hi) == (-np.inf, np.inf)
    assert analysis.excluded == ("never learned",)


def test_a_single_dose_has_scores_but_no_area():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(100), doses=2)
    intact = responses._replace(outputs=responses.outputs[:, :, :1], doses=np.zeros(1))
    analysis = summary.analyse([intact], replicates=200)[0]
    assert np.isnan(analysis.area.value)
    assert analysis.intact.lo < analysis.intact.value < analysis.intact.hi


def test_rows_hold_every_metric_with_its_interval_and_chance(one):
    _, analysis = one
    rows = summary.curve_rows(analysis)
    assert [row["dose"] for row in rows] == pytest.approx(np.linspace(0, 1, 6))
    for name in (*METRICS, "skill"):
        assert rows[2][f"{name}_lo"] <= rows[2][name] <= rows[2][f"{name}_hi"]
        assert f"{name}_chance" in rows[2]
    assert (rows[0]["seeds"], rows[0]["draws"], rows[0]["trials"]) == (2, 6, 12)
    row = summary.summary_row(analysis)
    assert row["retained_area"] == analysis.area.value
    assert row["chance"] == pytest.approx(137 / 200)
    assert row["excluded"] is False


def test_rows_become_strict_json_with_not_reached_spelled_out():
    value = {"d50": np.inf, "lo": np.float64("nan"), "a": [np.array([1.5, -np.inf]), (True, "x")]}
    plain = summary.jsonable(value)
    assert plain == {"d50": "not reached", "lo": "nan", "a": [[1.5, "-inf"], [True, "x"]]}
    assert np.isnan(float(plain["lo"])) and float(plain["a"][0][1]) == -np.inf
    named = summary.jsonable({"area": summary.Estimate(0.5, 0.25, np.inf)})
    assert named == {"area": {"value": 0.5, "lo": 0.25, "hi": "inf"}}
    json.dumps(plain, allow_nan=False)

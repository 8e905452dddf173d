"""Lesions and tasks of the same models, compared within each model."""

import numpy as np
import pytest

from lesion.analysis import compare, curves, summary, within
from lesion.analysis.variance import variances
from lesion.study.questions import Question

from .simulated import classified, falling_curve, mrpc_labels

LABELS = mrpc_labels(300)


def curve(middle, lesion, model="A", group=None, rng=0, **changed):
    return falling_curve(
        np.random.default_rng(rng), LABELS, middle=middle, model=model, group=group, lesion=lesion,
        **changed,
    )  # fmt: skip


def analysed(*responses):
    return summary.analyse(list(responses), replicates=500)


def area_variance(skill, level):
    areas = curves.retained_area(skill.doses, skill.levels[level])
    return float(variances({"": areas})[""])


def test_the_milder_lesion_is_named_with_the_difference_of_areas():
    both = analysed(curve(0.3, "weights"), curve(0.6, "magnitude"))
    (verdict,) = compare.verdicts(both, "lesion")
    assert (verdict.a, verdict.b, verdict.within) == ("weights", "magnitude", "A")
    assert (verdict.task, verdict.lesion, verdict.between) == ("mrpc", "", "lesion")
    assert verdict.answer == "more is retained under magnitude"
    assert verdict.delta == pytest.approx(both[1].area.value - both[0].area.value)
    assert verdict.scope == "About this checkpoint, A, as trained once."
    assert verdict.gains is None and verdict.warning == ""


def test_draws_of_two_lesions_are_independent_and_their_examples_are_paired():
    a, b = analysed(curve(0.4, "one", spread=0.1), curve(0.5, "two", spread=0.1, rng=1))
    apart = within.difference(a.resampled, b.resampled)
    both = [area_variance(model.resampled, "draws") for model in (a, b)]
    assert area_variance(apart, "draws") == pytest.approx(sum(both), rel=0.15)
    same = within.difference(a.resampled, analysed(curve(0.4, "two", spread=0.1))[0].resampled)
    assert area_variance(same, "examples") == 0


def test_recovery_starts_from_the_same_damage_so_its_draws_are_paired():
    a, b = analysed(curve(0.4, "one", spread=0.1), curve(0.4, "one + recovery", spread=0.1))
    apart = within.difference(a.resampled, b.resampled)
    assert area_variance(apart, "draws") == 0
    (verdict,) = compare.verdicts([a, b], "lesion")
    assert verdict.answer == "equivalent within 0.02"


def group(middles, lesion, **changed):
    return [curve(m, lesion, "ABCDE"[n], "x", **changed) for n, m in enumerate(middles)]


def test_in_a_group_only_the_differences_within_models_vary():
    first, second = (0.2, 0.35, 0.5, 0.65), (0.3, 0.45, 0.6, 0.75)
    analyses = analysed(*group(first, "one"), *group(second, "two"))
    (verdict,) = compare.verdicts(analyses, "lesion")
    assert (verdict.within, verdict.answer) == ("x", "more is retained under two")
    assert verdict.scope.startswith("About models like these (4 of 4 of x): the difference within")
    areas = np.array([a.area.value for a in analyses]).reshape(2, 4)
    between = areas.var(1, ddof=1).sum() / 4
    inside = (areas[1] - areas[0]).var(ddof=1) / 4
    models = sum(c.variance for c in verdict.parts if "models" in str(c))
    assert models == pytest.approx(inside, rel=0.05)
    assert models < between / 10
    assert verdict.hi - verdict.lo < 4 * np.sqrt(between)


def test_each_model_can_be_asked_for_where_models_have_groups():
    analyses = analysed(*group((0.3, 0.4), "one"), *group((0.5, 0.6), "two"))
    question = Question(between="lesion", within="model")
    assert [v.within for v in compare.verdicts(analyses, question)] == ["A", "B"]


def test_a_model_that_is_left_out_under_one_lesion_is_left_out_on_both_sides():
    dead = classified(np.ones((1, 8, 6, 300), int), LABELS, model="B", group="x", lesion="two")
    analyses = analysed(*group((0.3, 0.4), "one"), curve(0.6, "two", "A", "x"), dead)
    (verdict,) = compare.verdicts(analyses, "lesion")
    assert verdict.left_out == ("B: never learned",)
    assert verdict.delta == pytest.approx(analyses[2].area.value - analyses[0].area.value)


def test_lesions_are_compared_over_their_common_doses_only():
    wide = curve(0.4, "one")
    short = curve(0.4, "two")
    short = short._replace(outputs=short.outputs[:, :, :4], doses=short.doses[:4])
    (verdict,) = compare.verdicts(analysed(wide, short), "lesion")
    assert verdict.doses == pytest.approx((0, 0.2, 0.4, 0.6))
    apart = short._replace(doses=np.array([0, 0.11, 0.12, 0.13]))
    (verdict,) = compare.verdicts(analysed(wide, apart), "lesion")
    assert verdict.settle == "one and two share fewer than two doses: run both over the same."


def test_tasks_of_a_model_share_draws_and_have_examples_of_their_own():
    x = curve(0.3, "one", task="x", spread=0.2)
    y = curve(0.6, "one", task="y", spread=0.2)
    a, b = analysed(x, y)
    (verdict,) = compare.verdicts([a, b], "task", dose=0.4)
    assert (verdict.a, verdict.b, verdict.task, verdict.lesion) == ("x", "y", "", "one")
    assert verdict.answer == "more is retained on y"
    assert verdict.answers is None and verdict.at_dose is not None
    apart = within.difference(a.resampled, b.resampled)
    draws = [area_variance(model.resampled, "draws") for model in (a, b)]
    assert area_variance(apart, "draws") < 0.7 * sum(draws)
    examples = [area_variance(model.resampled, "examples") for model in (a, b)]
    assert area_variance(apart, "examples") == pytest.approx(sum(examples), rel=0.2)


def test_a_lesion_with_one_draw_leaves_the_draws_of_the_other_their_degrees_of_freedom():
    a, b = analysed(curve(0.4, "one", spread=0.1), curve(0.5, "two", draws=1))
    apart = within.difference(a.resampled, b.resampled)
    assert apart.members["draws"] == 8
    assert area_variance(apart, "draws") == pytest.approx(area_variance(a.resampled, "draws"))


def test_an_interaction_that_one_lesion_lacks_is_that_of_its_other_level():
    a = analysed(curve(0.4, "one"))[0].resampled
    both = a._replace(levels=a.levels | {"draws x examples": a.levels["examples"] + 0.5})
    alone = {level: a.levels[level] for level in ("seeds", "examples")}
    single = a._replace(levels=alone | {"draws": np.tile(a.value, (500, 1))})
    found = within.difference(single, both).levels["draws x examples"]
    np.testing.assert_allclose(found, np.full_like(found, 0.5), atol=1e-9)


def test_rates_and_d50_of_lesions_are_compared_too():
    both = analysed(curve(0.3, "one", doses=11), curve(0.6, "two", doses=11))
    (verdict,) = compare.verdicts(both, "lesion")
    early, steep = verdict.rates
    slopes = [a.initial_slope.value for a in both]
    assert early.value == pytest.approx(slopes[1] - slopes[0])
    assert steep.value == pytest.approx(both[1].steepness.value - both[0].steepness.value)
    assert verdict.d50.value == pytest.approx(both[1].d50.value - both[0].d50.value)


def test_a_strength_is_compared_with_nothing_but_the_same_strength():
    both = analysed(curve(0.4, "noise"), curve(0.4, "weights"))
    labels = {"noise": "strength of noise", "weights": "fraction of weights destroyed"}
    (verdict,) = compare.verdicts(both, "lesion", dose_labels=labels)
    assert verdict.settle == (
        "A dose of noise is a strength of noise, of weights a fraction of weights destroyed. "
        "Equal numbers are no equal doses."
    )
    same = dict.fromkeys(labels, "strength of noise")
    (verdict,) = compare.verdicts(both, "lesion", dose_labels=same)
    assert np.isfinite(verdict.delta)

import numpy as np
import pytest

from lesion.analysis import compare, contrast, summary
from lesion.errors import LesionError

from .simulated import METRICS, classified, falling_curve, mrpc_labels

LABELS = mrpc_labels(300)


def pair(middles, names="AB", groups=None, rng=0, labels=LABELS, **changed):
    made = [
        falling_curve(
            np.random.default_rng(rng), labels, middle=middle, model=name, group=group, **changed
        )
        for middle, name, group in zip(middles, names, groups or [None] * 9, strict=False)
    ]
    return summary.analyse(made, replicates=500)


def test_the_model_that_keeps_more_is_named_with_the_difference_of_areas():
    found = pair((0.3, 0.6))
    verdict = compare.verdicts(found, "model")[0]
    assert verdict.answer == "B retains more"
    assert verdict.outcome == "b"
    assert verdict.delta == pytest.approx(found[1].area.value - found[0].area.value)
    assert 0 < verdict.lo < verdict.delta < verdict.hi
    assert verdict.p < 0.05
    assert verdict.settle == ""
    turned = compare.compare(found[1:], found[:1])
    assert turned.answer == "B retains more"
    assert turned.outcome == "a"
    assert (turned.lo, turned.hi) == pytest.approx((-verdict.hi, -verdict.lo))


def test_the_same_model_twice_is_equivalent():
    verdict = compare.verdicts(pair((0.5, 0.5)), "model")[0]
    assert verdict.delta == 0
    assert verdict.answer == "equivalent within 0.02"
    assert verdict.p == 1


def test_pairing_makes_the_interval_of_a_difference_narrower_than_independence_would():
    found = pair((0.45, 0.5), draws=6, spread=0.15)
    verdict = compare.verdicts(found, "model")[0]
    apart = np.hypot(*(a.area.hi - a.area.lo for a in found))
    assert verdict.hi - verdict.lo < 0.6 * apart


def with_a_weaker_intact_model(metrics=METRICS):
    """B answers every twentieth example wrongly from the start; A is as in `pair`, less sure."""
    a = falling_curve(np.random.default_rng(0), LABELS, draws=4)
    answers = a.outputs.argmax(-1)
    answers[..., ::20] = 1 - LABELS[::20]
    b = classified(answers, LABELS, model="B")
    made = [one._replace(outputs=one.outputs / 2, metrics=metrics) for one in (a, b)]
    return summary.analyse(made, replicates=500)


def test_intact_scores_that_differ_are_warned_of_with_the_evidence():
    found = with_a_weaker_intact_model()
    verdict = compare.verdicts(found, "model")[0]
    assert verdict.gains.value == pytest.approx(found[1].intact.value - found[0].intact.value)
    assert verdict.gains.lo < verdict.gains.value < verdict.gains.hi < 0
    gain = found[0].intact.value - found[0].curves["accuracy"].chance
    assert f"Intact on mrpc, A is {gain:.3f} and B " in verdict.warning
    assert "above chance (accuracy; difference -0." in verdict.warning


def test_the_difference_of_intact_scores_has_mcnemar_s_paired_standard_error():
    found = with_a_weaker_intact_model()
    gains = compare.verdicts(found, "model")[0].gains
    right = np.stack([one.correct_share[0] for one in found])  # (models, examples)
    error = (right[1] - right[0]).std(ddof=1) / np.sqrt(len(LABELS))
    assert (gains.hi - gains.lo) / 2 == pytest.approx(1.968 * error, rel=0.1)


def test_intact_scores_that_are_alike_are_not_warned_of():
    verdict = compare.verdicts(pair((0.3, 0.6)), "model")[0]
    assert verdict.gains.lo <= 0 <= verdict.gains.hi
    assert verdict.warning == ""


def test_a_lower_loss_is_a_larger_gain():
    found = with_a_weaker_intact_model(("cross_entropy", "accuracy"))
    assert compare.verdicts(found, "model")[0].gains.hi < 0


def noisy_pair(labels=LABELS, draws=6):
    made = [
        falling_curve(np.random.default_rng(i), labels, model=m, draws=draws, spread=0.2)
        for i, m in enumerate("AB")
    ]
    return summary.analyse(made, replicates=500)


def test_what_cannot_be_told_says_what_would_settle_it():
    verdict = compare.verdicts(noisy_pair(), "model")[0]
    assert verdict.answer == "cannot tell"
    assert verdict.settle.startswith("The interval would have to be ± 0.")
    assert "would settle it" in verdict.settle or "of every one would" in verdict.settle
    assert sum(verdict.shares.values()) == pytest.approx(1)


def test_a_wider_margin_turns_cannot_tell_into_equivalent():
    verdict = compare.verdicts(noisy_pair(), "model", margin=0.9)[0]
    assert verdict.answer == "equivalent within 0.9"


def test_a_model_that_never_learned_is_left_out_by_name():
    dead = classified(np.ones((1, 8, 6, 300), int), LABELS, model="dead")
    found = [*pair((0.5,)), *summary.analyse([dead], replicates=500)]
    verdict = compare.verdicts(found, "model")[0]
    assert verdict.answer == "cannot tell"
    assert verdict.left_out == ("dead: never learned",)
    assert verdict.settle == "dead has no healthy model left (dead: never learned)."
    assert np.isnan(verdict.delta)


def test_groups_leave_out_their_unhealthy_members_and_go_on():
    dead = classified(np.ones((1, 8, 6, 300), int), LABELS, model="dead", group="x")
    found = [*pair((0.3, 0.6), groups="xy"), *summary.analyse([dead], replicates=500)]
    verdict = compare.verdicts(found, "group")[0]
    assert verdict.answer == "y retains more"
    assert verdict.left_out == ("dead: never learned",)


def test_one_checkpoint_a_side_is_a_verdict_about_checkpoints():
    verdict = compare.verdicts(pair((0.3, 0.6)), "model")[0]
    assert verdict.scope == (
        "About these checkpoints, A and B, as trained once; not about kinds of models."
    )


def test_several_models_a_group_are_resampled_and_the_scope_says_so():
    one = compare.verdicts(pair((0.3, 0.6), groups="xy"), "group")[0]
    middles, groups = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7), "xxxyyy"
    many = compare.verdicts(pair(middles, "ABCDEF", groups), "group")[0]
    assert many.scope == (
        "About models like these (3 of x and 3 of y); models are resampled within groups."
    )
    assert many.shares["models"] > 0.5
    assert many.hi - many.lo > one.hi - one.lo
    assert many.delta == pytest.approx(one.delta, abs=0.05)


def test_curves_are_compared_over_the_doses_of_both():
    a = pair((0.4,))[0]
    wide = falling_curve(np.random.default_rng(0), LABELS, middle=0.4, model="B", doses=6)
    half = wide._replace(outputs=wide.outputs[:, :, :4], doses=wide.doses[:4])
    b = summary.analyse([half], replicates=500)[0]
    verdict = compare.compare([a], [b])
    assert verdict.delta == pytest.approx(0)
    apart = summary.analyse([half._replace(doses=np.array([0, 0.11, 0.12, 0.13]))], replicates=500)
    assert compare.compare([a], apart).settle == (
        "A and B share fewer than two doses: run both over the same."
    )


def test_holm_agrees_with_its_definition_and_ignores_what_is_undefined():
    found = contrast.holm([0.01, np.nan, 0.04, 0.03])
    np.testing.assert_allclose(found, [0.03, np.nan, 0.06, 0.06])
    assert contrast.holm([]).shape == (0,)


def test_a_difference_that_does_not_stand_among_the_others_cannot_be_told():
    verdict = compare.verdicts(pair((0.3, 0.6)), "model")[0]
    weak = verdict._replace(p=0.03)
    result = compare.corrected([weak, weak._replace(p=0.6), weak._replace(p=0.7)])
    assert result[0].p_holm == pytest.approx(0.09)
    assert result[0].answer == "cannot tell"
    assert result[0].settle.startswith(
        "Alone it would be a difference (p = 0.030); among 3 comparisons it is not (p = 0.090). "
    )


def test_groups_that_do_not_exist_are_refused_and_models_without_group_are_not_compared():
    with pytest.raises(LesionError) as caught:
        compare.verdicts([], "family")
    assert str(caught.value) == (
        "compare.between must be one of model, group, lesion, task. Got 'family'."
    )
    assert compare.verdicts(pair((0.3, 0.6)), "group") == []


def test_every_pair_on_every_lesion_is_one_comparison():
    labels = mrpc_labels(100)
    made = [
        falling_curve(np.random.default_rng(i), labels, model=m, lesion=lesion, draws=3)
        for i, m in enumerate("ABC")
        for lesion in ("weights", "neurons")
    ]
    found = compare.verdicts(summary.analyse(made, replicates=100), "model")
    assert [(v.lesion, v.a, v.b) for v in found] == [
        (lesion, *names)
        for lesion in ("weights", "neurons")
        for names in (("A", "B"), ("A", "C"), ("B", "C"))
    ]


def test_at_a_chosen_dose_skill_and_right_answers_are_compared():
    found = pair((0.3, 0.6), doses=6)
    verdict = compare.verdicts(found, "model", dose=0.41)[0]
    place = 2
    assert verdict.dose == pytest.approx(0.4)
    skills = [a.skill.value[place] for a in found]
    assert verdict.at_dose.value == pytest.approx(skills[1] - skills[0])
    assert verdict.at_dose.lo < verdict.at_dose.value < verdict.at_dose.hi
    accuracy = [a.curves["accuracy"].value[place] for a in found]
    assert verdict.answers.delta == pytest.approx(accuracy[1] - accuracy[0], abs=1e-6)
    assert verdict.answers.method == "sign flips"
    groups = pair((0.3, 0.35, 0.6), "ABC", "xxy")
    verdict = compare.verdicts(groups, "group", dose=0.4)[0]
    assert verdict.at_dose is not None
    assert verdict.answers is None


def test_a_single_draw_is_compared_by_mcnemar():
    verdict = compare.verdicts(pair((0.3, 0.6), draws=1), "model", dose=0.4)[0]
    assert verdict.answers.method == "exact McNemar"


def test_the_difference_of_d50_stands_beside_that_of_the_areas():
    found = pair((0.3, 0.6))
    verdict = compare.verdicts(found, "model")[0]
    assert verdict.d50.value == pytest.approx(found[1].d50.value - found[0].d50.value)
    assert 0 < verdict.d50.lo < verdict.d50.value < verdict.d50.hi


def test_where_neither_loses_half_there_is_no_difference_of_d50():
    found = pair((3.0, 3.2))
    assert np.isnan(compare.compare(found[:1], found[1:]).d50.value)
    apart = pair((0.4, 3.0))
    assert compare.compare(apart[:1], apart[1:]).d50.value == np.inf


def test_a_model_that_falls_late_and_steeply_crosses_one_that_falls_slowly():
    labels = np.arange(400) % 2
    steep = falling_curve(np.random.default_rng(0), labels, middle=0.5, doses=21, spread=0.01)
    thresholds = np.random.default_rng(1).uniform(0, 1, 400)
    lost = np.linspace(0, 1, 21)[:, None] > thresholds
    whole = steep.outputs[:, :, :1].argmax(-1)
    slow = classified(np.where(lost, 1, np.broadcast_to(whole, (1, 8, 21, 400))), labels, model="B")
    verdict = compare.verdicts(summary.analyse([steep, slow], replicates=500), "model")[0]
    (found,) = verdict.crossovers
    assert found.lo < 0.5 < found.hi
    assert found.before == -1  # below it, B has already lost more


def test_equal_grids_and_a_part_of_one_give_the_same_d50_where_both_were_measured():
    wide = falling_curve(np.random.default_rng(0), LABELS, middle=0.3, model="B", doses=6)
    half = wide._replace(outputs=wide.outputs[:, :, :4], doses=wide.doses[:4])
    a, b = summary.analyse([wide, half], replicates=300)
    verdict = compare.compare([a], [b])
    assert verdict.doses == pytest.approx((0, 0.2, 0.4, 0.6))
    assert verdict.d50.value == pytest.approx(0, abs=0.05)

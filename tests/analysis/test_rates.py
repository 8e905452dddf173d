import numpy as np
import pytest
from scipy import stats

from lesion.analysis import compare, contrast, curves, rates, sampled, summary
from lesion.analysis.compare import Verdict
from lesion.analysis.rates import RATES, Rate
from lesion.study.comparison import BESIDE

from .simulated import classified, falling_curve, mrpc_labels

LABELS = mrpc_labels(300)


def thresholds(low, high, draws=6, doses=21, model="A", examples=300, rng=0, **changed):
    """A model that is always right, and loses its answers one by one between two doses."""
    labels = np.arange(examples) % 2
    shift = 0.02 * np.random.default_rng(rng).standard_normal((1, draws, 1, 1))
    at = np.random.default_rng(1).permutation(np.linspace(low, high, examples)) + shift
    dose = np.linspace(0, 1, doses)[:, None]
    answers = np.where((dose > at) & (dose > 0), 1, labels)
    return classified(answers, labels, model=model, **changed)


def analysed(*responses):
    return summary.analyse(responses, replicates=500)


def of(verdict, quantity):
    (found,) = (one for one in verdict.rates if one.quantity == quantity)
    return found


def test_who_falls_slowly_loses_skill_at_a_lower_rate_at_both_stages():
    fast, slow = analysed(thresholds(0.0, 0.5), thresholds(0.0, 1.0, model="B"))
    verdict = compare.compare([fast], [slow])
    for quantity, when in (
        ("initial_slope", "at the beginning"),
        ("steepness", "between three quarters and one quarter"),
    ):
        found = of(verdict, quantity)
        assert found.value == pytest.approx(
            getattr(slow, quantity).value - getattr(fast, quantity).value
        )
        assert found.value == pytest.approx(1 - 2, abs=0.15)
        assert found.lo < found.value < found.hi < 0
        assert found.p < 0.05
        assert found.outcome == "b"
        assert found.answer == f"B loses skill at a lower rate {when}"
        turned = of(compare.compare([slow], [fast]), quantity)
        assert turned.outcome == "a"
        assert turned.answer == found.answer
        assert (turned.lo, turned.hi) == pytest.approx((-found.hi, -found.lo))


def test_a_curve_that_begins_late_and_falls_like_another_differs_only_at_the_beginning():
    early, late = analysed(thresholds(0.05, 0.55), thresholds(0.35, 0.85, model="B"))
    verdict = compare.compare([early], [late])
    assert of(verdict, "initial_slope").outcome == "b"
    assert of(verdict, "steepness").outcome == "cannot tell"
    assert of(verdict, "steepness").answer == "cannot tell"


def test_p_is_below_five_hundredths_just_where_the_interval_leaves_zero_out():
    found = []
    for n in range(12):
        a = thresholds(0.0, 0.6, draws=3, rng=n)
        b = thresholds(0.0, 0.6 + 0.02 * n, draws=3, rng=n + 50, model="B")
        found += compare.compare(analysed(a), analysed(b)).rates
    apart = [rate.lo > 0 or rate.hi < 0 for rate in found]
    assert [rate.p < 0.05 for rate in found] == apart
    assert True in apart and False in apart


def test_a_quarter_that_one_side_does_not_reach_leaves_no_steepness_to_compare():
    fast, never = analysed(thresholds(0.0, 0.5), thresholds(0.0, 2.5, model="B"))
    verdict = compare.compare([fast], [never])
    found = of(verdict, "steepness")
    assert np.isnan([found.value, found.lo, found.hi, found.p, found.p_holm]).all()
    assert found.outcome == "cannot tell"
    assert found.answer == "cannot tell: B kept more than a quarter of skill at every dose"
    assert of(verdict, "initial_slope").outcome == "b"
    neither = compare.compare([never], [never._replace(model="C")])
    assert of(neither, "steepness").answer == (
        "cannot tell: B and C kept more than a quarter of skill at every dose"
    )


def test_a_quarter_that_resamples_often_miss_makes_the_interval_wider():
    sure, brink = analysed(thresholds(0.0, 0.5), thresholds(0.0, 1.34, model="B"))
    low, high = brink.steep.joint.T
    assert 0.025 < (low < high).mean() < 0.9
    assert brink.steepness.lo == 0  # it may be missed for good
    found = of(compare.compare([sure], [brink]), "steepness")
    known = brink._replace(steep=brink.steep._replace(joint=np.full_like(brink.steep.joint, 0.7)))
    narrow = of(compare.compare([sure], [known]), "steepness")
    assert found.value == narrow.value
    assert found.lo < narrow.lo and found.hi >= narrow.hi
    assert found.p > narrow.p


def test_an_end_is_open_only_where_many_replicates_may_lie_anywhere():
    known = np.linspace(0.9, 1.1, 1000)[:, None] * np.ones(2)
    assert sampled.widened((1.0, 0.8, 1.2), known, 9.0) == (0.8, 1.2)
    few, many = known.copy(), known.copy()
    few[:20], many[:30] = (-np.inf, np.inf), (-np.inf, np.inf)
    assert sampled.widened((1.0, 0.8, 1.2), few, 9.0) == (0.8, 1.2)
    assert sampled.widened((1.0, 0.8, 1.2), many, 9.0) == (-np.inf, np.inf)
    many[:30] = 0.0, 2.0
    lo, hi = sampled.widened((1.0, 0.95, 1.05), many, np.inf)
    assert (lo, hi) == pytest.approx((0.0, 2.0), abs=1e-6)


def test_several_models_a_side_have_welch_s_interval_of_their_initial_slopes():
    ends = {"x": (0.5, 0.6, 0.8), "y": (0.9, 1.0, 1.2)}
    made = [
        thresholds(0.0, end, model=f"{group}{n}", group=group)
        for group, each in ends.items()
        for n, end in enumerate(each)
    ]
    found = analysed(*made)
    exact = [  # nothing but the models varies: their draws are taken away
        one._replace(
            resampled=one.resampled._replace(
                levels={k: 0 * v + one.resampled.value for k, v in one.resampled.levels.items()}
            )
        )
        for one in found
    ]
    rate = of(compare.verdicts(exact, "group")[0], "initial_slope")
    slopes = [one.initial_slope.value for one in exact]
    welch = stats.ttest_ind(slopes[3:], slopes[:3], equal_var=False)
    wanted = welch.confidence_interval()
    assert (rate.lo, rate.hi) == pytest.approx((wanted.low, wanted.high))
    assert rate.p == pytest.approx(welch.pvalue)


def rate(quantity, p, value=-0.2):
    return Rate(quantity, value, value - 0.1, value + 0.1, p, p, "b", "B")


def test_what_is_undefined_is_no_verdict():
    nothing = rate("initial_slope", np.nan, np.nan)._replace(outcome="cannot tell", answer="so")
    assert rates.with_outcome(nothing, np.nan, ("A", "B"))[6:8] == ("cannot tell", "so")


def test_each_quantity_is_corrected_over_its_own_comparisons():
    found = [
        (rate("initial_slope", 0.03), rate("steepness", 0.01)),
        (rate("initial_slope", 0.04), rate("steepness", np.nan, np.nan)),
    ]
    first, second = rates.corrected(found, [("A", "B"), ("C", "D")])
    assert first[0].p_holm == pytest.approx(0.06)
    assert first[0].answer == "cannot tell"
    assert first[1].p_holm == pytest.approx(0.01)  # the other comparison has none
    assert first[1].answer == (
        "B loses skill at a lower rate between three quarters and one quarter"
    )
    assert second[0].p_holm == pytest.approx(0.06)
    assert np.isnan(second[1].p_holm)


def test_the_retained_area_is_corrected_apart_from_the_rates():
    found = compare.verdicts(
        analysed(*(thresholds(0.0, 0.5 + 0.2 * n, model=m) for n, m in enumerate("ABC"))), "model"
    )
    for quantity in rates.RATES:
        each = [of(v, quantity) for v in found]
        np.testing.assert_allclose([r.p_holm for r in each], contrast.holm([r.p for r in each]))
    assert [v.comparisons for v in found] == [3, 3, 3]


def test_rates_are_of_the_doses_that_both_measured():
    wide = thresholds(0.0, 0.6, draws=4)
    part = wide._replace(outputs=wide.outputs[:, :, :18], doses=wide.doses[:18], model="B")
    a, b = analysed(wide, part)
    verdict = compare.compare([a], [b])
    assert verdict.doses[-1] == pytest.approx(0.85)
    for found in verdict.rates:
        assert found.value == pytest.approx(0, abs=1e-9)


def test_steepness_by_level_is_its_first_order_change():
    responses = falling_curve(np.random.default_rng(0), LABELS, draws=6, spread=0.1, doses=11)
    skill = sampled.sample(responses, 0, 300)
    steep = sampled.steepened(skill)
    assert steep.value[0] == pytest.approx(
        float(curves.steepness(skill.doses, curves.falling(skill.value)))
    )
    near = skill.value + 1e-3 * (skill.levels["draws"] - skill.value)  # far less than its noise
    change = curves.steepness(skill.doses, curves.falling(near)) - steep.value[0]
    wanted = 1e-3 * (steep.levels["draws"][:, 0] - steep.value[0])
    np.testing.assert_allclose(change, wanted, rtol=0.05, atol=1e-5)


def test_what_a_study_compares_beside_area_is_there_in_every_verdict():
    assert list(BESIDE) == ["d50", *RATES]
    assert {"d50", "rates"} <= set(Verdict._fields)

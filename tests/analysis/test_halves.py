import numpy as np
import pytest

from lesion.analysis import compare, halves, summary
from lesion.analysis.halves import HalfLost
from lesion.analysis.summary import Estimate
from lesion.report.numbers import d50_difference, d50_ratio

from .test_rates import thresholds


def analysed(*responses, replicates=400):
    return summary.analyse(responses, replicates=replicates)


def of(a, b):
    return compare.compare([a], [b]).d50_ratio


@pytest.fixture(scope="module")
def models():
    """A loses all below the first dose, B and C on the way, D nothing."""
    ends = {"A": (-0.5, 0.02), "B": (0.1, 0.5), "C": (0.3, 0.9), "D": (1.5, 2.5)}
    made = analysed(*(thresholds(*at, model=m, rng=n) for n, (m, at) in enumerate(ends.items())))
    return dict(zip(ends, made, strict=True))


def test_the_ratio_of_two_d50_has_an_interval_a_p_and_a_side(models):
    found = of(models["B"], models["C"])
    b, c = models["B"].d50.value, models["C"].d50.value
    assert found.ratio.value == pytest.approx(c / b)
    assert found.bounds == pytest.approx((c / b, c / b))
    assert found.difference.value == pytest.approx(c - b)
    assert 1 < found.ratio.lo < found.ratio.value < found.ratio.hi
    assert found.p < 0.05
    assert found.outcome == "b"
    assert found.answer == f"C loses half of its skill at {c / b:.2g} times the dose"
    turned = of(models["C"], models["B"])
    assert turned.outcome == "a"
    assert turned.ratio == pytest.approx(
        (1 / found.ratio[0], 1 / found.ratio[2], 1 / found.ratio[1])
    )
    assert (turned.answer, turned.p) == (found.answer, pytest.approx(found.p))


def test_p_is_below_five_hundredths_just_where_the_interval_leaves_one_out():
    found = []
    for n in range(10):
        a = thresholds(0.2, 0.6, draws=3, rng=n, doses=11)
        b = thresholds(0.2 + 0.01 * n, 0.6 + 0.01 * n, draws=3, rng=n + 50, model="B", doses=11)
        found.append(of(*analysed(a, b, replicates=200)))
    apart = [half.ratio.lo > 1 or half.ratio.hi < 1 for half in found]
    assert [half.p < 0.05 for half in found] == apart
    assert True in apart and False in apart


def test_a_d50_below_the_first_dose_leaves_a_bound_for_the_ratio(models):
    found, b = of(models["A"], models["B"]), models["B"].d50.value
    first = models["A"].doses[1]
    assert models["A"].d50 == (-np.inf, -np.inf, -np.inf)
    assert found.ratio.value == np.inf
    assert found.bounds == pytest.approx((b / first, np.inf))
    assert 1 < found.ratio.lo < b / first
    assert found.ratio.hi == np.inf
    assert found.outcome == "b"
    assert found.answer == f"B loses half of its skill at more than {b / first:.2g} times the dose"
    assert found.p < 0.05
    assert np.isnan(found.difference.value)  # between b - first and b
    assert found.difference.lo < b - first < b < found.difference.hi
    turned = of(models["B"], models["A"])
    assert (turned.ratio.value, turned.ratio.lo, turned.outcome) == (0, 0, "a")
    assert turned.answer == found.answer


def test_a_d50_above_the_last_dose_leaves_a_bound_for_difference_and_ratio(models):
    found, c = of(models["C"], models["D"]), models["C"].d50.value
    assert found.bounds == pytest.approx((1 / c, np.inf))
    assert (found.difference.value, found.ratio.value) == (np.inf, np.inf)
    assert found.difference.lo == pytest.approx(1 - models["C"].d50.hi, abs=0.1)
    assert found.outcome == "b"


def test_a_bound_next_to_one_cannot_tell():
    near, never = analysed(thresholds(0.5, 1.42), thresholds(1.5, 2.5, model="B"))
    assert 0.9 < near.d50.value < 1
    found = of(near, never)
    assert found.bounds[0] > 1  # but its interval is wider
    assert (found.outcome, found.answer) == ("cannot tell", "cannot tell")
    assert found.p > 0.05


def test_two_that_are_both_beyond_have_no_ratio_and_a_reason(models):
    for who, words in (("A", "below dose 0.05"), ("D", "above dose 1")):
        twin = models[who]._replace(model="E")
        found = of(models[who], twin)
        assert np.isnan([*found.ratio, found.p, found.p_holm]).all()
        assert found.outcome == "cannot tell"
        assert found.answer == f"cannot tell: D50 of {who} is {words}, of E is {words}"
    both = of(models["A"], models["A"]._replace(model="E"))
    assert both.difference[1:] == pytest.approx((-0.05, 0.05))
    assert np.isnan(both.difference.value)
    assert np.isnan(of(models["D"], models["D"]._replace(model="E")).difference).all()


def test_one_below_and_one_above_are_apart_by_the_range_of_doses(models):
    found = of(models["A"], models["D"])
    assert found.bounds == pytest.approx((20, np.inf))
    assert found.outcome == "b"
    assert found.answer == "D loses half of its skill at more than 20 times the dose"


def test_a_group_with_a_model_beyond_has_a_bound(models):
    b, c, d = (models[name] for name in "BCD")
    verdict = compare.compare([b], [c, d], ("x", "y"))
    found = verdict.d50_ratio
    assert found.bounds[0] == pytest.approx(np.sqrt(c.d50.value * 1) / b.d50.value)
    assert found.bounds[1] == np.inf
    assert not np.isnan([*found.ratio, found.p]).any()


def test_the_ratio_over_decades_does_not_depend_on_the_unit_of_the_dose(models):
    scaled = [
        thresholds(0.1, 0.5), thresholds(0.3, 0.9, model="B"),
    ]  # fmt: skip
    plain = of(*analysed(*scaled))
    other = of(*analysed(*(r._replace(doses=r.doses * 1e-4) for r in scaled)))
    assert other.ratio == pytest.approx(plain.ratio)
    assert other.p == pytest.approx(plain.p)


def test_ratios_are_corrected_over_their_own_comparisons():
    known = HalfLost(Estimate(0.1, 0.01, 0.2), Estimate(2, 1.1, 3), (2, 2), 0.04, 0.04, "b", "yes")
    none = known._replace(p=np.nan, p_holm=np.nan, outcome="cannot tell", answer="cannot tell: so")
    found = halves.corrected([known, known._replace(p=0.01), none, None], [("A", "B")] * 4)
    assert [half.p_holm for half in found[:2]] == [0.04, 0.02]
    assert [half.outcome for half in found[:2]] == ["b", "b"]
    assert found[2].answer == "cannot tell: so"
    assert found[3] is None
    found = halves.corrected([known, known], [("A", "B")] * 2)
    assert [half.outcome for half in found] == ["cannot tell"] * 2


@pytest.mark.parametrize(
    ("difference", "shown"),
    [
        (Estimate(0.12, 0.05, 0.2), "+0.120 [+.050, +.200]"),
        (Estimate(np.nan, 0.05, 0.2), "[+.050, +.200]"),
        (Estimate(np.inf, 0.05, np.inf), "∞ [+.050, ∞]"),
        (Estimate(4e-6, -1e-6, 9e-6), "+4e-06 [-1e-06, +9e-06]"),
        (Estimate(np.nan, np.nan, np.nan), "undefined"),
    ],
)
def test_a_difference_of_d50_is_shown_with_what_is_known_of_it(difference, shown):
    assert d50_difference(difference) == shown


@pytest.mark.parametrize(
    ("ratio", "bounds", "shown"),
    [
        (Estimate(1.4, 1.1, 1.8), (1.4, 1.4), "1.40 [1.10, 1.80]"),
        (Estimate(np.inf, 1.1, np.inf), (2, np.inf), "> 2.00 [1.10, ∞]"),
        (Estimate(0, 0, 0.9), (0, 0.5), "< 0.50 [0.00, 0.90]"),
        (Estimate(np.inf, 60.3, np.inf), (104.9, np.inf), "> 105 [60.30, ∞]"),
        (Estimate(0.0042, 0.001, 0.2), (0.0042, 0.0042), "0.0042 [0.001, 0.20]"),
        (Estimate(np.nan, np.nan, np.nan), (0, np.inf), "undefined"),
    ],
)
def test_a_ratio_of_d50_is_shown_with_its_bound(ratio, bounds, shown):
    half = HalfLost(Estimate(0, 0, 0), ratio, bounds, 0.1, 0.1, "cannot tell", "cannot tell")
    assert d50_ratio(half) == shown

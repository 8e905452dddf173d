import numpy as np
import pytest
from scipy.optimize import curve_fit, isotonic_regression

from lesion.analysis import curves
from lesion.analysis.scale import doses_at, places_of


def test_skill_is_one_when_intact_and_zero_at_chance_whichever_way_is_better():
    up = curves.skill(np.array([0.9, 0.7, 0.5]), 0.5, 0.9)
    down = curves.skill(np.array([0.2, 0.4, 0.6, np.inf]), 0.6, 0.2, higher=False)
    np.testing.assert_allclose(up, [1, 0.5, 0])
    np.testing.assert_allclose(down, [1, 0.5, 0, -np.inf])


def test_skill_is_undefined_where_the_intact_model_is_not_above_chance():
    scores = np.array([[0.8, 0.6], [0.5, 0.5], [0.4, 0.9]])
    found = curves.skill(scores, np.full(3, 0.5), scores[:, 0])
    assert np.isnan(found).tolist() == [[False, False], [True, True], [True, True]]
    assert np.isnan(curves.skill(np.array([0.9, 0.7]), 0.6, 0.9, higher=False)).all()


def test_linear_skill_is_skill_itself_where_nothing_is_resampled():
    score = np.array([0.9, 0.8, 0.55])
    skill = curves.skill(score, 0.5, 0.9)
    np.testing.assert_allclose(curves.linear_skill(score, 0.5, 0.9, skill, 0.4), skill)


def test_linear_skill_has_the_slope_of_skill():
    rng = np.random.default_rng(0)
    score, chance = np.array([0.9, 0.8, 0.55]), 0.5
    skill = curves.skill(score, chance, score[0])
    step = 1e-6 * rng.normal(size=3)
    moved = curves.skill(score + step, chance + 2e-6, score[0] + step[0])
    linear = curves.linear_skill(score + step, chance + 2e-6, score[0] + step[0], skill, 0.4)
    np.testing.assert_allclose(linear - skill, moved - skill, atol=1e-10)
    assert np.abs(moved - skill)[1:].min() > 1e-8


def test_retained_area_is_the_mean_skill_over_the_measured_range():
    doses = np.array([0.0, 0.1, 0.5])
    assert curves.retained_area(doses, np.ones(3)) == pytest.approx(1)
    skill = np.array([[1.0, 0.8, 0.2], [1.0, 1.0, 0.0]])
    wanted = np.trapezoid(skill, doses) / 0.5
    np.testing.assert_allclose(curves.retained_area(doses, skill), wanted)


def test_retained_area_of_one_dose_is_undefined():
    assert np.isnan(curves.retained_area(np.array([0.0]), np.ones((4, 1)))).tolist() == [True] * 4


def test_two_doses_are_enough_for_an_area_and_three_for_d50():
    doses = np.array([0.0, 0.4])
    assert curves.retained_area(doses, np.array([1.0, 0.0])) == pytest.approx(0.5)
    assert curves.d50(np.array([0.0, 0.2, 0.6]), np.array([1.0, 1.0, 0.0])) == pytest.approx(0.4)


def test_falling_agrees_with_isotonic_regression_of_scipy():
    rng = np.random.default_rng(1)
    values = np.linspace(1, 0, 23) + rng.normal(0, 0.4, (7, 3, 23))
    found = curves.falling(values)
    for place in np.ndindex(7, 3):
        wanted = isotonic_regression(values[place], increasing=False).x
        np.testing.assert_allclose(found[place], wanted, atol=1e-12)


def test_falling_leaves_a_falling_curve_alone_and_an_undefined_one_undefined():
    np.testing.assert_allclose(curves.falling(np.array([3.0, 2.0, 2.0, -1.0])), [3, 2, 2, -1])
    assert np.isnan(curves.falling(np.array([1.0, np.nan, 0.0]))).all()


def test_d50_is_interpolated_between_the_doses_around_a_half():
    doses = np.array([0.0, 0.2, 0.4, 1.0])
    assert curves.d50(doses, np.array([1.0, 0.9, 0.1, 0.0])) == pytest.approx(0.3)
    assert curves.d50(doses, np.array([1.0, 0.9, 0.5, 0.0])) == pytest.approx(0.4)


def test_d50_is_of_the_smoothed_curve():
    doses = np.linspace(0, 1, 5)
    bumpy = np.array([1.0, 0.3, 0.9, 0.2, 0.0])  # pools to 1, 0.6, 0.6, 0.2, 0
    assert curves.d50(doses, bumpy) == pytest.approx(0.5 + 0.25 * 0.1 / 0.4)


def test_d50_that_no_dose_reached_is_infinite_and_undefined_skill_stays_undefined():
    doses = np.array([0.0, 0.5, 1.0])
    skill = np.array([[1.0, 0.9, 0.51], [np.nan] * 3, [1.0, 0.8, 0.4]])
    found = curves.d50(doses, skill)
    assert found[0] == np.inf
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(0.875)


def test_d50_takes_an_infinite_loss_for_all_lost():
    found = curves.d50(np.array([0.0, 0.5, 1.0]), np.array([1.0, 1.0, -np.inf]))
    assert found == pytest.approx(0.5, abs=1e-5)


def test_d50_is_below_the_first_dose_where_half_is_lost_there_and_never_half_of_it():
    doses = np.array([0.0, 0.05, 0.5])
    lost = np.array([[1.0, 0.0, 0.0], [1.0, 0.5, 0.4], [1.0, 0.51, 0.4], [1.0, -np.inf, -np.inf]])
    for scale in ("linear", "log"):
        found = curves.d50(places_of(doses, scale), lost)
        assert (found == -np.inf).tolist() == [True, True, False, True]
    assert curves.d50(np.array([0.1, 0.5]), np.array([0.4, 0.3])) == -np.inf
    assert curves.d50(np.array([0.0, 0.4]), np.array([1.0, 0.0])) == -np.inf


def test_common_doses_are_those_of_every_grid():
    fine, coarse = np.linspace(0, 1, 11), np.array([0, 0.3, 0.55, 1])
    shared = curves.common_doses(fine, coarse)
    np.testing.assert_allclose(shared, [0, 0.3, 1])
    values = np.arange(22).reshape(2, 11)
    assert curves.at_doses(fine, values, shared).tolist() == [[0, 3, 10], [11, 14, 21]]


def test_steepness_is_half_the_skill_over_the_doses_between_its_quarters():
    doses = np.linspace(0, 1, 11)
    line = 1 - doses
    cliff = np.where(doses < 0.45, 1.0, 0.0)  # falls between 0.4 and 0.5
    found = curves.steepness(doses, np.stack([line, cliff]))
    np.testing.assert_allclose(found, [1, 10])
    assert np.isnan(curves.steepness(doses, 1 - doses / 2))  # a quarter is not reached
    assert np.isnan(curves.steepness(doses, 0.1 - 0 * doses))  # nor is three quarters above


def test_a_quarter_that_is_not_reached_leaves_bounds_for_steepness():
    doses = np.linspace(0, 1, 11)
    late = np.maximum(1 - doses / 2, 0.6)  # three quarters at 0.5, a quarter never
    never = 1 - 0.2 * doses
    found = curves.steepness_bounds(doses, np.stack([1 - doses, late, never]))
    np.testing.assert_allclose(found, [[1, 1], [0, 0.5 / 0.5], [0, np.inf]])


def test_the_gradient_of_steepness_is_its_change_for_a_little_more_skill_at_each_dose():
    doses = np.array([0, 0.1, 0.2, 0.4, 0.5, 0.8, 1.0])
    pooled = np.array([1, 0.9, 0.8, 0.5, 0.55, 0.2, 0.1])  # smoothing makes two of them equal
    for curve in (np.array([1, 0.9, 0.7, 0.5, 0.4, 0.2, 0.1]), pooled):
        nudged = curve + 1e-6 * np.eye(7)
        before = float(curves.steepness(doses, curves.falling(curve)))
        change = (curves.steepness(doses, curves.falling(nudged)) - before) / 1e-6
        found = curves.steepness_gradient(doses, curve)
        np.testing.assert_allclose(found, change, rtol=1e-3, atol=1e-5)
        assert np.count_nonzero(found) >= 4
    assert np.isnan(curves.steepness_gradient(doses, 1 - doses / 2)).all()


def test_the_initial_slope_is_a_least_squares_line_through_the_intact_point():
    doses, rng = np.linspace(0, 1, 21), np.random.default_rng(0)
    skills = 1 - rng.random((3, 21)) * doses
    found = curves.initial_slope(doses, skills)
    early = doses[:6]  # a quarter of the range
    wanted = [np.linalg.lstsq(early[:, None], 1 - s[:6], rcond=None)[0][0] for s in skills]
    np.testing.assert_allclose(found, wanted)
    assert curves.initial_slope(doses, 1 - 0.7 * doses) == pytest.approx(0.7)


def test_the_initial_slope_of_a_coarse_grid_is_over_its_first_two_doses():
    doses = np.array([0, 0.5, 0.75, 1])
    flat = curves.initial_slope(doses, np.array([1, 0.5, 0.25, 0]))
    assert flat == pytest.approx(1)
    assert curves.initial_slope(doses, np.array([1, 0.5, 0.25, -9])) == pytest.approx(1)
    assert curves.initial_slope(np.array([0, 2.0]), np.array([1, 0.5])) == pytest.approx(0.25)
    assert np.isnan(curves.initial_slope(np.zeros(1), np.ones(1)))
    assert np.isnan(curves.initial_slope(doses, np.full(4, np.nan)))


def test_the_knee_is_where_a_curve_stands_highest_above_its_chord():
    doses = np.linspace(0, 1, 11)
    shoulder = np.interp(doses, [0, 0.6, 0.7, 1], [1, 0.95, 0.2, 0])
    at_once = (1 - doses) ** 4
    found = curves.knee(doses, np.stack([shoulder, at_once, 1 - doses]))
    np.testing.assert_allclose(found, [0.6, 0.0, 0.0])
    assert np.isnan(curves.knee(doses, np.full(11, np.nan)))


def crossing(value, half=0.1, sure=0.2):
    doses = np.linspace(0, 1, 11)
    value = np.asarray(value, float)
    return curves.crossovers(doses, value, (value - half, value + half),
                             (value - sure, value + sure))  # fmt: skip


def test_a_crossover_lies_where_the_difference_changes_its_sign_within_its_band():
    (found,) = crossing(0.5 - np.linspace(0, 1, 11))
    assert found.dose == pytest.approx(0.5)
    assert (found.lo, found.hi) == pytest.approx((0.4, 0.6))
    assert found.before == 1
    (turned,) = crossing(np.linspace(0, 1, 11) - 0.5)
    assert turned[:3] == pytest.approx(found[:3])
    assert turned.before == -1


def test_curves_that_are_not_surely_apart_on_both_sides_do_not_cross():
    assert crossing(0.15 - 0.3 * np.linspace(0, 1, 11)) == []
    assert crossing(np.linspace(0.5, 0.0, 11)) == []


def test_curves_may_cross_twice():
    waves = np.cos(2 * np.pi * np.linspace(0, 1, 11))
    assert [round(found.dose, 2) for found in crossing(waves)] == [0.25, 0.75]


DECADES = np.array([0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3])
RATES = places_of(DECADES, "log")


def test_the_area_over_decades_weighs_each_alike_and_the_linear_one_is_the_last_decade():
    last_decade = np.array([1, 1, 1, 1, 1, 0.0])
    assert curves.retained_area(RATES, last_decade) == pytest.approx(1 - 1 / 8)
    assert curves.retained_area(DECADES, last_decade) == pytest.approx(1 - 0.9 / 2)
    first_decade = np.array([1, 1, 0, 0, 0, 0.0])
    assert curves.retained_area(RATES, first_decade) == pytest.approx(1 / 8)
    assert curves.retained_area(DECADES, first_decade) < 1e-3
    assert np.isnan(curves.retained_area(places_of(np.array([0, 1e-3]), "log"), np.ones(2)))


def test_doses_have_places_and_places_doses():
    for scale in ("linear", "log"):
        np.testing.assert_allclose(doses_at(places_of(DECADES, scale)[1:], scale), DECADES[1:])
        censored = np.array([-np.inf, np.inf, np.nan])
        np.testing.assert_array_equal(doses_at(censored, scale), censored)


def test_d50_over_decades_is_interpolated_in_them():
    halfway = np.array([1, 1, 1, 0, 0, 0.0])
    assert 10 ** curves.d50(RATES, halfway) == pytest.approx(10**-5.5)
    assert curves.d50(DECADES, halfway) == pytest.approx(5.5e-6)
    assert curves.d50(RATES, np.ones(6)) == np.inf


def test_steepness_over_decades_is_skill_lost_in_a_decade():
    line = np.array([1, 1, 0.75, 0.5, 0.25, 0])  # a quarter of the skill in each decade
    assert curves.steepness(RATES, line) == pytest.approx(0.25)
    nudged = line + 1e-6 * np.eye(6)
    change = (curves.steepness(RATES, curves.falling(nudged)) - 0.25) / 1e-6
    np.testing.assert_allclose(curves.steepness_gradient(RATES, line), change, atol=1e-5)


def test_three_quarters_below_the_first_decade_leave_bounds_for_steepness():
    late = np.array([1, 0.7, 0.6, 0.5, 0.25, 0])  # a quarter at 1e-4, three decades on
    never = np.array([1, 0.7, 0.6, 0.5, 0.4, 0.3])
    assert np.isnan(curves.steepness(RATES, np.stack([late, never]))).all()
    found = curves.steepness_bounds(RATES, np.stack([late, never]))
    np.testing.assert_allclose(found, [[0, 0.5 / 3], [0, 0.5 / 4]])


def test_decades_have_no_initial_slope():
    assert np.isnan(curves.initial_slope(RATES, np.ones((2, 6)))).tolist() == [True, True]


def test_the_knee_over_decades_is_above_the_chord_from_the_first_of_them():
    shoulder = np.array([1, 1, 1, 0.9, 0.1, 0])
    assert 10 ** curves.knee(RATES, shoulder) == pytest.approx(1e-5)
    assert 10 ** curves.knee(RATES, np.array([1, 0.8, 0.6, 0.4, 0.2, 0])) == pytest.approx(1e-7)


def test_curves_cross_between_decades():
    value = np.array([0, 0.4, 0.4, 0.2, -0.2, -0.4])
    apart, sure = (value - 0.1, value + 0.1), (value - 0.15, value + 0.15)
    (found,) = curves.crossovers(DECADES, value, apart, sure, "log")
    assert found.dose == pytest.approx(10**-4.5)
    assert (found.lo, found.hi) == pytest.approx((10**-4.75, 10**-4.25))
    (linear,) = curves.crossovers(DECADES, value, apart, sure)
    assert linear.dose == pytest.approx(5.5e-5)


def test_error_rates_below_nine_decimals_are_doses_of_their_own():
    grid = np.array([0, 1e-11, 1e-10, 1e-9])
    assert curves.common_doses(grid, grid[[0, 1, 3]]).tolist() == [0, 1e-11, 1e-9]
    assert curves.at_doses(grid, np.arange(4), np.array([1e-11, 1e-9])).tolist() == [1, 3]


ROOTS = {  # mM of ferulic acid -> cm
    0: (7.5800000, 8.0000000, 8.3285714, 7.2500000, 7.3750000, 7.9625000),
    0.94: (8.3555556, 6.9142857, 7.7500000),
    1.88: (6.8714286, 6.4500000, 5.9222222),
    3.75: (1.9250000, 2.8857143, 4.2333333),
    7.5: (1.1875000, 0.8571429, 1.0571429),
    15: (0.6875000, 0.5250000, 0.8250000),
    30: (0.2500000, 0.2200000, 0.4400000),
}
SLOPE, LOWER, UPPER, ED50 = 2.9822, 0.4814, 7.7930, 3.0580  # of the published fit


def test_area_and_d50_agree_with_a_published_fit_of_a_real_curve():
    """Root length of ryegrass by ferulic acid: Inderjit, Streibig & Olofsdotter 2002.

    Physiologia Plantarum 114, 422-428; data set `ryegrass` of the R package drc, whose
    four-parameter log-logistic fit (LL.4) is published in Ritz et al. 2015, PLoS ONE 10, e0146021:
    ED50 3.058 with a standard error of 0.186.
    """
    doses = np.array(list(ROOTS), float)

    def hill(dose, slope, lower, upper, half):
        return lower + (upper - lower) / (1 + (dose / half) ** slope)

    each = np.array([(dose, root) for dose, roots in ROOTS.items() for root in roots])
    fitted, _ = curve_fit(hill, *each.T, [3, 0.5, 7, 3])  # the data are those of the publication
    np.testing.assert_allclose(fitted, [SLOPE, LOWER, UPPER, ED50], rtol=1e-3)
    skills = (np.array([np.mean(roots) for roots in ROOTS.values()]) - LOWER) / (UPPER - LOWER)
    places = places_of(doses, "log")
    assert 10 ** curves.d50(places, skills) == pytest.approx(2.99, abs=0.005)  # within 0.186
    assert curves.d50(doses, skills) == pytest.approx(3.13, abs=0.005)
    fine = np.geomspace(0.94, 30, 2001)
    area = np.trapezoid(hill(fine, SLOPE, 0, 1, ED50), np.log(fine)) / np.log(30 / 0.94)
    assert curves.retained_area(places, skills) == pytest.approx(0.348, abs=0.0005)
    assert area == pytest.approx(0.343, abs=0.0005)

"""Bands that hold at all doses at once."""

import numpy as np
import pytest
from scipy.special import ndtri, stdtrit

from lesion.analysis import bands
from lesion.analysis.compare import compare
from lesion.analysis.contrast import contrast, side_of
from lesion.analysis.sampled import sample
from lesion.analysis.summary import analyse, curve_rows
from tests import labs

from .simulated import classified, falling_curve, mrpc_labels

with labs.benchmark("simulator") as simulator:
    from worlds import World, true_curve

    SMALL = World(examples=200)


def study(number, knees=(0.45,), draws=10):
    rng = np.random.default_rng([number, draws])
    return simulator.responses(simulator.simulate(SMALL, rng, np.array(knees), draws))


def inside(band, curve):
    return bool(((band[0] - 1e-9 <= curve) & (curve <= band[1] + 1e-9)).all())


@pytest.mark.parametrize("draws", [10, 3])
def test_the_whole_true_curve_is_inside_as_often_as_it_should_be(draws):
    truth, count = true_curve(SMALL, 0.45), {"pointwise": 0, "simultaneous": 0}
    for number in range(150):
        (responses,) = study(number, draws=draws)
        curve = sample(responses, seed=number, replicates=400)
        pointwise, simultaneous = bands.both(curve.value, curve.levels, curve.members)
        count["pointwise"] += inside(pointwise, truth)
        count["simultaneous"] += inside(simultaneous, truth)
    assert count["pointwise"] < 0.7 * 150
    assert count["simultaneous"] > 0.9 * 150


def ends(dof, doses=20, half=1.0):
    t = -stdtrit(np.minimum(dof, 1e9), 0.025)
    return np.full(doses, -half * t), np.full(doses, half * t)


@pytest.mark.parametrize("dof", [np.inf, 9.0, 2.0])
def test_a_curve_that_moves_as_one_needs_no_wider_band(dof):
    lo, hi = bands.widened(ends(dof), np.full(20, dof), np.ones((20, 20)))
    np.testing.assert_allclose(hi, ends(dof)[1], rtol=0.06)
    np.testing.assert_allclose(lo, -hi)


def test_independent_doses_need_the_band_of_sidak():
    _, hi = bands.widened(ends(np.inf), np.full(20, np.inf), np.eye(20))
    assert hi[0] == pytest.approx(ndtri(1 - (1 - 0.95 ** (1 / 20)) / 2), rel=0.02)
    bonferroni = ndtri(1 - 0.025 / 20)
    near = np.exp(-np.abs(np.subtract.outer(np.arange(20), np.arange(20))) / 10)
    _, related = bands.widened(ends(np.inf), np.full(20, np.inf), near)
    assert ndtri(0.975) < related[0] < 0.95 * bonferroni


def test_few_degrees_of_freedom_widen_the_band():
    widths = [
        bands.widened(ends(dof), np.full(20, dof), np.eye(20))[1][0] for dof in (1e9, 9.0, 3.0)
    ]
    assert widths == sorted(widths) and widths[2] > 1.5 * widths[0]


def test_a_dose_without_variance_is_as_uncertain_as_half_of_the_mean():
    half = np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    between = np.diag(half)
    lo, hi = bands.widened((-half, half), np.full(5, np.inf), between)
    assert hi[0] == lo[0] == 0  # the intact model
    assert hi[1] == hi[4] == pytest.approx(hi[2] * np.sqrt(0.5))
    plain = bands.widened((-half, half), np.full(5, np.inf), between, shared=0.0)
    assert plain[1][1] == 0 < plain[1][2] < hi[2] * 1.2


def test_the_band_is_nowhere_inside_the_pointwise_one_and_both_are_in_the_rows():
    found = analyse([falling_curve(np.random.default_rng(0), mrpc_labels(200), draws=4)])[0]
    for curve in (found.skill, *found.curves.values()):
        assert (curve.lo_all <= curve.lo).all() and (curve.hi <= curve.hi_all).all()
        assert (curve.lo_all < curve.lo).any()
    assert found.skill.lo_all[0] == found.skill.hi_all[0] == 1
    row = curve_rows(found)[3]
    assert row["skill_lo_all"] == found.skill.lo_all[3] < row["skill_lo"]
    assert 0 <= row["accuracy_lo_all"] <= row["accuracy"] <= row["accuracy_hi_all"] <= 1


def test_the_band_of_an_undefined_skill_is_unbounded():
    never = analyse([classified(np.ones((1, 3, 4, 100), int), mrpc_labels(100))])[0]
    assert np.isnan(never.skill.value).all()
    assert (never.skill.lo_all == -np.inf).all() and (never.skill.hi_all == np.inf).all()


def test_the_band_of_a_difference_is_that_of_the_curve_of_differences():
    a, b = (sample(r, replicates=500) for r in study(3, (0.4, 0.5)))
    both = [side_of([c], lambda _, values: values) for c in (a, b)]
    difference = contrast(*both)
    sides = [[(c.value, c.levels)] for c in (a, b)]
    found = bands.of_difference(*sides, (difference.lo, difference.hi), difference.dof)
    levels = {k: b.levels[k] - a.levels[k] for k in ("draws", "examples", "seeds")}
    _, alone = bands.both(b.value - a.value, levels, a.members)
    np.testing.assert_allclose(found, alone, atol=0.02)


def test_the_band_of_groups_uses_the_variance_between_their_models():
    curves = [sample(r, replicates=300) for r in study(5, (0.3, 0.4, 0.5, 0.5, 0.6, 0.7))]
    groups = curves[:3], curves[3:]
    difference = contrast(*(side_of(group, lambda _, values: values) for group in groups))
    sides = [[(c.value, c.levels) for c in group] for group in groups]
    lo, hi = bands.of_difference(*sides, (difference.lo, difference.hi), difference.dof)
    assert (hi - lo > difference.hi - difference.lo)[1:].all()
    assert inside((lo, hi), true_curve(SMALL, 0.6) - true_curve(SMALL, 0.4))


def test_models_that_are_equal_seldom_cross():
    crossed = 0
    for number in range(30):
        pair = analyse(study(number, (0.45, 0.45)), seed=number, replicates=200)
        crossed += bool(compare(pair[:1], pair[1:]).crossovers)
    assert crossed <= 1

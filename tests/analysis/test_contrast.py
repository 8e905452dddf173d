import numpy as np
import pytest
from scipy import stats

from lesion.analysis import contrast, curves
from lesion.analysis.sampled import ResampledCurve, area_of, sample

from .simulated import falling_curve, mrpc_labels

LABELS = mrpc_labels(120)
DOSES = np.array([0.0, 1.0])


def flat(value, seeds=0.0, draws=0.0, examples=0.0, rng=0, replicates=4000, members=(1, 8, 99)):
    """A model whose area is `value`, with normal replicates of these standard deviations."""
    rng = np.random.default_rng(rng)
    names = ("seeds", "draws", "examples")
    away = {
        name: sd * rng.standard_normal((replicates, 1)) * np.ones(2)
        for name, sd in zip(names, (seeds, draws, examples), strict=True)
    }
    joint = value + sum(away.values())
    levels = {name: value + part for name, part in away.items()}
    counts = dict(zip(names, members, strict=True))
    return ResampledCurve(DOSES, np.full(2, value), joint, levels, counts)


def area(models):
    return contrast.side_of(models, curves.retained_area)


def test_the_mean_of_a_few_models_has_the_t_interval_of_their_values():
    values = [0.3, 0.5, 0.45]
    side = area([flat(v) for v in values])
    found = contrast.contrast(side.zero(), side)
    wanted = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (found.lo, found.hi) == pytest.approx(wanted)
    assert found.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_two_groups_of_models_have_welch_s_interval():
    a, b = [0.30, 0.36, 0.33, 0.40], [0.5, 0.7, 0.55]
    found = contrast.contrast(area([flat(v) for v in a]), area([flat(v) for v in b]))
    welch = stats.ttest_ind(b, a, equal_var=False)
    wanted = welch.confidence_interval()
    assert (found.lo, found.hi) == pytest.approx((wanted.low, wanted.high))
    assert found.p == pytest.approx(welch.pvalue)


def test_seeds_nested_in_several_models_are_not_counted_twice():
    values = [0.3, 0.5, 0.45]
    plain, seeded = area([flat(v) for v in values]), area([
        flat(v, seeds=0.08, rng=n, members=(3, 8, 99)) for n, v in enumerate(values)
    ])  # fmt: skip
    spread, bare = (
        contrast.spread_of(contrast.contrast(side.zero(), side).components)
        for side in (seeded, plain)
    )
    assert sum(spread.values()) == pytest.approx(sum(bare.values()))
    assert spread["seeds"] == pytest.approx(0.08**2 / 3, rel=0.1)
    assert spread["seeds"] + spread["models"] == pytest.approx(np.var(values, ddof=1) / 3, rel=0.1)


def test_the_seeds_of_one_model_are_its_only_replication_and_count():
    sides = [area([flat(0.4, seeds=0.05, rng=n, members=(3, 8, 99))]) for n in (0, 1)]
    found = contrast.contrast(*sides)
    half = stats.t.ppf(0.975, 4) * np.hypot(0.05, 0.05)
    assert (found.lo, found.hi) == pytest.approx((-half, half), rel=0.05)


def test_what_is_paired_cancels():
    common = flat(0.4, draws=0.1)
    found = contrast.contrast(area([common]), area([common]))
    assert (found.delta, found.lo, found.hi, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("freedom", [4.0, np.inf])
def test_a_p_value_is_that_of_student_s_t(freedom):
    half = stats.t.ppf(0.975, freedom)
    assert contrast.p_value(2.5, 2.5 - half, 2.5 + 9, freedom) == pytest.approx(
        2 * stats.t.sf(2.5, freedom)
    )
    assert contrast.p_value(-2.5, -11, -2.5 + half, freedom) == pytest.approx(
        2 * stats.t.sf(2.5, freedom)
    )


def test_a_p_value_is_below_five_hundredths_just_where_the_interval_leaves_zero_out():
    assert contrast.p_value(1.0, 0.0, 2.0, 7.0) == pytest.approx(0.05)
    assert contrast.p_value(1.0, -np.inf, np.inf) == 1
    assert contrast.p_value(0.0, 0.0, 0.0) == 1
    assert contrast.p_value(1.0, 1.0, 1.0) == 0
    assert contrast.p_value(np.nan, np.nan, np.nan) == 1


def test_a_contrast_with_nothing_is_the_area_of_one_model():
    one = sample(falling_curve(np.random.default_rng(0), LABELS, draws=6, spread=0.2), 0, 800)
    found, side = area_of(one), area([one])
    alone = contrast.contrast(side.zero(), side)
    assert alone.estimate == pytest.approx((found.value, found.lo, found.hi))
    assert alone.dof == pytest.approx(found.dof)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert 0 < found.shares["interactions"] < found.shares["examples"]

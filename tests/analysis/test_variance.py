import numpy as np
import pytest
from scipy import stats

from lesion.analysis import bootstrap, contrast, sampled, summary, variance
from lesion.analysis.curves import retained_area

from .simulated import falling_curve, mrpc_labels

DRAWS, EXAMPLES = 6, 40


def crossed(rng, draw=0.0, example=0.0, both=0.0):
    """Values of a table with effects of these standard deviations, (draws, examples)."""
    return (
        draw * rng.standard_normal((DRAWS, 1))
        + example * rng.standard_normal(EXAMPLES)
        + both * rng.standard_normal((DRAWS, EXAMPLES))
    )


def resampled(rng, values, replicates=800):
    left = bootstrap.resample(rng, values.shape[0], replicates) / (values.shape[0] - 1)
    right = bootstrap.resample(rng, values.shape[1], replicates) / (values.shape[1] - 1)
    return {
        "draws": left @ values.mean(1),
        "examples": right @ values.mean(0),
        "draws x examples": ((left @ values) * right).sum(1),
    }


def two_way(values):
    """Unbiased variances of the effects on the mean, by the analysis of variance."""
    draws, examples = values.shape
    away = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    both = (away**2).sum() / ((draws - 1) * (examples - 1) * draws * examples)
    by_draw = values.mean(1).var(ddof=1) / draws - both
    by_example = values.mean(0).var(ddof=1) / examples - both
    return {"draws": by_draw, "examples": by_example, "draws x examples": both}


def test_sources_have_the_variances_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    values = crossed(rng, 0.5, 1.0, 1.0)
    spread, wanted = variance.components(resampled(rng, values, 40_000)), two_way(values)
    for source in wanted:
        assert spread[source] == pytest.approx(wanted[source], rel=0.05, abs=2e-4)


def test_an_interaction_alone_is_counted_once():
    rng = np.random.default_rng(1)
    totals = []
    for _ in range(100):
        spread = variance.components(resampled(rng, crossed(rng, both=1.0)))
        totals.append(sum(spread.values()) * DRAWS * EXAMPLES)
    # Above 1, as no source falls below 0; each level counted alone gives 2.
    assert 1.0 < np.mean(totals) < 1.4


def test_the_sum_is_never_below_the_variance_of_one_level_alone():
    rng = np.random.default_rng(2)
    for effects in ((0, 0, 1), (0.2, 0, 1), (0, 0.3, 1), (1, 1, 0), (0.1, 0.1, 2)):
        levels = resampled(rng, crossed(rng, *effects))
        total = sum(variance.components(levels).values())
        raw = variance.variances({key: levels[key] for key in ("draws", "examples")})
        assert total >= max(raw.values()) * (1 - 1e-9)


def test_three_levels_have_every_interaction_once():
    raw = {"seeds": 4, "draws": 4, "examples": 4, "seeds x draws": 2, "seeds x examples": 2,
           "draws x examples": 2, "seeds x draws x examples": 1}  # fmt: skip
    pure = variance.peeled({key: np.float64(value) for key, value in raw.items()})
    assert pure == dict.fromkeys(raw, 1.0)


def test_an_interaction_has_degrees_of_freedom_of_its_own():
    spread = {"draws": np.array(0.0), "examples": np.array(2.0), "draws x examples": np.array(1.0)}
    members = {"draws": 5, "examples": 41}
    wanted = 3**2 / (3**2 / 40 + 1 / (4 * 40))
    assert variance.degrees_of_freedom(spread, members) == pytest.approx(wanted)


def test_models_interact_with_draws_and_examples_once():
    rng = np.random.default_rng(3)
    models, draws, examples, ratios = 4, 5, 60, []
    for _ in range(40):
        table = rng.standard_normal((models, draws, examples))  # the three-way interaction alone
        left = bootstrap.resample(rng, draws, 400) / (draws - 1)
        right = bootstrap.resample(rng, examples, 400) / (examples - 1)
        curves = []
        for values in table:
            levels = {
                "seeds": np.full((400, 1), values.mean()),
                "draws": (left @ values.mean(1))[:, None],
                "examples": (right @ values.mean(0))[:, None],
                "draws x examples": ((left @ values) * right).sum(1)[:, None],
            }
            members = {"seeds": 1, "draws": draws, "examples": examples}
            mean = np.array([values.mean()])
            curves.append(sampled.ResampledCurve(np.zeros(1), mean, mean, levels, members))
        side = contrast.side_of(curves, lambda _, values: values[..., 0])
        parts = contrast.contrast(side.zero(), side).components
        ratios.append(sum(float(part.variance) for part in parts) * table.size)
        assert {part.source for part in parts} == {
            "draws", "examples", "draws x examples", "models", "seeds", "models x draws",
            "models x examples", "models x draws x examples",
        }  # fmt: skip
    assert 1.0 <= np.mean(ratios) < 1.8  # the levels alone give 3


def test_the_examples_of_a_cluster_are_resampled_together():
    labels = mrpc_labels(120)
    responses = falling_curve(np.random.default_rng(0), labels, draws=4, spread=0.2)
    clusters = np.repeat(np.arange(15), 8)
    weights = sampled.weights_of(responses._replace(clusters=clusters), 0, 200)
    assert weights.clusters == 15
    assert set(weights.examples.sum(1)) == {14 * 8}
    by_cluster = weights.examples.reshape(200, 15, 8)
    assert (by_cluster == by_cluster[:, :, :1]).all()
    analysis = summary.analyse([responses._replace(clusters=clusters)], replicates=200)[0]
    assert analysis.resampled.members["examples"] == 15


def test_equal_examples_of_a_cluster_have_the_interval_of_the_clusters():
    rng = np.random.default_rng(4)
    small = falling_curve(rng, mrpc_labels(60), draws=4, spread=0.2)
    eight = small._replace(
        outputs=np.repeat(small.outputs, 8, axis=3), labels=np.repeat(small.labels, 8),
        clusters=np.repeat(np.arange(60), 8),
    )  # fmt: skip
    wanted, area = (sampled.area_of(sampled.sample(r, 0, 400)) for r in (small, eight))
    assert area[:3] == pytest.approx(wanted[:3], abs=1e-5)
    alone = sampled.area_of(sampled.sample(eight._replace(clusters=None), 0, 400))
    assert alone.hi - alone.lo < 0.9 * (area.hi - area.lo)


def test_strata_keep_their_shares_in_every_replicate():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(120), draws=2)
    strata = np.arange(120) % 3
    weights = sampled.weights_of(responses._replace(strata=strata), 0, 50).examples
    for stratum in range(3):
        np.testing.assert_allclose(weights[:, strata == stratum].sum(1), 40, rtol=1e-5)


def test_the_area_of_a_curve_has_the_variance_of_the_analysis_of_variance():
    labels = mrpc_labels(150)
    responses = falling_curve(np.random.default_rng(8), labels, draws=8, spread=0.2)
    curve = sampled.sample(responses, 0, 8000)
    right = (responses.outputs[0].argmax(-1) == labels).astype(float)  # (draws, doses, examples)
    gain = right[:, 0].mean() - max(labels.mean(), 1 - labels.mean())
    area = retained_area(responses.doses, np.moveaxis(right, 1, -1)) / gain  # (draws, examples)
    levels = {k: retained_area(curve.doses, values) for k, values in curve.levels.items()}
    spread = variance.components(levels)
    wanted = two_way(area)  # of draws and of the interaction: the intact score has neither
    assert spread["draws"] == pytest.approx(max(wanted["draws"], 0), rel=0.1)
    assert spread["draws x examples"] == pytest.approx(wanted["draws x examples"], rel=0.1)


def test_shares_are_those_of_the_sum_and_undefined_without_variance():
    spread = variance.variances({"draws": np.array([1.0, -1.0]), "seeds": np.zeros(2)})
    assert variance.shares(spread) == {"draws": 1.0, "seeds": 0.0, "interactions": 0.0}
    nothing = variance.shares(variance.variances({"draws": np.full(9, 0.1)}))
    assert np.isnan(nothing["draws"])


def test_degrees_of_freedom_are_of_the_level_that_gives_the_variance():
    spread = {"draws": np.array(1.0), "examples": np.array(0.0)}
    assert variance.degrees_of_freedom(spread, {"draws": 5, "examples": 400}) == 4
    spread = {"draws": np.array(1.0), "examples": np.array(1.0)}
    wanted = 4 / (1 / 4 + 1 / 399)
    assert variance.degrees_of_freedom(spread, {"draws": 5, "examples": 400}) == pytest.approx(
        wanted
    )
    assert variance.degrees_of_freedom({"draws": np.array(0.0)}, {"draws": 5}) == np.inf


def test_a_t_interval_of_one_level_is_that_of_scipy():
    values = np.random.default_rng(0).normal(2, 1, (9, 3))
    spread = {"draws": values.var(0, ddof=1) / 9, "seeds": np.zeros(3)}
    found = variance.t_interval(values.mean(0), spread, {"draws": 9, "seeds": 1})
    wanted = stats.t.interval(0.95, 8, values.mean(0), stats.sem(values))
    np.testing.assert_allclose(found, wanted)


def test_a_t_interval_of_two_levels_is_welch_s():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 5), rng.normal(0, 3, 12)
    spread = {"a": np.var(a, ddof=1) / 5, "b": np.var(b, ddof=1) / 12}
    found = variance.t_interval(a.mean() - b.mean(), spread, {"a": 5, "b": 12}, 0.9)
    wanted = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert found == pytest.approx((wanted.low, wanted.high))


def test_a_t_interval_without_variance_is_a_point_and_of_what_is_not_finite_unbounded():
    observed = np.array([0.5, np.inf, -np.inf, np.nan])
    lo, hi = variance.t_interval(observed, {"draws": np.zeros(4)}, {"draws": 5})
    np.testing.assert_array_equal(lo, [0.5, -np.inf, -np.inf, -np.inf])
    np.testing.assert_array_equal(hi, [0.5, np.inf, np.inf, np.inf])


def test_intervals_cover_the_mean_of_crossed_effects_about_as_often_as_they_say():
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(250):
        draws, examples = 10, 60
        values = rng.normal(size=(draws, 1)) * 0.5 + rng.normal(size=examples)
        values = values + rng.normal(size=values.shape)
        left = bootstrap.resample(rng, draws, 400) / (draws - 1)
        right = bootstrap.resample(rng, examples, 400) / (examples - 1)
        levels = {"draws": left @ values.mean(1), "examples": right @ values.mean(0)}
        members = {"draws": draws, "examples": examples}
        lo, hi = variance.t_interval(values.mean(), variance.variances(levels), members)
        hits += lo <= 0 <= hi
    assert 0.91 <= hits / 250 <= 0.985

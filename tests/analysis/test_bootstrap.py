import numpy as np
import pytest
from scipy import stats

from lesion.analysis import bootstrap, scores, variance
from lesion.keys import generator

from .simulated import classified, falling_curve, mrpc_labels


def drawn(responses, replicates=500, seed=0, correct=True):
    seeds, draws, _, examples, _ = responses.outputs.shape
    rng = generator(seed)
    counts = [bootstrap.resample(rng, n, replicates, correct) for n in (seeds, draws, examples)]
    return bootstrap.ResamplingWeights(*counts, clusters=examples)


def test_resampling_counts_members_minus_one_and_leaves_a_single_member_alone():
    counts = bootstrap.resample(generator(0), 7, 50)
    assert counts.shape == (50, 7)
    assert set(counts.sum(1)) == {6}
    assert set(bootstrap.resample(generator(0), 7, 50, correct=False).sum(1)) == {7}
    assert (bootstrap.resample(generator(0), 1, 50) == 1).all()


def test_resampling_in_blocks_counts_every_row(monkeypatch):
    monkeypatch.setattr(bootstrap, "BLOCK", 20)
    assert set(bootstrap.resample(generator(0), 7, 51).sum(1)) == {6}


def test_the_corrected_variance_of_a_mean_is_the_unbiased_one():
    values = np.array([0.1, 0.5, 0.4, 0.9])
    counts = bootstrap.resample(generator(1), 4, 200_000)
    means = counts @ values / counts.sum(1)
    assert means.var() == pytest.approx(values.var(ddof=1) / 4, rel=0.02)


def test_the_same_generator_gives_the_same_replicates_and_another_gives_others():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(80))
    first, again, other = (
        bootstrap.replicate(responses, drawn(responses, seed=seed))["accuracy"].joint
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", scores.available("classify"))
def test_replicates_are_means_of_trial_scores_under_weights_written_as_loops(name):
    rng = np.random.default_rng(2)
    labels = mrpc_labels(40)
    responses = falling_curve(rng, labels, seeds=2, draws=3, doses=4)
    noise = rng.normal(0, 0.2, responses.outputs.shape)
    responses = responses._replace(outputs=(responses.outputs + noise).astype(np.float32))
    weights = drawn(responses, replicates=5)
    found = bootstrap.replicate(responses, weights)[name]
    for b in range(5):
        wanted, total, even, mixed = np.zeros(4), 0.0, np.zeros(4), np.zeros(4)
        for s in range(2):
            for d in range(3):
                one = scores.score(
                    name, responses.outputs[s, d], labels, weights.examples[b : b + 1]
                )
                weight = weights.seeds[b, s] * weights.draws[b, d]
                pair = weights.draws[b, d] / weights.draws[b].sum() / 2
                wanted, total, even = wanted + weight * one[0], total + weight, even + one[0] / 6
                mixed = mixed + pair * one[0]
        np.testing.assert_allclose(found.joint[b], wanted / total, atol=1e-5)
        np.testing.assert_allclose(found.levels["examples"][b], even, atol=1e-5)
        np.testing.assert_allclose(found.levels["draws x examples"][b], mixed, atol=1e-5)
        np.testing.assert_array_equal(found.levels["seeds x draws x examples"], found.joint)
        by_draw = weights.draws[b] / weights.draws[b].sum()
        np.testing.assert_allclose(
            found.levels["draws"][b], by_draw @ found.cells.mean(0), atol=1e-12
        )
    np.testing.assert_allclose(
        found.value, scores.score(name, responses.outputs, labels).mean((0, 1))
    )


def test_doses_done_in_blocks_give_the_same_replicates(monkeypatch):
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(60), doses=7)
    weights = drawn(responses)
    whole = bootstrap.replicate(responses, weights)["mcc"]
    monkeypatch.setattr(bootstrap, "BLOCK", 20_000)
    parts = bootstrap.replicate(responses, weights)["mcc"]
    np.testing.assert_allclose(whole.joint, parts.joint, atol=1e-6)
    np.testing.assert_allclose(whole.cells, parts.cells)


def test_with_one_seed_and_one_draw_only_examples_vary_as_in_scipy():
    labels = mrpc_labels(150)
    responses = falling_curve(np.random.default_rng(5), labels, draws=1, doses=2)
    found = bootstrap.replicate(responses, drawn(responses, 20_000, correct=False))["accuracy"]
    right = (responses.outputs[0, 0, 0].argmax(-1) == labels).astype(float)
    theirs = stats.bootstrap(
        (right,), np.mean, n_resamples=20_000, method="percentile",
        random_state=np.random.default_rng(0),
    )  # fmt: skip
    lo, hi = bootstrap.interval(found.value[0], found.joint[:, 0])
    assert found.joint[:, 0].std() == pytest.approx(theirs.standard_error, rel=0.02)
    assert lo == pytest.approx(theirs.confidence_interval.low, abs=0.008)
    assert hi == pytest.approx(theirs.confidence_interval.high, abs=0.008)
    assert not variance.variances(found.levels)["draws"].any()
    assert not variance.variances(found.levels)["seeds"].any()


def test_seeds_and_examples_are_resampled_as_in_the_multibootstrap():
    rng = np.random.default_rng(6)
    labels = mrpc_labels(50)
    responses = falling_curve(rng, labels, seeds=5, draws=1, doses=2)
    found = bootstrap.replicate(responses, drawn(responses, 20_000, correct=False))["accuracy"]
    right = (responses.outputs[:, 0, 0].argmax(-1) == labels).astype(float)  # (seeds, examples)
    theirs = np.empty(20_000)  # Sellam et al. 2022: both axes drawn with replacement, mean of cells
    for b in range(20_000):
        theirs[b] = right[np.ix_(rng.integers(0, 5, 5), rng.integers(0, 50, 50))].mean()
    ours = found.joint[:, 0]
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.002)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)


def test_a_trial_that_is_not_finite_has_the_loss_of_the_prior_in_every_replicate():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(60), draws=4, doses=3)
    outputs = responses.outputs.copy()
    outputs[0, 2, 2] = np.nan
    weights = drawn(responses)
    plain = bootstrap.replicate(responses, weights)["cross_entropy"]
    found = bootstrap.replicate(responses._replace(outputs=outputs), weights)["cross_entropy"]
    assert found.cells[0, 2, 2] == pytest.approx(found.chance)
    hit = weights.draws[:, 2] > 0
    np.testing.assert_allclose(found.joint[~hit], plain.joint[~hit], rtol=1e-6)
    assert np.isfinite(found.joint).all()
    alone = (weights.draws[:, [0, 1, 3]] == 0).all(1)  # resamples of this draw only
    assert alone.any()
    np.testing.assert_allclose(found.joint[alone, 2], found.chances[alone], rtol=1e-5)


def test_each_level_alone_has_the_variance_of_its_mean():
    labels = mrpc_labels(100)
    responses = falling_curve(np.random.default_rng(0), labels, seeds=3, draws=6, spread=0.2)
    spread = variance.variances(
        bootstrap.replicate(responses, drawn(responses, 20_000))["accuracy"].levels
    )
    right = responses.outputs.argmax(-1) == labels  # (seeds, draws, doses, examples)
    for level, others, n in (
        ("seeds", (1, 3), 3), ("draws", (0, 3), 6), ("examples", (0, 1), 100),
    ):  # fmt: skip
        means = right.mean(others)
        members = means.T if level == "examples" else means
        wanted = members.var(0, ddof=1) / n
        np.testing.assert_allclose(spread[level], wanted, rtol=0.06, atol=1e-9)


def test_a_two_way_interaction_is_counted_twice_and_in_joint_replicates_three_times():
    rng = np.random.default_rng(0)
    draws, examples, joint, levels = 20, 30, [], []
    for _ in range(60):
        values = rng.normal(size=(draws, examples))  # interaction alone: variance 1 / (20 x 30)
        left = bootstrap.resample(rng, draws, 500) / (draws - 1)
        right = bootstrap.resample(rng, examples, 500) / (examples - 1)
        joint.append(((left @ values) * right).sum(1).var() * 600)
        alone = {"draws": left @ values.mean(1), "examples": right @ values.mean(0)}
        levels.append(sum(variance.variances(alone).values()) * 600)
    assert np.mean(joint) == pytest.approx(3, abs=0.3)
    assert np.mean(levels) == pytest.approx(2, abs=0.2)


def test_a_percentile_interval_is_wider_for_few_degrees_of_freedom():
    values = np.random.default_rng(0).normal(size=(100_000, 2))
    lo, hi = bootstrap.interval(np.zeros(2), values)
    np.testing.assert_allclose(lo, np.quantile(values, 0.025, axis=0, method="weibull"))
    np.testing.assert_allclose(hi, np.quantile(values, 0.975, axis=0, method="weibull"))
    lo, hi = bootstrap.interval(np.zeros(2), values, dof=np.array([2.0, np.inf]))
    np.testing.assert_allclose(hi, [stats.t.ppf(0.975, 2), 1.96], rtol=0.02)
    np.testing.assert_allclose(lo, -hi, rtol=0.03)


def test_an_interval_keeps_the_skew_of_its_replicates_and_stays_in_its_limits():
    values = np.random.default_rng(0).exponential(size=100_000)
    lo, hi = bootstrap.interval(1.0, values, dof=5.0)
    stretch = stats.t.ppf(0.975, 5) / stats.norm.ppf(0.975)
    assert (lo, hi) == pytest.approx(
        (
            1 - stretch * (1 - np.quantile(values, 0.025, method="weibull")),
            1 + stretch * (np.quantile(values, 0.975, method="weibull") - 1),
        )
    )
    assert bootstrap.interval(1.0, values, dof=5.0, limits=(0.0, 2.0)) == (0.0, 2.0)


def test_an_interval_never_mixes_a_number_with_not_reached():
    values = np.array([0.1] * 39 + [np.inf])
    lo, hi = bootstrap.interval(0.1, values)
    assert lo == pytest.approx(0.1)
    assert hi == np.inf
    assert bootstrap.interval(np.inf, np.full(40, np.inf), dof=3.0) == (np.inf, np.inf)
    assert bootstrap.interval(np.inf, values[::-1], dof=3.0)[0] == pytest.approx(0.1)


def test_undefined_replicates_widen_an_interval_to_its_limits():
    values = np.array([0.5] * 90 + [np.nan] * 10)
    assert bootstrap.interval(0.5, values, limits=(0.0, 9.0)) == (0.0, 9.0)
    few = np.array([0.5] * 999 + [np.nan])
    assert bootstrap.interval(0.5, few, limits=(0.0, 9.0)) == (0.5, 0.5)


def test_a_constant_model_has_an_interval_only_through_its_examples():
    labels = mrpc_labels(100)
    responses = classified(np.ones((1, 4, 3, 100), int), labels)
    found = bootstrap.replicate(responses, drawn(responses))
    assert (found["mcc"].joint == 0).all()
    chances = np.repeat(found["accuracy"].chances[:, None], 3, axis=1)
    np.testing.assert_allclose(found["accuracy"].joint, chances, atol=1e-6)

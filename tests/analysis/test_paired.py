from itertools import product

import numpy as np
import pytest
from scipy import stats

from lesion.analysis.paired import at_dose, mcnemar


@pytest.mark.parametrize(("a", "b"), [(0, 0), (3, 9), (12, 4), (7, 7), (150, 210)])
def test_mcnemar_is_the_binomial_test_of_the_discordant_examples(a, b):
    wanted = stats.binomtest(a, a + b).pvalue if a + b else 1.0
    assert mcnemar(a, b) == pytest.approx(wanted)


def test_single_trials_are_compared_by_mcnemar_s_exact_test():
    a = np.array([1, 1, 1, 0, 0, 1, 1, 0, 1, 1.0])
    b = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 1.0])
    found = at_dose(0.3, a, b)
    assert (found.only_a, found.only_b, found.method) == (5, 1, "exact McNemar")
    assert found.delta == pytest.approx(-0.4)
    assert found.p == pytest.approx(stats.binomtest(1, 6).pvalue)


def test_means_over_draws_are_compared_by_every_flip_of_signs():
    a, b = np.array([0.2, 0.4, 0.8, 0.5, 0.5]), np.array([0.6, 0.4, 1.0, 0.8, 0.4])
    away = b - a
    sums = [abs(np.dot(signs, away)) for signs in product((-1, 1), repeat=5)]
    found = at_dose(0.3, a, b)
    assert found.method == "sign flips"
    assert found.p == pytest.approx(np.mean(np.array(sums) >= away.sum() - 1e-9))


def test_many_examples_are_flipped_at_random_as_scipy_does():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 11, 60) / 10
    b = np.clip(a + rng.integers(-3, 5, 60) / 10, 0, 1)
    wanted = stats.permutation_test(
        (b - a,), np.mean, permutation_type="samples", n_resamples=9999, random_state=1
    )
    assert at_dose(0.1, a, b).p == pytest.approx(wanted.pvalue, abs=0.015)
    assert at_dose(0.1, a, b, seed=3) == at_dose(0.1, a, b, seed=3)


def test_the_same_answers_are_no_difference():
    assert at_dose(0.0, np.ones(9), np.ones(9)).p == 1


def test_examples_of_a_cluster_change_sides_together():
    a, b = np.array([0, 0, 1, 0, 1, 0]), np.array([1, 1, 1, 1, 0, 1])
    alone = at_dose(0.3, a, b)
    eight = at_dose(0.3, np.repeat(a, 8), np.repeat(b, 8), clusters=np.repeat(np.arange(6), 8))
    assert eight.method == "sign flips of clusters"
    assert eight.p == pytest.approx(alone.p)  # repeating an answer adds no evidence
    assert at_dose(0.3, np.repeat(a, 8), np.repeat(b, 8)).p < alone.p / 10
    assert (eight.only_a, eight.only_b) == (8, 32)

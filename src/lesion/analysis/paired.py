"""Two models at one dose, example by example: McNemar's exact test and its generalisation."""

from typing import NamedTuple

import numpy as np

from lesion.keys import generator

Array = np.ndarray

FLIPS = 9999  # random sign flips, if there are too many to go through all


class PairedTest(NamedTuple):
    """Difference of the shares of right answers, b - a, and a test of it against 0.

    Attributes:
        dose: at which it was made.
        delta: difference of accuracy.
        p: two-sided; of no difference on examples like these, given these draws.
        only_a, only_b: number of examples on which a, or b, is right more often.
        method: "exact McNemar" (single trials), "sign flips" or "sign flips of clusters".
        p_holm: p corrected over the comparisons of a family; nan: it is in none.
    """

    dose: float
    delta: float
    p: float
    only_a: int
    only_b: int
    method: str
    p_holm: float = float("nan")


def at_dose(
    dose: float, a: Array, b: Array, seed: int = 0, clusters: Array | None = None
) -> PairedTest:
    """Test on the examples whether two models are right equally often.

    Under the null hypothesis the difference of each example has either sign with equal probability
    (Fisher 1935). With single trials, in which each answer is right or wrong, this is McNemar's
    test in its exact binomial form. With means over draws, signs are flipped: in all ways if fewer
    than 14 examples differ, else in 9999 random ones (Phipson & Smyth 2010 for the p). Examples of
    one cluster are not independent: the sign of the whole cluster is flipped.

    Args:
        dose: for the result.
        a, b: (examples,) share of trials in which each example was answered correctly.
        seed: the study's, for random flips.
        clusters: (examples,) of which cluster each is; None: each is its own.
    """
    difference = np.asarray(b, np.float64) - a
    moved = difference[np.abs(difference) > 1e-9]
    down, up = int((moved < 0).sum()), int((moved > 0).sum())
    if clusters is not None:
        sums = np.bincount(clusters, difference)
        p, method = sign_flips(sums[np.abs(sums) > 1e-9], seed), "sign flips of clusters"
    elif (np.abs(moved) == 1).all():
        p, method = mcnemar(down, up), "exact McNemar"
    else:
        p, method = sign_flips(moved, seed), "sign flips"
    return PairedTest(dose, float(difference.mean()), p, down, up, method)


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p of McNemar's test (McNemar 1947): a binomial test of the discordant."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def sign_flips(moved: Array, seed: int) -> float:
    """Two-sided p that differences are as likely of either sign: in all ways if below 14."""
    sizes, observed = np.abs(moved), abs(float(moved.sum()))
    if len(moved) < 14:
        bits = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        sums = (1.0 - 2 * bits) @ sizes
        return float((np.abs(sums) >= observed - 1e-9).mean())
    rng = generator(seed, "sign flips", len(moved))
    sums = np.concatenate([
        rng.choice([-1.0, 1.0], (rows, len(moved))) @ sizes
        for rows in (3333, 3333, FLIPS - 6666)
    ])  # fmt: skip
    return float((1 + (np.abs(sums) >= observed - 1e-9).sum()) / (1 + FLIPS))

"""Ranking a matrix: packed keys (`orders.rank`) against a stable argsort of the same keys.

Prints the time of each way and their ratio, alternating in one process on one thread.
"""

import time
from collections.abc import Callable

import numpy as np

from lesion.damage.orders import rank
from lesion.keys import priorities

UNITS = 768 * 3072  # a feed-forward matrix of BERT-base
ROUNDS = 7


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Compare, and check that both give the same ordering."""
    keys = priorities(UNITS, 0, "benchmark")
    assert np.array_equal(rank(keys).units, np.argsort(keys, kind="stable"))
    pairs = [
        (seconds(lambda: rank(keys)), seconds(lambda: np.argsort(keys, kind="stable")))
        for _ in range(ROUNDS)
    ]
    packed, stable = np.median(pairs, axis=0)
    ratios = sorted(b / a for a, b in pairs)
    print(f"{UNITS:,} units: packed {packed:.3f} s, stable argsort {stable:.3f} s")
    print(f"ratio {np.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


main()

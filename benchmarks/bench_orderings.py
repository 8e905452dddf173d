"""Ordering a matrix at random: the first units of it, all of it, and a stable argsort of its keys.

Prints the processor time of each way and their ratios, alternating in one process on one thread.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from lesion.damage.orderings import SortedOrdering
from lesion.keys import random_uint32

UNITS = 768 * 3072  # a feed-forward matrix of BERT-base
FIRST = UNITS // 20
ROUNDS = 7
KEYS = partial(random_uint32, UNITS, 0, "benchmark")


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Compare, and check that all give the same ordering."""
    stable = np.argsort(KEYS(), kind="stable")
    assert np.array_equal(SortedOrdering(UNITS, KEYS).units(), stable)
    assert np.array_equal(SortedOrdering(UNITS, KEYS).units(0, FIRST), stable[:FIRST])
    ways = (
        lambda: SortedOrdering(UNITS, KEYS).units(0, FIRST),
        lambda: SortedOrdering(UNITS, KEYS).units(),
        lambda: np.argsort(KEYS(), kind="stable"),
    )
    times = np.array([[seconds(way) for way in ways] for _ in range(ROUNDS)])
    first, whole, argsort = np.median(times, axis=0)
    print(
        f"{UNITS:,} units: the first 5% {first:.3f} s, all {whole:.3f} s, argsort {argsort:.3f} s"
    )
    for name, column in (("the first 5%", 0), ("all", 1)):
        ratios = np.sort(times[:, 2] / times[:, column])
        spread = f"({ratios[0]:.1f} to {ratios[-1]:.1f})"
        print(f"argsort / {name}: {np.median(ratios):.1f} {spread}")


main()

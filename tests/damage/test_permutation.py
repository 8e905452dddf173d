"""Orderings that are never written down: exact counts, the right chances, and little memory."""

import tracemalloc

import numpy as np
from scipy import stats

from lesion.damage.orders import counts_for
from lesion.damage.permutation import PermutedOrdering

BERT_BITS = 85_524_480 * 32  # of the six matrices and their biases


def test_counts_are_exact_and_nested():
    group = [PermutedOrdering(count, 0, ("x", count)) for count in (1, 30, 700, 5)]
    previous = [0] * 4
    for total in range(0, 737, 23):
        found = counts_for(group, total)
        assert sum(found) == total
        assert all(a <= b <= one.count for a, b, one in zip(previous, found, group, strict=True))
        previous = found
    assert counts_for(group, 736) == [1, 30, 700, 5]


def test_a_count_does_not_depend_on_the_way_it_was_asked_for():
    borders = [2**31, 2**30 + 2**7, 1, 2**32 - 1, 2**32, 0]
    one, other = PermutedOrdering(1000, 0, ("x",)), PermutedOrdering(1000, 0, ("x",))
    found = {border: one.count_below(border) for border in borders}
    assert found == {border: other.count_below(border) for border in sorted(borders)}
    assert [found[border] for border in sorted(borders)] == sorted(found.values())
    assert (found[0], found[2**32]) == (0, 1000)


def test_a_scope_takes_from_each_population_as_if_all_were_shuffled_together():
    """Of 30 and 70 units 20 go: those from the 30 are hypergeometric."""
    drawn = [
        counts_for(
            [PermutedOrdering(30, 0, ("a", draw)), PermutedOrdering(70, 0, ("b", draw))], 20
        )[0]
        for draw in range(1500)
    ]
    found = np.bincount(drawn, minlength=21)[:21]
    expected = stats.hypergeom(100, 30, 20).pmf(np.arange(21)) * 1500
    common = expected >= 5
    folded = [*found[common], found[~common].sum()]
    assert stats.chisquare(folded, [*expected[common], expected[~common].sum()]).pvalue > 1e-3


def test_a_bit_error_rate_of_a_large_model_needs_no_list_of_its_bits():
    one = PermutedOrdering(BERT_BITS, 0, ("bert",))
    tracemalloc.start()
    units = one.units(0, round(1e-6 * BERT_BITS))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(units.tolist())) == 2737 and units.min() >= 0 and units.max() < BERT_BITS
    assert peak < 2**20

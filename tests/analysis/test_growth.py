"""The cheapest numbers of draws, examples and seeds; and grids that add them."""

from itertools import pairwise

import numpy as np
import pytest

from lesion.analysis import adaptive
from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.contrast import VarianceComponent
from lesion.analysis.growth import PASSES, TRIAL, Size, Spreading, cheapest, goal_of, price
from lesion.analysis.settle import half_width
from lesion.schema import Growing

from .simulated import falling_curve, mrpc_labels

GRID = tuple(np.round(np.linspace(0, 1, 101), 2).tolist())


def components(draws=0.0, examples=0.0, both=0.0, seeds=0.0, members=(5, 100, 2)):
    d, e, s = members
    return (
        VarianceComponent(("draws",), draws, (d,)),
        VarianceComponent(("examples",), examples, (e,)),
        VarianceComponent(("draws", "examples"), both, (d, e)),
        VarianceComponent(("seeds",), seeds, (s,), " of a"),
    )


NOW, MOST = Size(5, 100, 2), Size(80, 3200, 8)


def test_a_price_is_counted_in_examples_scored():
    old = 2 * (1 + 5 * 8)
    assert price(NOW, NOW, 8) == 0
    assert price(NOW, NOW._replace(examples=150), 8) == old * (TRIAL + 50)
    assert price(NOW, NOW._replace(draws=6), 8) == 2 * 8 * (TRIAL + 100)
    assert price(NOW, NOW._replace(seeds=3), 8, 500.0) == 41 * (TRIAL + 100) + 500
    assert PASSES == 3


@pytest.mark.parametrize(
    ("source", "level"), [("draws", "draws"), ("examples", "examples"), ("seeds", "seeds")]
)
def test_what_is_added_is_what_the_variance_comes_from(source, level):
    size = cheapest(components(**{source: 1e-3}), 0.04, NOW, MOST, 8)
    assert getattr(size, level) > getattr(NOW, level)
    others = {"draws", "examples", "seeds"} - {level}
    assert all(getattr(size, other) == getattr(NOW, other) for other in others)


def test_the_size_is_the_cheapest_that_suffices():
    variance = components(draws=4e-4, examples=4e-4, both=1e-4)
    size = cheapest(variance, 0.04, NOW, MOST, 8)
    times = [size.draws / NOW.draws, size.examples / NOW.examples]
    predicted = components(
        4e-4 / times[0], 4e-4 / times[1], 1e-4 / np.prod(times), members=(*size[:2], 2)
    )
    assert half_width(predicted) <= goal_of(0.04, predicted)
    assert size.draws > NOW.draws and size.examples > NOW.examples
    dear = cheapest(variance, 0.04, NOW, MOST._replace(examples=100), 8)
    assert dear.draws > size.draws
    assert price(NOW, dear, 8) > price(NOW, size, 8)


def test_seeds_that_cost_much_are_added_only_where_nothing_else_helps():
    variance = components(examples=6e-4, seeds=2e-4)
    cheap = cheapest(variance, 0.05, NOW, MOST, 8, seed_price=10.0)
    dear = cheapest(variance, 0.05, NOW, MOST, 8, seed_price=1e7)
    assert cheap.seeds > dear.seeds
    assert dear.examples > cheap.examples


def test_out_of_reach_what_does_not_help_is_not_bought():
    size = cheapest(components(seeds=1e-2), 0.001, NOW, MOST, 8)
    assert size.seeds == 8
    assert (size.draws, size.examples) == (5, 100)


def test_more_examples_of_the_same_clusters_say_less():
    clusters = np.repeat(np.arange(10), 10)
    full = Spreading.of(clusters, design_effect=10.0)
    assert full.correlation == 1
    assert full.times(400) == pytest.approx(1.0), "ten clusters stay ten"
    assert Spreading.of(clusters, 1.0).times(400) == pytest.approx(4.0)
    some = Spreading.of(clusters, 3.0)
    assert 1 < some.times(400) < 2
    new = Spreading.of(np.arange(100), 1.0)
    assert new.times(400) == pytest.approx(4.0), "every example brings a cluster"


def test_examples_are_not_added_where_clusters_are_exhausted():
    variance = components(draws=3e-4, examples=3e-4)
    alike = Spreading.of(np.repeat(np.arange(5), 20), 20.0)
    with_clusters = cheapest(variance, 0.03, NOW, MOST, 8, spreading=alike)
    assert with_clusters.examples == 100
    assert cheapest(variance, 0.03, NOW, MOST, 8).examples > 100


class World:
    """Two models whose answers on any examples can be asked for."""

    def __init__(self, spread=0.1):
        labels = np.random.default_rng(9).permutation(mrpc_labels(1200))
        self.whole = [
            falling_curve(np.random.default_rng(n), labels, model=m, middle=middle, draws=20,
                          doses=101, spread=spread)
            for n, (m, middle) in enumerate(zip("AB", (0.4, 0.5), strict=True))
        ]  # fmt: skip

    def at(self, grid):
        places = np.searchsorted(np.array(GRID), np.array(grid.doses) - 1e-9)
        return [
            model._replace(
                outputs=model.outputs[:, : grid.draws][:, :, places],
                doses=np.array(grid.doses),
                draws=tuple(range(grid.draws)),
            ).first(grid.examples or 1200)
            for model in self.whole
        ]


@pytest.fixture(scope="module")
def world():
    return World()


def finish(world, target):
    grids = [first_grid(target)]
    while (new := next_grid(grids[-1], world.at(grids[-1]), target, replicates=300)) is not None:
        grids.append(new)
    return grids


def test_the_first_grid_has_few_doses_and_the_numbers_to_begin_with():
    target = Target(GRID, 3, 20, 0.05, examples=Growing(50, 400), seeds=Growing(2, 5))
    assert first_grid(target) == TrialGrid(3, (0.0, 0.25, 0.5, 0.75, 1.0), 50, 2)


def test_grids_grow_until_the_interval_is_narrow_enough_and_at_most_double(world):
    target = Target(GRID, 3, 20, 0.12, examples=Growing(80, 1200))
    grids = finish(world, target)
    for old, new in pairwise(grids):
        assert set(old.doses) <= set(new.doses)
        assert old.draws <= new.draws <= 2 * old.draws
        assert old.examples <= new.examples <= 2 * old.examples
    healthy = adaptive._healthy(world.at(grids[-1]), 0, 300)
    (difference,) = adaptive._comparisons(healthy, "model")
    half = float(difference.hi - difference.lo) / 2
    assert half <= goal_of(0.12, difference.components)
    assert grids[-1].examples < 1200


def test_everything_ends_where_the_study_says(world):
    last = finish(world, Target(GRID, 3, 6, 1e-4, examples=Growing(80, 200)))[-1]
    assert last.draws <= 6
    assert last.examples <= 200
    assert (last.draws, last.examples) != (3, 80)


def test_examples_of_few_clusters_are_not_added(world):
    """With every pair a verb of its own, more of them would help; with five verbs, they do not."""
    target, grid = (
        Target(GRID, 12, 20, 0.06, examples=Growing(200, 1200)),
        TrialGrid(12, GRID[::10], 200),
    )
    tables = world.at(grid)
    clusters = (np.arange(200) // 40).astype(np.int64)
    healthy = adaptive._healthy(tables, 0, 300)
    assert adaptive._spreading(tables, healthy, "model", 0, 300) == [None]
    same = [table._replace(clusters=clusters) for table in tables]
    (spreading,) = adaptive._spreading(same, adaptive._healthy(same, 0, 300), "model", 0, 300)
    assert (spreading.examples, spreading.clusters, spreading.alone) == (200, 5, 0)
    assert 0 <= spreading.correlation <= 1
    assert next_grid(grid, tables, target, replicates=300).examples > 200


def test_a_table_of_the_first_examples_numbers_its_clusters_anew(world):
    table = world.whole[0]._replace(
        clusters=np.array([5, 0, 5, *range(1197)]), columns={"word": tuple("ab" * 600)}
    )
    first = table.first(3)
    assert first.clusters.tolist() == [1, 0, 1]
    assert first.columns == {"word": ("a", "b", "a")}
    assert first.outputs.shape[3] == len(first.labels) == 3
    assert first.strata is None

from itertools import pairwise

import numpy as np
import pytest

from lesion.analysis import adaptive
from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid

from .simulated import classified, falling_curve, mrpc_labels

GRID = tuple(np.round(np.linspace(0, 1, 101), 2).tolist())
LABELS = mrpc_labels(150)


class World:
    """Two models whose answers at any dose and draw can be asked for."""

    def __init__(self, spread=0.1, middles=(0.4, 0.5), draws=40):
        self.whole = [
            falling_curve(np.random.default_rng(n), LABELS, model=m, middle=middle, draws=draws,
                          doses=101, spread=spread)
            for n, (m, middle) in enumerate(zip("AB", middles, strict=True))
        ]  # fmt: skip

    def at(self, asked):
        places = np.searchsorted(np.array(GRID), np.array(asked.doses) - 1e-9)
        return [
            one._replace(
                outputs=one.outputs[:, : asked.draws][:, :, places],
                doses=np.array(asked.doses),
                draws=tuple(range(asked.draws)),
            )
            for one in self.whole
        ]

    def finish(self, target):
        grids = [first_grid(target)]
        while (new := next_grid(grids[-1], self.at(grids[-1]), target, replicates=300)) is not None:
            grids.append(new)
        return grids


@pytest.fixture(scope="module")
def world():
    return World()


def measured(world, asked):
    """Half-width of the difference, and the same with one standard error of its own on top."""
    a, b = (one for _, one in adaptive._healthy(world.at(asked), 0, 300))
    one = adaptive.contrast(*(adaptive.side_of([x], adaptive.curves.retained_area) for x in (a, b)))
    half = float(one.hi - one.lo) / 2
    return half, half * (1 + 1 / np.sqrt(2 * one.dof))


def test_the_first_grid_has_a_few_doses_from_end_to_end_and_the_draws_to_begin_with():
    found = first_grid(Target(GRID, 5, 40, 0.05))
    assert found == TrialGrid(5, (0.0, 0.12, 0.25, 0.38, 0.5, 0.62, 0.75, 0.88, 1.0))
    assert first_grid(Target((0.0, 0.2), 5, 3, 0.05)) == TrialGrid(3, (0.0, 0.2))


def test_draws_are_added_until_the_interval_is_narrow_enough_with_an_error_to_spare(world):
    grids = world.finish(Target(GRID, 5, 40, 0.165))
    assert 5 < grids[-1].draws < 40
    assert measured(world, grids[-1])[1] <= 0.165
    assert measured(world, grids[-2])[1] > 0.165


def test_plans_only_grow_and_never_more_than_double(world):
    grids = world.finish(Target(GRID, 5, 40, 0.05))
    for old, new in pairwise(grids):
        assert set(old.doses) <= set(new.doses)
        assert old.draws <= new.draws <= 2 * old.draws


def test_doses_are_added_where_the_curve_falls(world):
    doses = np.array(world.finish(Target(GRID, 5, 6, 0.02))[-1].doses)
    falling = ((doses > 0.15) & (doses < 0.75)).sum() / 0.6
    flat = ((doses > 0.75) & (doses <= 1)).sum() / 0.25
    assert falling > 2 * flat


def test_the_draws_end_where_the_study_says(world):
    assert world.finish(Target(GRID, 5, 8, 0.001))[-1].draws == 8


def test_the_same_answers_give_the_same_plan(world):
    target = Target(GRID, 5, 40, 0.05)
    first = first_grid(target)
    again = [next_grid(first, world.at(first), target, replicates=300) for _ in range(2)]
    assert again[0] == again[1] != first


def test_a_model_that_never_learned_asks_for_nothing(world):
    target = Target(GRID, 5, 40, 0.9)
    first = first_grid(target)
    dead = classified(
        np.ones((1, 5, 9, 150), int), LABELS, model="dead", doses=np.array(first.doses)
    )
    assert next_grid(first, [dead], target, replicates=300) is None
    found = world.at(first)
    with_dead = next_grid(first, [*found, dead], target, replicates=300)
    assert with_dead == next_grid(first, found, target, replicates=300)


def test_a_model_alone_is_measured_until_its_own_area_is_known(world):
    target = Target(GRID, 5, 40, 0.08)
    asked = first_grid(target)
    found = next_grid(asked, world.at(asked)[:1], target, replicates=300)
    assert found is not None
    assert found.draws > 5

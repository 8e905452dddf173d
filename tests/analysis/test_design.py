import numpy as np
import pytest
from scipy import stats

from lesion.analysis import design
from lesion.analysis.contrast import VarianceComponent
from lesion.analysis.design import Options, Part, Source
from lesion.analysis.settle import half_width


def component(levels, variance, members, side=""):
    return VarianceComponent(tuple(levels.split()), variance, members, side)


COMPONENTS = (
    component("draws", 4e-4, (5,)),
    component("examples", 2e-4, (200,)),
    component("draws examples", 1e-4, (5, 200)),
    component("seeds", 3e-4, (2,), " of a"),
    component("seeds", 2e-4, (2,), " of b"),
)
SOURCE = Source("a, b", 0.01, COMPONENTS, 200, 200, 1000, 1000)
PART = Part(models=2, random=10, fixed=0, most=1000, seed=60.0, trial=0.5, example=0.01)


def grid(source=SOURCE, margin=0.05, comparisons=1):
    options = Options((5, 10, 20, 40), (200, 400, 1000, 4000), (2, 4, 8))
    return design.designs([source], [PART], options, margin, comparisons)


def test_the_half_width_of_the_pilot_s_own_design_is_the_measured_one():
    own = next(d for d in grid() if (d.draws, d.examples, d.seeds) == (5, 200, 2))
    assert own.widths[0] == pytest.approx(half_width(COMPONENTS))


def test_every_variance_falls_with_the_members_of_its_levels():
    chosen = next(d for d in grid() if (d.draws, d.examples, d.seeds) == (20, 400, 4))
    parts = np.array([1e-4, 1e-4, 1e-4 / 8, 1.5e-4, 1e-4])
    squares = np.array([1e-4 + 1e-4 / 8, 1e-4 + 1e-4 / 8, 1e-4 / 8, 1.5e-4, 1e-4])
    freedom = np.array([19, 399, 19 * 399, 3, 3])
    dof = parts.sum() ** 2 / (squares**2 / freedom).sum()
    assert chosen.widths[0] == pytest.approx(stats.t.ppf(0.975, dof) * parts.sum() ** 0.5)


def test_a_task_gives_no_more_examples_than_it_has():
    wide = {d.examples: d for d in grid() if (d.draws, d.seeds) == (5, 2)}
    assert wide[4000].widths == wide[1000].widths
    assert wide[4000].seconds == wide[1000].seconds


def test_a_level_with_a_single_member_stays_as_it_is():
    alone = (component("draws", 4e-4, (1,)), component("examples", 2e-4, (200,)))
    width, error, _ = design.half_widths(alone, {"draws": np.array([1.0, 9.0])})
    assert np.shape(width) == ()  # whatever the number of draws
    assert float(error) == pytest.approx(6e-4**0.5)


def test_the_price_counts_every_trial_with_the_intact_one():
    cost = design.seconds([PART], np.array(5), np.array(200), np.array(2))
    assert float(cost) == pytest.approx(2 * 2 * (60 + (1 + 5 * 10) * (0.5 + 0.01 * 200)))


def test_the_cheapest_that_is_narrow_enough_and_the_narrowest_that_is_affordable():
    choices = grid()
    until = 0.04
    best = design.cheapest(choices, until)
    assert best.widest < best.surely <= until
    assert all(d.seconds >= best.seconds for d in choices if d.surely <= until)
    again = design.narrowest(choices, best.seconds)
    assert again.surely <= best.surely
    assert all(d.surely >= again.surely for d in choices if d.seconds <= best.seconds)
    assert design.cheapest(choices, 1e-6) is None
    assert design.narrowest(choices, 1.0) is None


def test_the_uncertainty_of_a_half_width_is_that_of_the_pilot_and_of_the_design():
    alone = (component("draws", 4e-4, (5,)),)
    few, many = (
        design.designs([Source("a, b", 0.0, alone, 200, 200, 200, 200)], [PART],
                       Options((draws,), (200,), (1,)), 0.05)[0]
        for draws in (3, 101)
    )  # fmt: skip
    assert few.spreads[0] == pytest.approx((1 / 4 + 1 / 8) ** 0.5)
    assert many.spreads[0] == pytest.approx((1 / 200 + 1 / 8) ** 0.5)
    assert few.surely == pytest.approx(few.widest * (1 + few.spreads[0]))


def test_power_is_that_of_a_simulated_test():
    rng = np.random.default_rng(0)
    error, dof, margin = 0.02, 30, 0.05
    half = stats.t.ppf(0.975, dof) * error
    measured = margin + error * rng.standard_normal(200_000)
    estimated = error * np.sqrt(rng.chisquare(dof, 200_000) / dof)
    found = (measured - stats.t.ppf(0.975, dof) * estimated > 0).mean()
    assert float(design.power(margin, half, error)) == pytest.approx(found, abs=0.02)
    assert design.power(0.1, 0.05, 0.0) == 1.0
    assert grid(comparisons=6)[0].power[0] < grid()[0].power[0]


def test_the_variance_between_and_within_clusters_is_told_apart():
    between, within, clusters, examples = 0.3, 2.0, 20, 400
    clustered = [component("examples", between / clusters + within / examples, (clusters,))]
    alone = [component("examples", (between + within) / examples, (examples,))]
    first, second = design.with_clusters(clustered, alone, examples)
    assert (first.levels, first.members) == (("clusters",), (clusters,))
    assert (second.levels, second.members) == (("examples",), (examples,))
    assert first.variance == pytest.approx(between / clusters, rel=0.06)
    assert first.variance + second.variance == pytest.approx(clustered[0].variance)


def test_more_examples_of_the_same_clusters_reduce_the_variance_within_them_only():
    parts = (component("clusters", 3e-4, (20,)), component("examples", 2e-4, (200,)))
    more = {
        d.examples: d
        for d in grid(Source("a, b", 0.0, parts, 200, 20, 1000, 20))
        if (d.draws, d.seeds) == (5, 2)
    }
    spread = 3e-4 + 2e-4 / 5
    assert more[1000].widths[0] == pytest.approx(1.96 * spread**0.5, rel=0.15)
    growing = grid(Source("a, b", 0.0, parts, 200, 20, 1000, 100))
    chosen = next(d for d in growing if (d.draws, d.examples, d.seeds) == (5, 1000, 2))
    assert chosen.widths[0] == pytest.approx(1.96 * 1e-4**0.5, rel=0.05)


def test_ladders_end_at_their_last_number():
    assert design.ladder(3, 200)[0] == 3
    assert design.ladder(3, 200)[-1] == 200
    assert design.ladder(5, 5) == (5,)

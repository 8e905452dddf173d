"""The script that measures how often intervals are right still runs, and still finds them right."""

import numpy as np
import pytest

from tests import labs


@pytest.fixture
def calibration():
    with labs.benchmark("calibration") as script:
        yield script


def rates(study, count):
    rows = [row for row in map(study, range(count)) if row is not None]
    return np.array(rows, np.float64).mean(0)


@pytest.mark.parametrize("kind", ["single", "rates", "meta", "group", "family", "adaptive"])
def test_every_experiment_runs_and_tells_one_number_a_name(calibration, kind):
    for one in calibration.EXPERIMENTS[kind][:1]:
        row = one.study(0)
        assert len(row) == len(one.names)
        assert all(0 <= float(value) <= 1 for value in row)


def test_intervals_of_a_few_studies_hold_the_truth(calibration):
    study = calibration.EXPERIMENTS["single"][0].study
    area, none, some, false = rates(study, 30)
    assert min(area, none, some) >= 0.8  # 0.95 each: fewer than 24 of 30 in one case of 1,000
    assert false == pytest.approx(1 - none)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(5))
def test_intervals_of_one_checkpoint_hold_the_truth_as_often_as_they_say(calibration, place):
    *covered, false = rates(calibration.EXPERIMENTS["single"][place].study, 500)
    assert min(covered) >= 0.915  # three and a half standard errors below 0.95
    assert false <= 0.085


@pytest.mark.slow
def test_intervals_of_one_random_draw_seldom_hold_the_truth(calibration):
    """Which is why no verdict is drawn from them; in a third of 400 studies they did."""
    world, held = calibration.World(draws=1), []
    for seed in range(100):
        made = calibration.simulate(world, np.random.default_rng(seed), np.array([0.5]), 1)
        skill = calibration.learned(calibration.responses(made)[0], seed)
        if skill is not None:
            area = calibration.area_of(skill)
            held.append(area.lo <= calibration.true_area(world, 0.5) <= area.hi)
    assert np.mean(held) < 0.5

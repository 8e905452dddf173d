"""The script that compares grids of doses measures what it says."""

import numpy as np
import pytest

from tests import labs


@pytest.fixture
def script():
    with labs.benchmark("spread") as found:
        yield found


def noisy(draws: int = 400, doses: int = 40) -> np.ndarray:
    """Draws that fall from 1 to 0 with independent noise of 0.1 at every dose but the first."""
    rng = np.random.default_rng(1)
    table = np.linspace(1, 0, doses + 1) + 0.1 * rng.standard_normal((draws, doses + 1))
    table[:, 0] = 1
    return table


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("draws", [4, 16])
def test_the_spread_at_a_dose_is_that_of_a_mean(script, draws, nested):
    found = script.spread(noisy(), script.Design(draws, 1), nested, np.random.default_rng(0))
    assert found.at_a_dose == pytest.approx(0.1 / np.sqrt(draws), rel=0.03)


def test_with_five_times_fewer_doses_there_are_fewer_rises(script):
    fine, coarse = (
        script.spread(noisy(), script.Design(4, every), False, np.random.default_rng(0))
        for every in (1, 5)
    )
    assert fine.rises > 10 * coarse.rises
    assert fine.largest > coarse.largest
    assert fine.area < coarse.area


def test_draws_that_are_nested_share_their_noise_between_doses(script):
    """Of draws that differ by a constant, the mean is wrong by a constant: nothing rises."""
    offsets = 0.1 * np.random.default_rng(1).standard_normal((400, 1))
    table = np.linspace(1, 0, 41) + offsets * (np.arange(41) > 0)
    nested, anew = (
        script.spread(table, script.Design(4, 1), kind, np.random.default_rng(0))
        for kind in (True, False)
    )
    assert nested.rises < 1 < 10 < anew.rises
    width = 1 - 1 / 80  # of the curve, the intact end has no noise
    assert nested.area == pytest.approx(width * offsets.std() / 2, rel=0.05)
    assert anew.area < nested.area / 4


def test_a_design_costs_its_draws_times_its_doses(script):
    assert [design.trials(100) for design in script.DESIGNS] == [1000, 100, 1000, 100]


def test_the_script_runs(script, capsys):
    script.main(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 2 * len(script.DESIGNS)
    assert lines[2].split()[:3] == ["10", "0.10", "100"]

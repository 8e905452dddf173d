"""The script that compares the scales of doses measures what it says."""

from pathlib import Path

import numpy as np
import pytest

from tests import labs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script():
    with labs.benchmark("decades") as found:
        yield found


def test_the_table_of_the_documentation_is_what_the_script_prints(script):
    text = (ROOT / "docs/statistics.md").read_text(encoding="utf-8")
    for row in script.rows():
        assert row in text


def test_true_areas_are_those_of_hill_curves_in_closed_form(script):
    last, first, halves = 1e-3, 1e-7, script.HALVES
    linear = halves / last * np.log1p(last / halves)
    np.testing.assert_allclose(script.true_area(1.0, "linear"), linear, rtol=1e-4)
    log = 1 - np.log((halves + last) / (halves + first)) / np.log(last / first)
    np.testing.assert_allclose(script.true_area(1.0, "log"), log, rtol=1e-4)


def test_on_decades_the_linear_scale_misses_d50_and_the_log_scale_does_not(script):
    decades = script.grid((1,))
    assert decades.tolist() == pytest.approx([0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3])
    (median, worst), _ = script.errors(decades, 2.0, "linear")
    assert (median, worst) == pytest.approx((1.6, 2.4), abs=0.05)
    (median, worst), (_, area) = script.errors(decades, 2.0, "log")
    assert median == pytest.approx(1, abs=0.01)
    assert 1 / 1.35 < worst < 1.35
    assert area < 0.015

import numpy as np
import pytest

from lesion.analysis import compare, contrast, dissociation, frames, sampled, summary
from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.scale import in_words, measured_range, nearest, possible

from .simulated import classified

DECADES = np.array([0, *np.geomspace(1e-7, 1e-3, 9)])


def rates(half, draws=6, slope=1.0, model="A", examples=300, rng=0, doses=DECADES, **changed):
    """A model whose answers are lost one by one around an error rate, on a log scale."""
    labels = np.arange(examples) % 2
    noise = np.random.default_rng(1).logistic(0, 0.4 / slope, examples)
    shift = 0.05 * np.random.default_rng(rng).standard_normal((1, draws, 1, 1))
    with np.errstate(divide="ignore"):
        decade = np.log10(doses)[:, None]
    answers = np.where(decade > np.log10(half) + noise + shift, 1, labels)
    plain = {"doses": doses, "dose_scale": "log", "model": model}
    return classified(answers, labels, **(plain | changed))


def analysed(*responses):
    return summary.analyse(responses, replicates=300)


def test_every_quantity_of_a_model_is_on_its_scale():
    (log, linear) = analysed(rates(1e-5), rates(1e-5, dose_scale="linear"))
    assert log.area.value == pytest.approx(0.5, abs=0.04)
    assert linear.area.value < 0.05  # the last decade is nine tenths of it
    assert log.d50.value == pytest.approx(1e-5, rel=0.15)
    assert log.d50.lo < log.d50.value < log.d50.hi
    assert 1e-7 <= log.knee.lo <= log.knee.value <= log.knee.hi <= 1e-3
    assert 0.3 < log.steepness.lo < log.steepness.value < log.steepness.hi < 1.5
    assert linear.steepness.value > 1e3
    assert np.isnan(log.initial_slope.value)
    assert linear.initial_slope.value > 0


def test_a_curve_keeps_its_scale_at_some_of_its_doses():
    skill = sampled.sample(rates(1e-5), replicates=50)
    part = skill.at_doses(DECADES[[0, 3, 9]])
    assert part.scale == "log"
    assert part.places.tolist() == [-np.inf, -6, -3]


def test_rows_say_scale_and_range_and_what_a_d50_is_beyond():
    early, late = analysed(rates(1e-9), rates(1, model="B"))
    rows = [summary.summary_row(a) for a in (early, late)]
    assert [row["d50"] for row in rows] == [-np.inf, np.inf]
    for row in rows:
        assert row["dose_scale"] == "log"
        assert (row["first_dose"], row["last_dose"]) == pytest.approx((1e-7, 1e-3))
    plain = [summary.jsonable(row) for row in rows]
    assert [row["d50"] for row in plain] == ["below 1e-07", "above 0.001"]
    assert [row["d50_hi"] for row in plain] == ["below 1e-07", "above 0.001"]
    assert {row["dose_scale"] for row in summary.curve_rows(early)} == {"log"}
    frame = frames.summary_frame([early, late])
    assert frame["d50"].tolist() == [-np.inf, np.inf]


def test_a_dose_beyond_those_measured_can_be_any_dose_there():
    doses = np.array([0, 0.05, 1])
    assert measured_range(doses) == (0.05, 1)
    found = possible(np.array([-np.inf, 0.3, np.inf, np.nan]), doses)
    assert found.tolist() == [[0, 0.05], [0.3, 0.3], [1, np.inf], [0, np.inf]]
    assert [in_words(d, 0.05, 1.0) for d in (-np.inf, 0.3, np.inf)] == [
        "below 0.05", 0.3, "above 1",
    ]  # fmt: skip


def test_the_dose_nearest_to_another_is_so_on_its_scale():
    assert nearest(DECADES, 4e-6, "log") == 4  # 3.2e-6 or 1e-5
    assert nearest(DECADES, 7e-6, "log") == 5
    assert nearest(np.array([0, 1, 10]), 4, "log") == 2  # 4 is 0.6 decades above 1
    assert nearest(np.array([0, 1, 10]), 4, "linear") == 1
    assert nearest(DECADES, 0, "log") == 0


def test_verdicts_over_decades_are_of_areas_over_decades():
    fast, slow = analysed(rates(1e-6), rates(1e-5, model="B"))
    verdict = compare.compare([fast], [slow], dose=2e-6)
    assert verdict.delta == pytest.approx(0.25, abs=0.02)  # one of four decades
    assert verdict.outcome == "b"
    assert verdict.dose == pytest.approx(DECADES[4])
    early, steep = verdict.rates
    assert early.answer == (
        "cannot tell: a log scale of doses has no beginning, so there is no initial slope"
    )
    assert steep.value == pytest.approx(slow.steepness.value - fast.steepness.value)
    assert steep.outcome == "cannot tell"


def test_three_quarters_lost_below_the_first_decade_are_a_reason_for_no_steepness():
    at_once, later = analysed(rates(2e-7, slope=0.6), rates(1e-5, model="B"))
    answer = compare.compare([at_once], [later]).rates[1].answer
    assert answer == "cannot tell: A lost a quarter of skill or more below the first dose"


def test_curves_over_decades_cross_between_them():
    steep, flat = analysed(rates(1e-5, slope=4), rates(1e-5, slope=0.6, model="B"))
    (found,) = compare.compare([steep], [flat]).crossovers
    assert 3e-6 < found.lo < found.dose < found.hi < 3e-5


def test_the_first_grid_over_decades_has_places_at_equal_distances():
    fine = (0.0, *np.geomspace(1e-7, 1e-3, 33).tolist())
    found = first_grid(Target(fine, 5, 40, 0.05, "log"))
    assert found.doses[0] == 0
    steps = np.diff(np.log10(found.doses[1:]))
    assert len(found.doses) == 9
    assert steps == pytest.approx(4 / 7, abs=0.13)
    uneven = (0.0, 1e-7, 1e-6, 1e-5, 1e-4, *np.linspace(2e-4, 1e-3, 30).tolist())
    few = np.array(first_grid(Target(uneven, 5, 40, 0.05, "log")).doses)
    assert {1e-7, 1e-6, 1e-5, 1e-4} <= set(few.tolist())
    assert first_grid(Target((0.0, 0.2), 5, 3, 0.05, "log")) == TrialGrid(3, (0.0, 0.2))


def test_doses_are_added_between_the_decades_in_which_the_curve_falls():
    fine = np.array([0, *np.geomspace(1e-7, 1e-3, 81)])
    target = Target(tuple(fine.tolist()), 5, 5, 0.02, "log")
    whole = rates(1e-6, draws=5, doses=fine)
    grid = first_grid(target)
    places = np.searchsorted(fine, np.array(grid.doses) * (1 - 1e-9))
    part = whole._replace(outputs=whole.outputs[:, :, places], doses=np.array(grid.doses))
    new = np.array(sorted(set(next_grid(grid, [part], target, replicates=100).doses)))
    added = np.array([dose for dose in new if dose not in grid.doses])
    assert len(added) >= 4
    assert ((added > 1e-7) & (added < 1e-5)).all()


def test_lesions_over_decades_are_matched_at_severities_that_both_measured():
    a, b = (sampled.sample(rates(half), replicates=50) for half in (1e-6, 2e-6))
    late = sampled.sample(rates(1e-4), replicates=50)
    found = dissociation._reached_by_both([(a, b), (late, late)])
    least = max(1 - float((x.value + y.value)[1] / 2) for x, y in ((a, b), (late, late)))
    assert found.min() >= least > 0.02
    bias = dissociation._bias(a.places, a.value, b.value, found)
    exact = [
        np.interp(place, a.places[1:], (a.value - b.value)[1:])
        for place in (
            np.interp(s, 1 - (a.value + b.value)[1:] / 2, a.places[1:]) for s in found
        )
    ]  # fmt: skip
    assert bias == pytest.approx(np.mean(exact), abs=1e-6)
    assert bias < 0


def test_a_group_over_decades_is_the_mean_of_its_models():
    skills = [sampled.sample(rates(half), replicates=50) for half in (1e-6, 1e-5)]
    side = contrast.side_of(skills, summary.curves.retained_area)
    each = [sampled.area_of(skill).value for skill in skills]
    assert side.value == pytest.approx(np.mean(each))

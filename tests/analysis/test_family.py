"""Families of comparisons: Holm's steps, equivalence, and intervals that agree with p."""

import numpy as np
import pytest

from lesion.analysis import compare, family, matching, summary
from lesion.analysis.contrast import holm
from lesion.analysis.verdict import blank, with_outcome

from .simulated import classified, falling_curve, mrpc_labels

LABELS = mrpc_labels(300)


def test_the_divisor_of_a_step_agrees_with_the_adjusted_p():
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.random(6) ** 4
        p[rng.random(6) < 0.1] = np.nan
        divisors, adjusted = family.steps(p), holm(p)
        for raw, divisor, corrected in zip(p, divisors, adjusted, strict=True):
            assert np.isnan(raw) or (raw * divisor <= 0.05) == (corrected <= 0.05)


def test_steps_go_down_until_the_first_that_fails():
    assert family.steps([0.001, 0.5, 0.011, 0.04]) == [4, 2, 3, 2]
    assert family.steps([0.03, np.nan, 0.6]) == [2, 1, 2]


def made(delta, half, margin=0.05, dof=20.0):
    """A verdict with an interval of this half-width."""
    from scipy.special import stdtr, stdtrit

    error = half / -stdtrit(dof, 0.025)
    p = float(2 * stdtr(dof, -abs(delta) / error))
    equal = family.equivalence_p(delta, half, dof, margin)
    v = blank(("a", "b"), "t", "l", "accuracy", margin)
    return with_outcome(v._replace(
        delta=delta, lo=delta - half, hi=delta + half, p=p, p_holm=p, dof=dof,
        p_equivalent=equal, p_equivalent_holm=equal,
    ))  # fmt: skip


@pytest.mark.parametrize(("delta", "half"), [(0.0, 0.049), (0.02, 0.0299), (-0.02, 0.0299)])
def test_alone_two_models_are_equivalent_if_the_95_per_cent_interval_is_within_the_margin(
    delta, half
):
    assert made(delta, half).outcome == "equivalent"
    assert made(delta, half + 0.0012).outcome == "cannot tell"


def test_equivalence_without_variance_is_certain_within_the_margin_only():
    assert family.equivalence_p(0.01, 0.0, np.inf, 0.02) == 0
    assert family.equivalence_p(0.02, 0.0, np.inf, 0.02) == 1
    assert np.isnan(family.equivalence_p(np.nan, 0.1, 10, 0.02))
    assert family.equivalence_p(0.0, np.inf, 10, 0.02) == 0.5


def test_equivalence_is_corrected_within_its_family():
    just = made(0.0, 0.049)
    found = family.corrected([just, made(0.3, 1.0), made(0.2, 1.0)])
    assert found[0].outcome == "cannot tell"
    assert found[0].p_equivalent_holm == pytest.approx(3 * just.p_equivalent)
    assert found[0].settle.startswith("Alone it would be equivalent (p = 0.02")
    sure = family.corrected([made(0.0, 0.02), made(0.0, 0.02), just])
    assert [v.outcome for v in sure] == ["equivalent"] * 3


def test_shown_intervals_agree_with_the_corrected_claims():
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(100):
        verdicts = [made(*pair) for pair in zip(rng.normal(0, 0.05, 5), rng.uniform(0.01, 0.06, 5),
                                                strict=True)]  # fmt: skip
        for v in family.corrected(verdicts):
            outcomes.add(v.outcome)
            apart = v.lo_holm > 0 or v.hi_holm < 0
            inside = max(abs(v.lo_holm), abs(v.hi_holm)) < v.margin
            assert v.hi_holm - v.lo_holm >= v.hi - v.lo - 1e-12
            if v.outcome in ("a", "b"):
                assert apart and v.p_holm <= 0.05
            elif v.outcome == "equivalent":
                assert inside and v.p_equivalent_holm <= 0.025
            else:
                assert not apart and not inside and v.p_holm > 0.05
    assert outcomes == {"a", "b", "equivalent", "cannot tell"}


def test_a_family_of_one_has_the_95_per_cent_interval():
    (v,) = family.corrected([made(0.1, 0.05)])
    assert (v.lo_holm, v.hi_holm) == (v.lo, v.hi)


def test_what_is_asked_at_a_dose_is_corrected_for_skill_and_for_right_answers():
    responses = [
        falling_curve(np.random.default_rng(0), LABELS, middle=middle, model=name)
        for name, middle in zip("ABC", (0.3, 0.32, 0.6), strict=True)
    ]
    verdicts = compare.verdicts(summary.analyse(responses, replicates=300), "model", dose=0.4)
    np.testing.assert_allclose(
        [v.p_at_dose_holm for v in verdicts], holm([v.p_at_dose for v in verdicts])
    )
    np.testing.assert_allclose(
        [v.answers.p_holm for v in verdicts], holm([v.answers.p for v in verdicts])
    )
    assert any(v.p_at_dose_holm > v.p_at_dose for v in verdicts)


@pytest.mark.parametrize("between", ["model", "lesion"])
def test_crossings_are_surer_in_a_family_of_many(between):
    labels = np.arange(400) % 2
    steep = falling_curve(np.random.default_rng(0), labels, middle=0.5, doses=21, spread=0.01)
    thresholds = np.random.default_rng(1).uniform(0, 1, 400)
    lost = np.linspace(0, 1, 21)[:, None] > thresholds
    whole = steep.outputs[:, :, :1].argmax(-1)
    answers = np.where(lost, 1, np.broadcast_to(whole, (1, 8, 21, 400)))
    slow = classified(answers, labels, **{between: "B"})
    (match,) = matching.matches(summary.analyse([steep, slow], replicates=300), between)
    alone, among = (
        compare.judged(match, compare.Setting(comparisons=n)).crossovers for n in (1, 10**12)
    )
    assert (len(alone), len(among)) == (1, 0)

"""Collapse as survival: when draws become constant, lose half their skill, crash."""

import warnings

import numpy as np
import pytest
from scipy.stats import CensoredData, binomtest, ecdf, logrank

from lesion.analysis.contrast import holm
from lesion.analysis.summary import analyse, jsonable, survival_rows
from lesion.analysis.survival import first_seen, share_interval, survival
from lesion.analysis.survival_tests import excess, logrank_p, survival_tests
from lesion.report.survival import survival_lines

from .simulated import classified, falling_curve, mrpc_labels

INF = np.inf
DOSES = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def dying(at, labels=None, seeds=1, **changed):
    """Draws that are right on 90% until they answer with class 1 from this dose on (inf: never)."""
    labels = mrpc_labels(200) if labels is None else labels
    whole = np.where(np.arange(len(labels)) * 7919 % 10 > 0, labels, 1 - labels)
    changed = {"doses": DOSES} | changed
    answers = np.tile(whole, (seeds, len(at), len(DOSES), 1))
    for d, dose in enumerate(at):
        answers[:, d, dose - 1e-9 <= DOSES] = 1
    return classified(answers, labels, **changed)


def analysed(responses, replicates=100):
    return analyse([responses], replicates=replicates)[0]


def test_each_draw_has_the_dose_from_which_on_it_is_constant_and_half_lost():
    found = analysed(dying([0.2, 0.6, 0.6, INF]))
    for event in ("constant", "half lost"):
        assert found.survival[event].seen.tolist() == [[0.2, 0.6, 0.6, INF]]
        np.testing.assert_allclose(found.survival[event].surviving, [1, 0.75, 0.75] + [0.25] * 3)
        assert found.survival[event].median == pytest.approx(0.6)
    assert found.survival["crashed"].median == INF


def test_a_state_counts_from_the_dose_on_at_which_it_lasts():
    state = np.array([[0, 1, 0, 1, 1], [0, 1, 1, 1, 0], [1, 1, 1, 1, 1]]) > 0
    doses = np.arange(5.0)
    assert first_seen(doses, state, lasting=True).tolist() == [3, INF, 0]
    assert first_seen(doses, state, lasting=False).tolist() == [1, 1, 0]


def test_a_draw_that_recovers_has_not_lost_half_for_good():
    responses = dying([0.2, 0.4])
    outputs = responses.outputs.copy()
    outputs[:, 0, 5] = outputs[:, 0, 0]
    found = analysed(responses._replace(outputs=outputs)).survival["half lost"]
    assert found.seen.tolist() == [[INF, 0.4]]


def test_crashes_are_an_event_and_count_as_constant_and_lost():
    responses = dying([INF, INF, 0.6])
    outputs = responses.outputs.copy()
    outputs[:, 0, 3:] = np.nan
    outputs[:, 1, 4, :90] = np.nan  # fewer than half of the examples
    found = analysed(responses._replace(outputs=outputs)).survival
    assert found["crashed"].seen.tolist() == [[pytest.approx(0.6), INF, INF]]
    assert found["constant"].seen.tolist() == [[pytest.approx(0.6), INF, pytest.approx(0.6)]]
    assert found["half lost"].seen[0, 0] == pytest.approx(0.6)


def test_kinds_without_classes_are_never_constant_and_models_without_skill_lose_none():
    pairs = np.zeros((1, 3, 6, 50, 2), np.float32)
    pairs[:, :, :2, :, 0] = 1
    responses = classified(np.zeros((1, 3, 6, 50), int), np.zeros(50, int), doses=DOSES)._replace(
        outputs=pairs, kind="pairs", metrics=("accuracy",), classes=()
    )
    found = analysed(responses).survival
    assert list(found) == ["half lost", "crashed"]
    assert found["half lost"].seen.tolist() == [[pytest.approx(0.4)] * 3]
    nothing = analysed(dying([0.0, 0.0])).survival
    assert list(nothing) == ["constant", "crashed"]
    assert nothing["constant"].surviving.tolist() == [0] * 6


def test_a_seed_that_never_learned_has_no_half_to_lose():
    responses = dying([0.4, INF], seeds=3)
    outputs = responses.outputs.copy()
    outputs[1] = [0, 2]
    found = analysed(responses._replace(outputs=outputs)).survival["half lost"]
    assert np.isnan(found.seen).tolist() == [[False] * 2, [True] * 2, [False] * 2]
    assert found.surviving.tolist() == [1, 1, 0.5, 0.5, 0.5, 0.5]
    assert found.units.tolist() == [0.4, INF]


def test_the_curve_is_that_of_kaplan_and_meier():
    seen = np.array([[0.2, 0.2, 0.6, INF, INF, 1.0]])
    found = survival("half lost", DOSES, seen)
    theirs = ecdf(CensoredData(uncensored=[0.2, 0.2, 0.6, 1.0], right=[1.0, 1.0])).sf
    np.testing.assert_allclose(found.surviving, theirs.evaluate(DOSES))
    assert (found.lo <= found.surviving).all() and (found.surviving <= found.hi).all()


@pytest.mark.parametrize(("yes", "members"), [(0, 5), (2, 5), (5, 5), (7, 15), (1, 1)])
def test_the_band_of_a_share_is_the_exact_binomial_one(yes, members):
    lo, hi = share_interval(np.array([yes / members]), members)
    theirs = binomtest(yes, members).proportion_ci(method="exact")
    assert (lo[0], hi[0]) == (pytest.approx(theirs.low), pytest.approx(theirs.high))


@pytest.mark.parametrize("draws", [3, 5, 10])
def test_the_band_and_the_interval_of_the_median_cover_in_at_least_95_percent(draws):
    rng, doses = np.random.default_rng(draws), np.linspace(0, 1, 11)
    inside = np.zeros(11)
    medians = 0
    for _ in range(400):
        seen = np.ceil(rng.uniform(0.05, 1.15, (1, draws)) * 10) / 10
        found = survival("half lost", doses, np.where(seen > 1, INF, seen))
        true = np.clip((1.15 - doses) / 1.1, 0, 1)
        inside += (found.lo - 1e-9 <= true) & (true <= found.hi + 1e-9)
        medians += found.median_lo <= 0.6 + 1e-9 and found.median_hi >= 0.6 - 1e-9
    assert inside.min() / 400 > 0.93 and medians / 400 > 0.93


def test_seeds_of_a_draw_do_not_narrow_the_band():
    seen = np.array([[0.2, 0.4, INF, INF]])
    once, tripled = (survival("half lost", DOSES, np.repeat(seen, n, 0)) for n in (1, 3))
    np.testing.assert_array_equal(once.surviving, tripled.surviving)
    assert (tripled.lo <= once.lo).all() and (tripled.hi >= once.hi).all()


def test_rows_have_what_is_at_risk_and_json_says_what_was_not_reached():
    found = analysed(dying([0.2, 0.6, INF, INF, INF]))
    rows = [row for row in survival_rows(found) if row["event"] == "half lost"]
    assert [row["at_risk"] for row in rows] == [5, 5, 4, 4, 3, 3]
    assert [row["events"] for row in rows] == [0, 1, 0, 1, 0, 0]
    assert [row["surviving"] for row in rows] == pytest.approx([1, 0.8, 0.8, 0.6, 0.6, 0.6])
    assert {jsonable(row)["median"] for row in rows} == {"not reached"}
    assert {(row["model"], row["draws"], row["lesion"]) for row in rows} == {("A", 5, "deletion")}


def test_the_log_rank_test_is_that_of_scipy_and_excess_its_numerator():
    x, y = np.array([0.2, 0.4, 0.4, INF]), np.array([0.6, 0.8, INF, INF, 0.4])
    theirs = logrank(
        CensoredData(uncensored=[0.2, 0.4, 0.4], right=[1]),
        CensoredData(uncensored=[0.6, 0.8, 0.4], right=[1, 1]),
    )
    assert logrank_p(x, y, 1.0) == theirs.pvalue
    scores = excess(np.concatenate([x, y]))
    assert scores.sum() == pytest.approx(0)
    expected = 4 / 9 + 3 / 8 * 3 + 1 / 5 + 1 / 4
    assert scores[:4].sum() == pytest.approx(3 - expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert logrank_p(np.full(4, INF), np.full(3, INF), 1.0) == 1
        assert logrank_p(np.full(4, 0.2), np.full(4, 0.2), 1.0) == 1


def pair(a, b, **changed):
    return [
        analysed(dying(at)._replace(model=name, **changed)) for name, at in (("A", a), ("B", b))
    ]  # fmt: skip


def test_two_models_are_tested_paired_where_they_have_the_same_draws():
    a, b = [0.2, 0.2, 0.4, 0.2, 0.4, 0.4], [0.4, 0.6, 0.6, 0.6, 0.8, 0.6]
    found = {test.event: test for test in survival_tests(pair(a, b))}
    assert set(found) == {"constant", "half lost"}  # none crashed
    test = found["half lost"]
    assert (test.a, test.b, test.units, test.comparisons) == ("A", "B", 6, 1)
    assert test.excess_a > 0 and test.median_a < test.median_b
    assert test.p_paired == test.p_holm == 2 / 2**6
    assert test.p_logrank < 0.05
    first, second = pair(a, b)
    other = second._replace(draws=tuple(range(6, 12)))
    unpaired = survival_tests([first, other])[1]
    assert np.isnan(unpaired.p_paired)
    assert unpaired.p_holm == unpaired.p_logrank == test.p_logrank


def test_draws_that_share_their_damage_make_the_paired_test_the_stronger():
    a = [0.2, 0.4, 0.4, 0.6, 0.6, 0.8, 0.8, 0.8]
    b = [0.4, 0.6, 0.6, 0.8, 0.8, 1.0, 1.0, 1.0]
    found = survival_tests(pair(a, b))[1]
    assert found.p_paired < 0.05 < found.p_logrank


def test_tests_are_corrected_within_an_event_and_leave_out_models_that_are_excluded():
    rng = np.random.default_rng(4)
    models = [
        analysed(dying(rng.choice(DOSES[1:], 6))._replace(model=name)) for name in ("A", "B", "C")
    ]
    found = [test for test in survival_tests(models) if test.event == "half lost"]
    assert [(test.a, test.b) for test in found] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert [test.comparisons for test in found] == [3] * 3
    assert [test.p_holm for test in found] == holm([test.p_paired for test in found]).tolist()
    dead = analysed(dying([0.0] * 6)._replace(model="D"))
    assert survival_tests([models[0], dead]) == []


def test_under_no_difference_the_paired_test_rarely_claims_one():
    rng, hits = np.random.default_rng(1), 0
    responses = pair([0.2] * 8, [0.2] * 8)
    for _ in range(300):
        shift = rng.choice(DOSES[1:4], 8)
        sides = [
            side._replace(survival={"half lost": survival("half lost", DOSES, seen[None])})
            for side in responses
            for seen in [shift + rng.choice([0, 0.2, 0.4], 8)]
        ]
        hits += survival_tests(sides)[0].p_paired < 0.05
    assert hits / 300 < 0.08


def test_the_terminal_says_when_draws_collapse_where_the_mean_hides_it():
    (line,) = survival_lines([analysed(dying([0.2, 0.6, 0.6, INF]))])
    assert line.plain == (
        "survival: of the 4 draws of A on mrpc under deletion, 3 are constant for good, half of "
        "all by dose 0.60 [.20, -], and 3 are without half of their skill for good, half of all by "
        "dose 0.60 [.20, -]."
    )
    assert survival_lines([analysed(dying([INF] * 4))]) == []
    plain = falling_curve(np.random.default_rng(0), mrpc_labels(200), draws=4, middle=2.0)
    assert survival_lines([analysed(plain)]) == []

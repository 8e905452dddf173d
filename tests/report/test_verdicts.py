import numpy as np
import pytest

from lesion.analysis.compare import verdicts
from lesion.analysis.curves import Crossover
from lesion.analysis.dissociation import Dissociation
from lesion.analysis.meta import Meta, Pooled
from lesion.analysis.summary import Estimate, analyse
from lesion.report.remarks import over_all, remarks
from lesion.report.verdicts import verdict_tables, view_tables
from tests.analysis.simulated import classified, falling_curve, mrpc_labels

from .test_tables import printed, responses

LABELS = mrpc_labels(120)


def study(lesions=("one", "two"), middles=(0.3, 0.34, 0.7), spread=0.1):
    made = [
        falling_curve(np.random.default_rng(n), LABELS, model=m, middle=middle, lesion=lesion,
                      spread=spread, draws=5)
        for lesion in lesions
        for n, (m, middle) in enumerate(zip("ABC", middles, strict=False))
    ]  # fmt: skip
    return verdicts(analyse(made, replicates=200), "model", margin=0.02)


def test_a_comparison_is_a_row_under_its_lesion_in_the_table_of_its_task():
    found = study()
    (table,) = verdict_tables(found)
    title, _, *rows = [line.rstrip() for line in printed(table, width=100).splitlines()]
    assert title == "mrpc: which retains more"
    assert rows[0] == "one" and rows[4] == "two"
    for row, verdict in zip(rows[1:4] + rows[5:8], found, strict=True):
        words = row.split()
        assert words[:2] == [f"{verdict.a},", verdict.b]
        assert words[2] == f"{verdict.delta:+.3f}"
        assert words[5] == f"{verdict.p_holm:.3f}"
        assert verdict.outcome == "cannot tell" or row.endswith(verdict.answer)
    below = " ".join(rows[8:])
    assert below.startswith("difference: of retained area, the second minus the first")
    assert "p, corrected (interval): by Holm over the 6 comparisons." in below


def test_the_table_fits_eighty_columns_and_says_in_short_what_would_settle_a_comparison():
    found = study()
    open_ones = [v for v in found if v.outcome == "cannot tell"]
    assert open_ones
    text = " ".join(printed(*verdict_tables(found)).split())
    assert "…" not in text
    assert text.count("five times as many models, draws and examples would be.") == 1
    for verdict in open_ones:
        assert f"cannot tell: {verdict.brief}" in text
        assert verdict.settle not in text


def test_what_holds_for_many_comparisons_is_said_once():
    found = study()
    text = printed(*remarks(found), width=400)
    for scope in {v.scope for v in found}:
        assert text.count(scope) == 1
    warned = [v._replace(warning="Intact, A is better.") for v in found]
    assert printed(*remarks(warned), width=400).count("! Intact, A is better.") == 1


def test_a_difference_that_does_not_stand_among_the_others_is_named_below():
    one = study(("one",))[1]._replace(outcome="cannot tell", lo=0.1, p=0.03, comparisons=6)
    assert "alone it would be a difference (p = 0.030), among 6 comparisons it is not." in printed(
        *remarks([one]), width=400
    )
    assert "alone" not in printed(*remarks([one._replace(lo=-0.1)]), width=400)


def test_a_comparison_with_a_model_that_never_learned_has_its_reason_below_and_no_row():
    dead = classified(np.ones((1, 5, 11, 120), int), LABELS, model="dead")
    alive = falling_curve(np.random.default_rng(0), LABELS, model="A", draws=5)
    found = verdicts(analyse([alive, dead], replicates=200), "model")
    assert verdict_tables(found) == []
    text = printed(*remarks(found), width=400)
    assert "A and dead: cannot tell. dead has no healthy model left" in text
    assert "Left out: dead: never learned." in text


def test_a_reason_that_several_comparisons_share_is_said_once():
    dead = [
        classified(np.ones((1, 5, 11, 120), int), LABELS, model="dead", lesion=lesion)
        for lesion in ("one", "two", "three", "four")
    ]
    alive = [
        falling_curve(np.random.default_rng(0), LABELS, model="A", draws=5, lesion=one.lesion)
        for one in dead
    ]
    found = verdicts(analyse([*alive, *dead], replicates=200), "model")
    assert len({v.settle for v in found}) == 1
    text = printed(*remarks(found), width=400)
    assert text.count("dead has no healthy model left") == 1
    assert (
        "mrpc, one, A and dead; mrpc, two, A and dead; and 2 more comparisons: cannot tell." in text
    )


def test_curves_that_cross_at_an_error_rate_have_a_dose_that_can_be_read():
    one = study(("one",))[0]
    crossed = one._replace(crossovers=(Crossover(5.04e-8, 1e-8, 2e-7, 1),))
    text = printed(*remarks([crossed]), width=400)
    assert "the curves cross at dose 5e-08 [1e-08, 2e-07]" in text


def test_what_is_asked_at_one_dose_has_a_table_of_its_own():
    pair = [responses("one", at)._replace(model=name) for name, at in (("A", 0.5), ("B", 0.75))]
    found = verdicts(analyse(pair), "model", dose=0.5)
    areas, at_dose = verdict_tables(found)
    text = printed(areas, width=100)
    assert "A, B  +0.250 [+.250, +.250]  0.000  B retains more" in text
    assert "Holm" not in text
    text = printed(at_dose, width=100)
    assert "task: differences at one dose" in text
    assert (
        "A, B  +1.000 [+1.000, +1.000]  0.000  0.5   +0.500         0.000 (exact McNemar)" in text
    )


@pytest.mark.parametrize("tasks", [("x",), ("x", "y")])
def test_each_task_has_a_table(tasks):
    found = [v._replace(task=task) for task in tasks for v in study(("one",))]
    assert [str(table.title).split(":")[0] for table in verdict_tables(found)] == list(tasks)


def test_a_dissociation_is_a_sentence():
    flat = Estimate(0.1, 0.05, 0.15)
    one = Dissociation(
        "BERT", ("first", "last"), ("a", "b"), (flat, flat), flat, (0.1, 0.9), 0.01, 0.02, "yes"
    )
    assert printed(*remarks([], [one]), width=200).strip() == (
        "BERT, first x last: yes (at equal severity, a minus b differs by +0.100 [+.050, +.150] "
        "between the lesions)"
    )


def test_rates_and_d50_have_a_table_below_the_areas_where_they_are_asked_for():
    found = study(("one",))
    areas, beside = verdict_tables(found, ("d50", "steepness"))
    assert printed(areas) == printed(*verdict_tables(found))
    text = printed(beside, width=100)
    title, _, lesion, *rows = [line.rstrip() for line in text.splitlines()]
    assert title == "mrpc: which loses skill at a lower rate"
    assert lesion == "one"
    first, ratio, second = rows[:3]
    verdict, steep = found[0], found[0].rates[1]
    assert first.split()[:4] == ["A,", "B", "D50", f"{verdict.d50.value:+.3f}"]
    assert ratio.split()[:5] == ["A,", "B", "D50", "ratio", f"{verdict.d50_ratio.ratio.value:.2f}"]
    assert f"{verdict.d50_ratio.p_holm:.3f}" in ratio
    assert second.split()[:4] == ["A,", "B", "steepness", f"{steep.value:+.3f}"]
    assert f"{steep.p_holm:.3f}" in second
    assert second.endswith({"a": "A", "b": "B"}.get(steep.outcome, "cannot tell"))
    assert "initial slope" not in "\n".join(rows[:6])
    assert "p: after Holm's correction in each." in " ".join(text.split())
    assert "…" not in printed(beside)


def test_an_undefined_rate_has_its_reason_in_the_table():
    reason = "cannot tell: B kept more than a quarter of skill at every dose"
    nan = float("nan")
    one = study(("one",))[0]
    none = one.rates[1]._replace(value=nan, lo=nan, hi=nan, p=nan, p_holm=nan, answer=reason)
    one = one._replace(rates=(one.rates[0], none), d50=Estimate(nan, nan, nan))
    text = printed(verdict_tables([one], ("d50", "steepness"))[1], width=140)
    assert "A, B D50 undefined A, B D50 ratio" in " ".join(text.split())
    assert f"steepness undefined {reason}" in " ".join(text.split())


def pooled(**changed):
    ways = {"task": 0.04, "beyond": 0.03}
    plain = Pooled(Estimate(0.1, 0.02, 0.18), 0.03, 4.0, 0.03, 0.05, ways, 9.0, 5.0, 0.444,
                   Estimate(0.1, -0.1, 0.3))  # fmt: skip
    return Meta("A", "B", 6, ("x", "y"), ("one", "two", "three"), plain, 0.02, "b",
                "B retains more", "About these.", ())._replace(**changed)  # fmt: skip


def test_a_summary_is_a_sentence_with_its_heterogeneity_and_scope():
    text = printed(*over_all([pooled(), pooled(a="C")]), width=400)
    assert (
        "Over 6 comparisons (2 tasks x 3 lesions), B minus A is +0.100 [+.020, +.180] on average: "
        "B retains more. Heterogeneity: true differences vary by a standard deviation of 0.050 "
        "(task 0.040, beyond 0.030; I² 44%); one more would be in [-.100, +.300]."
    ) in text
    assert text.count("About these.") == 1


def test_a_summary_of_two_says_no_more_than_they_do_and_names_what_is_left_out():
    nan = float("nan")
    few = pooled(tasks=("x",), lesions=("one", "two"), effects=2, left_out=("x, three",))
    few = few._replace(
        pooled=few.pooled._replace(tau_by={"beyond": 0.05}, another=Estimate(0.1, nan, nan))
    )
    text = printed(*over_all([few]), width=400)
    assert "Over 2 comparisons (1 task x 2 lesions)" in text
    assert "one more" not in text
    assert "(I² 44%). Left out: x, three." in text
    assert over_all([]) == []


def lesions_of_one_model():
    made = [
        falling_curve(np.random.default_rng(n), LABELS, model="A", middle=middle, lesion=lesion,
                      spread=0.1, draws=5)
        for n, (lesion, middle) in enumerate((("one", 0.3), ("two", 0.34), ("three", 0.8)))
    ]  # fmt: skip
    return verdicts(analyse(made, replicates=200), "lesion")


def test_lesions_are_rows_under_the_model_in_which_they_are_compared():
    (table,) = verdict_tables(lesions_of_one_model())
    text = printed(table, width=110)
    title, _, model, first, second, *_ = [line.rstrip() for line in text.splitlines()]
    assert title == "mrpc: under which lesion more is retained"
    assert model == "A"
    assert first.startswith("  one, two")
    assert second.startswith("  one, three") and second.endswith("more under three")


def test_the_interval_at_the_corrected_level_stands_beside_the_plain_one():
    found = study(("one",))
    (table,) = verdict_tables(found)
    text = printed(table, width=120)
    for v in found:
        low, high = (f"{end:+.3f}".replace("0.", ".", 1) for end in (v.lo_holm, v.hi_holm))
        assert f"[{low}, {high}]" in text
    assert "corrected" in text
    (alone,) = verdict_tables([found[0]._replace(comparisons=1)])
    assert "corrected" not in printed(alone, width=120)


def test_the_caption_names_the_family_and_the_reason_of_the_margin():
    found = [
        v._replace(family="3 comparisons of models", margin_reason="spread of the seeds")
        for v in study(("one",))
    ]
    text = " ".join(printed(*verdict_tables(found), width=200).split())
    assert "by Holm over the 3 comparisons of models." in text
    assert "margin: 0.02 (spread of the seeds)." in text
    equal = [v._replace(outcome="equivalent", p_equivalent_holm=0.012) for v in found]
    text = " ".join(printed(*verdict_tables(equal), width=200).split())
    assert "equivalent: within 0.02 (margin: spread of the seeds); its p is of a difference" in text
    assert "0.012" in text


def test_points_are_shown_where_intact_scores_differ_and_models_that_never_learned_always():
    found = study(("one",))
    plain = [v._replace(warning="", with_dead=None) for v in found]
    assert view_tables(plain) == []
    warned = [plain[0]._replace(warning="Intact, A is better."), *plain[1:]]
    (table,) = view_tables(warned)
    text = printed(table, width=120)
    assert "mrpc: the same comparisons from other sides" in text
    assert text.count("gain kept, in points of accuracy") == 1
    dead = plain[1].absolute._replace(quantity="with 1 model that never learned, at skill 0")
    (table,) = view_tables([plain[0], plain[1]._replace(with_dead=dead)])
    assert "with 1 model that never learned, at skill 0" in printed(table, width=140)


def test_groups_that_lose_unequal_numbers_are_warned_of_first():
    v = study(("one",))[0]
    v = v._replace(losses="1 of x never learned.", warning="Intact, A is better.")
    lines = [line for line in printed(*remarks([v]), width=200).splitlines() if line[:1] == "!"]
    assert lines == ["! 1 of x never learned.", "! Intact, A is better."]


def test_an_equivalence_that_does_not_stand_among_the_others_is_named_below():
    v = study(("one",))[0]._replace(
        outcome="cannot tell", lo=-0.01, hi=0.01, p_equivalent=0.02, comparisons=6
    )
    text = printed(*remarks([v]), width=400)
    assert "alone it would be equivalent (p = 0.020), among 6 comparisons it is not." in text

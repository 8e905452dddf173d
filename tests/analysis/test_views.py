"""The same comparison from other sides, and the margin with its reason."""

import numpy as np
import pytest

from lesion.analysis import compare, margins, summary, views
from lesion.study.questions import Question

from .simulated import classified, falling_curve, mrpc_labels

LABELS = mrpc_labels(300)


def curve(middle, model, group, rng=0, **changed):
    rng = np.random.default_rng(rng)
    return falling_curve(rng, LABELS, middle=middle, model=model, group=group, **changed)


def dead(model, group):
    return classified(np.ones((1, 8, 6, 300), int), LABELS, model=model, group=group)


def analysed(*responses):
    return summary.analyse(list(responses), replicates=300)


def test_the_gain_kept_is_the_mean_over_doses_of_the_points_above_chance():
    (a,) = analysed(curve(0.4, "A", None))
    points = a.curves["accuracy"].value - a.curves["accuracy"].chance
    expected = ((points[1:] + points[:-1]) / 2).mean()
    assert a.kept_area.value == pytest.approx(expected)
    assert a.kept_area.lo < a.kept_area.value < a.kept_area.hi
    assert summary.summary_row(a)["gain_kept"] == a.kept_area.value
    gain = a.intact.value - a.curves["accuracy"].chance
    assert a.kept_area.value == pytest.approx(a.area.value * gain)


def test_of_a_loss_a_larger_gain_kept_is_better():
    better, worse = (
        classified(answers, LABELS, metrics=("cross_entropy",))
        for answers in (np.broadcast_to(LABELS, (1, 3, 4, 300)), np.ones((1, 3, 4, 300), int))
    )
    kept = [a.kept_area.value for a in analysed(better, worse)]
    assert kept[0] > 0 > kept[1]


def test_a_weaker_model_that_loses_nothing_keeps_fewer_points():
    strong = curve(0.6, "A", None)
    weak = np.where(np.arange(300) % 6 < 1, 1 - LABELS, LABELS)
    weak = classified(np.broadcast_to(weak, (1, 8, 6, 300)), LABELS, model="B")
    (v,) = compare.verdicts(analysed(strong, weak), "model")
    assert v.outcome == "b"
    kept = [a.kept_area.value for a in analysed(strong, weak)]
    assert v.absolute.delta == pytest.approx(kept[1] - kept[0])
    assert v.absolute.quantity == "gain kept, in points of accuracy"


def test_models_that_never_learned_stand_beside_the_survivors_at_skill_0():
    living = [curve(m, n, g) for m, n, g in ((0.3, "A", "x"), (0.4, "B", "x"), (0.6, "C", "y"),
                                             (0.7, "D", "y"))]  # fmt: skip
    analyses = analysed(*living, dead("E", "y"))
    (v,) = compare.verdicts(analyses, "group")
    areas = [a.area.value for a in analyses[:4]]
    assert v.delta == pytest.approx(np.mean(areas[2:]) - np.mean(areas[:2]))
    assert v.with_dead.delta == pytest.approx(sum(areas[2:]) / 3 - np.mean(areas[:2]))
    assert v.with_dead.hi - v.with_dead.lo > 2 * (v.hi - v.lo)
    assert v.with_dead.outcome == "cannot tell"
    assert v.losses.startswith("On mrpc, 0 of 2 models of x and 1 of 3 models of y never learned.")


def test_groups_that_lose_equally_have_no_warning_and_healthy_ones_no_second_view():
    living = [curve(m, n, g) for m, n, g in ((0.3, "A", "x"), (0.6, "C", "y"))]
    (v,) = compare.verdicts(analysed(*living), "group")
    assert (v.with_dead, v.losses) == (None, "")
    (v,) = compare.verdicts(analysed(*living, dead("E", "y"), dead("F", "x")), "group")
    assert v.losses == "" and v.with_dead is not None


def test_the_models_with_the_nearest_intact_scores_are_chosen_by_these_alone():
    analyses = analysed(
        *(curve(m, n, g, rng=k) for k, (m, n, g) in enumerate(
            ((0.3, "A", "x"), (0.4, "B", "x"), (0.6, "C", "y"), (0.7, "D", "y"))))
    )  # fmt: skip
    question = Question(between="group", at_equal_intact=True)
    (v,) = compare.verdicts(analyses, question)
    pairs = [
        (abs(b.intact.value - a.intact.value), a, b) for a in analyses[:2] for b in analyses[2:]
    ]
    _, a, b = min(pairs, key=lambda pair: pair[0])
    assert v.equal_intact.delta == pytest.approx(b.area.value - a.area.value)
    assert f"{a.model} ({a.intact.value:.3f}) and {b.model}" in v.equal_intact.quantity
    assert compare.verdicts(analyses, "group")[0].equal_intact is None


def test_views_are_corrected_over_those_of_the_family():
    analyses = analysed(*(curve(m, n, None) for m, n in ((0.3, "A"), (0.31, "B"), (0.32, "C"))))
    found = compare.verdicts(analyses, "model")
    assert all(v.absolute.p_holm >= v.absolute.p for v in found)
    assert any(v.absolute.p_holm > v.absolute.p for v in found)
    assert views.DEAD == "never learned"


def test_a_margin_that_is_given_is_the_margin():
    assert margins.margin_of(0.1, []) == (0.1, "given")
    assert margins.margin_of(None, []) == (0.05, "default")


def test_without_a_margin_it_is_the_spread_over_seeds_or_else_within_groups():
    tuned = analysed(curve(0.4, "A", "x", seeds=4), curve(0.6, "B", "x", seeds=4, rng=1))
    margin, reason = margins.margin_of(None, tuned)
    assert reason == "spread of the seeds"
    cells = [a.resampled.levels["seeds"] for a in tuned]
    assert len(cells) == 2 and 0 < margin < 0.1
    once = analysed(curve(0.4, "A", "x"), curve(0.6, "B", "x"), curve(0.5, "C", "y"))
    margin, reason = margins.margin_of(None, once)
    spread = np.std([a.area.value for a in once[:2]], ddof=1)
    assert reason == "spread within groups"
    assert margin == pytest.approx(spread, rel=0.05)


def test_the_spread_over_seeds_is_that_of_the_areas_of_the_seeds():
    together = curve(0.4, "A", None, seeds=6)
    (whole,) = analysed(together)
    each = analysed(*(
        together._replace(outputs=together.outputs[s : s + 1], seeds=(s,)) for s in range(6)
    ))  # fmt: skip
    spread = np.std([a.kept_area.value for a in each], ddof=1)
    gain = whole.intact.value - whole.curves["accuracy"].chance
    margin, _ = margins.margin_of(None, [whole])
    assert margin == pytest.approx(spread / gain, rel=0.6)

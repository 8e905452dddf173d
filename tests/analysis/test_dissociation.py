import numpy as np
import pytest

from lesion.analysis import dissociation, summary
from lesion.analysis.contrast import holm

from .simulated import classified, falling_curve, mrpc_labels

LABELS = mrpc_labels(200)


def cell(lesion, task, middle, rng, model="A", **changed):
    return falling_curve(
        np.random.default_rng(rng), LABELS, middle=middle, lesion=lesion, task=task, model=model,
        doses=11, **changed,
    )  # fmt: skip


def study(middles, **changed):
    """Middles of (front, syntax), (front, meaning), (back, syntax), (back, meaning)."""
    names = [(lesion, task) for lesion in ("front", "back") for task in ("syntax", "meaning")]
    made = [
        cell(*name, middle, n, **changed)
        for n, (name, middle) in enumerate(zip(names, middles, strict=True))
    ]
    return summary.analyse(made, replicates=400)


def test_two_lesions_that_each_hurt_another_task_dissociate_doubly():
    (found,) = dissociation.dissociations(study((0.35, 0.65, 0.65, 0.35)))
    assert found.answer == "double dissociation: front hurts syntax more, back hurts meaning more"
    assert found.biases[0].hi < 0 < found.biases[1].lo
    assert found.interaction.value == pytest.approx(found.biases[1].value - found.biases[0].value)
    assert (found.p < 0.01, found.p_double < 0.01) == (True, True)


def test_a_task_that_any_damage_hurts_more_is_no_double_dissociation():
    (found,) = dissociation.dissociations(study((0.35, 0.55, 0.45, 0.65)))
    assert found.biases[0].hi < 0 and found.biases[1].hi < 0
    assert found.p_double == 1
    assert "double dissociation:" not in found.answer


def test_a_milder_lesion_that_hurts_alike_has_no_interaction_once_severities_are_matched():
    (found,) = dissociation.dissociations(study((0.3, 0.3, 0.7, 0.7)))
    assert found.answer == "no significant interaction of lesion and task"
    assert found.interaction.lo < 0 < found.interaction.hi


def test_severities_are_those_that_both_lesions_reach():
    whole = study((0.3, 0.4, 0.5, 0.6))
    (found,) = dissociation.dissociations(whole)
    assert found.severities == pytest.approx((0.1, 0.9))
    responses = [cell("front", t, 0.5, n) for n, t in enumerate(("syntax", "meaning"))]
    cut = [r._replace(outputs=r.outputs[:, :, :6], doses=r.doses[:6]) for r in responses]
    shallow = summary.analyse(cut, replicates=400)
    (found,) = dissociation.dissociations([*shallow, *whole[2:]])
    assert found.severities[1] < 0.65


def test_a_bias_read_off_at_matched_severities_agrees_with_plain_interpolation():
    doses = np.linspace(0, 1, 11)
    a, b = np.linspace(1, 0, 11), np.linspace(1, 0, 11) ** 2
    mean = (a + b) / 2
    wanted = np.mean([
        np.interp(np.interp(s, 1 - mean, doses), doses, a - b) for s in (0.2, 0.4)
    ])  # fmt: skip
    found = dissociation._bias(doses, a, b, np.array([0.2, 0.4]))
    assert found == pytest.approx(wanted)
    rows = dissociation._bias(doses, np.stack([a, b]), np.stack([b, a]), np.array([0.2, 0.4]))
    np.testing.assert_allclose(rows, [wanted, -wanted])


def test_one_task_or_a_model_that_never_learned_gives_none():
    one = summary.analyse([cell("front", "syntax", 0.4, 0), cell("back", "syntax", 0.4, 1)])
    assert dissociation.dissociations(one) == []
    assert dissociation.dissociations([]) == []
    dead = classified(np.ones((1, 8, 11, 200), int), LABELS, lesion="back", task="meaning")
    found = [*study((0.35, 0.65, 0.65, 0.35))[:3], *summary.analyse([dead], replicates=400)]
    assert dissociation.dissociations(found) == []


def test_interactions_are_a_family_of_their_own():
    apart = (0.35, 0.65, 0.65, 0.35)
    (one,) = dissociation.dissociations(study(apart))
    assert one.p_holm == one.p < 0.01
    models = [*study(apart), *study((0.3, 0.3, 0.7, 0.7), model="B")]
    found = dissociation.dissociations(models)
    assert [d.model for d in found] == ["A", "B"]
    np.testing.assert_allclose([d.p_holm for d in found], holm([d.p for d in found]))
    assert found[0].p_holm == pytest.approx(2 * one.p)
    found = [dissociation._worded(d._replace(p=0.03, p_holm=0.06, p_double=1), 2) for d in found]
    assert {d.answer for d in found} == {
        "no significant interaction of lesion and task among the 2 of the study"
    }

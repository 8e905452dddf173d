import re
from pathlib import Path

import numpy as np
import pytest

from lesion.analysis import bootstrap, health, summary
from lesion.analysis.diagnosis import SEVERITIES
from lesion.analysis.sampled import weights_of

from .simulated import classified, falling_curve, mrpc_labels


def diagnosed(responses, metric=None):
    if metric:
        others = tuple(m for m in responses.metrics if m != metric)
        responses = responses._replace(metrics=(metric, *others))
    found = bootstrap.replicate(responses, weights_of(responses, 0, 1000))
    findings = health.diagnose(responses, found[responses.metrics[0]])
    for finding in findings:
        assert finding.severity in health.DIAGNOSES[finding.name].severities
    return {finding.name: finding for finding in findings}


def intact_answers(labels, accuracy, rng=None):
    """Answers that are right on this share of the examples, of each class alike."""
    right = (np.argsort(np.argsort(np.arange(len(labels)) * 7919 % len(labels)))) < round(
        accuracy * len(labels)
    )
    return np.where(right, labels, 1 - labels)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "mcc", "balanced_accuracy", "cross_entropy"])
@pytest.mark.parametrize("constant", [0, 1])
def test_a_constant_predictor_never_learned_on_any_metric(metric, constant):
    labels = mrpc_labels()
    found = diagnosed(classified(np.full((1, 3, 4, 408), constant), labels), metric)
    assert found["never learned"].severity == "exclude"


@pytest.mark.parametrize("examples", [120, 150, 408])
def test_a_gain_that_is_only_rounding_is_none(examples):
    labels = mrpc_labels(examples)
    found = diagnosed(classified(np.ones((1, 3, 4, examples), int), labels))
    assert found["never learned"].severity == "exclude"


@pytest.mark.parametrize("metric", ["accuracy", "mcc", "balanced_accuracy"])
def test_an_accuracy_of_0_80_on_mrpc_is_learned(metric):
    labels = mrpc_labels()
    answers = np.tile(intact_answers(labels, 0.80), (1, 3, 4, 1))
    assert "never learned" not in diagnosed(classified(answers, labels), metric)


def test_random_answers_never_learned():
    labels = mrpc_labels()
    answers = np.tile(np.random.default_rng(0).integers(0, 2, 408), (1, 1, 2, 1))
    found = diagnosed(classified(answers, labels), "mcc")
    assert found["never learned"].severity == "exclude"


def test_the_message_of_never_learned_has_the_numbers():
    found = diagnosed(classified(np.ones((1, 3, 4, 408), int), mrpc_labels()))["never learned"]
    assert found.message.startswith("A never learned mrpc: its intact accuracy is 0.684 [0.6")
    assert found.message.endswith("not clearly above the 0.684 of the best constant answer.")
    assert found.evidence["seeds"] == [0]
    assert found.dose == 0


def test_one_seed_that_never_learned_is_named_and_does_not_exclude_the_others():
    labels = mrpc_labels()
    good = np.tile(intact_answers(labels, 0.9), (2, 1))
    answers = np.concatenate([good, np.ones((1, 408), int)])[:, None, None]
    responses = classified(np.repeat(answers, 2, axis=2), labels, seeds=(4, 5, 6))
    found = diagnosed(responses)["never learned"]
    assert found.severity == "warning"
    assert found.evidence["seeds"] == [6]
    assert found.message.startswith("A never learned mrpc with seed 6: its intact accuracy is 0.68")


def test_overconfidence_alone_does_not_convict_a_model():
    labels = mrpc_labels()
    answers = np.tile(intact_answers(labels, 0.80), (1, 1, 2, 1))
    responses = classified(answers, labels)
    loud = responses._replace(outputs=responses.outputs * 10)  # loss far above the prior's entropy
    assert "never learned" not in diagnosed(loud)
    assert "never learned" in diagnosed(loud, "cross_entropy")


def collapsing(to, labels, doses=5, from_dose=3):
    """One draw per element of `to`; from this dose on it answers with that class only."""
    whole = intact_answers(labels, 0.9)
    answers = np.tile(whole, (1, len(to), doses, 1))
    for d, constant in enumerate(to):
        answers[0, d, from_dose:] = constant
    return classified(answers, labels)


def test_constant_says_from_which_dose_on_and_with_which_class():
    found = diagnosed(collapsing([1, 1, 1, 1], mrpc_labels()))["constant"]
    assert found.dose == 0.75
    assert found.severity == "note"
    assert found.evidence["classes"] == {"same": 4}
    assert found.message == (
        "From dose 0.75 of deletion on, A answers mrpc with one class: at this dose 4 of 4 trials "
        "do so for at least 99% of the examples (4 times 'same')."
    )


def test_a_model_that_recovers_is_not_constant_from_there_on():
    responses = collapsing([1, 1], mrpc_labels())
    outputs = responses.outputs.copy()
    outputs[:, :, 4] = outputs[:, :, 0]
    assert "constant" not in diagnosed(responses._replace(outputs=outputs))


def test_collapse_to_each_class_is_bimodal_and_to_one_class_is_not():
    labels = mrpc_labels()
    article = diagnosed(collapsing([0, 0, 0, 0, 1], labels))["bimodal"]
    assert article.dose == 0.75
    assert article.evidence["classes"] == {"different": 4, "same": 1}
    assert "bimodal" not in diagnosed(collapsing([0] * 5, labels))
    assert "bimodal" not in diagnosed(collapsing([0] * 14 + [1], labels))
    assert "bimodal" in diagnosed(collapsing([0] * 13 + [1] * 2, labels))


def test_labels_of_one_class_say_nothing_about_a_constant_answer():
    labels = np.ones(300, int)
    labels[0] = 0
    assert "constant" not in diagnosed(classified(np.ones((1, 2, 3, 300), int), labels))


def test_no_effect_is_an_unchanged_answer_at_every_dose():
    labels = mrpc_labels()
    responses = classified(np.tile(intact_answers(labels, 0.9), (1, 2, 4, 1)), labels)
    assert diagnosed(responses)["no effect"].evidence == {"identical": True}
    moved = responses._replace(outputs=responses.outputs * np.float32(1.1))
    moved.outputs[:, :, 0] = responses.outputs[:, :, 0]
    found = diagnosed(moved)["no effect"]
    assert found.message == (
        "deletion has no effect on A on mrpc: no example is answered differently at any dose."
    )
    moved.outputs[0, 1, 3, 0] = -moved.outputs[0, 1, 3, 0]
    moved.outputs[0, 1, 3, 0, 0] += 1
    assert "no effect" not in diagnosed(moved)


def test_improvement_beyond_noise_is_found_and_noise_is_not():
    labels = mrpc_labels()
    answers = np.tile(intact_answers(labels, 0.80), (1, 4, 3, 1))
    answers[:, :, 1] = intact_answers(labels, 0.90)
    found = diagnosed(classified(answers, labels))["improves under damage"]
    assert found.dose == 0.5
    assert found.evidence["gain"] == pytest.approx(0.1, abs=0.01)
    assert 0 < found.evidence["lo"] < found.evidence["gain"] < found.evidence["hi"] < 0.2
    answers[:, :, 1] = intact_answers(labels, 0.805)
    assert "improves under damage" not in diagnosed(classified(answers, labels))


def test_an_improvement_is_corrected_for_the_number_of_curves_of_the_study():
    labels = mrpc_labels()
    answers = np.tile(intact_answers(labels, 0.80), (1, 4, 3, 1))
    answers[:, :, 1] = intact_answers(labels, 0.82)
    weak = classified(answers, labels)
    plain = classified(np.tile(intact_answers(labels, 0.80), (1, 4, 3, 1)), labels, model="B")
    names = [{d.name for d in a.diagnoses} for a in summary.analyse([weak], replicates=500)]
    assert names == [{"improves under damage"}]
    others = [plain._replace(task=str(n)) for n in range(80)]
    many = summary.analyse([weak, *others], replicates=500)
    assert "improves under damage" not in {d.name for d in many[0].diagnoses}


def test_an_ordinary_falling_curve_has_no_warning():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels())
    assert all(d.severity == "note" for d in diagnosed(responses).values())


def test_outputs_that_are_not_finite_are_counted_from_their_first_dose():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(400), draws=5, doses=5)
    outputs = responses.outputs.copy()
    outputs[0, 1:3, 3:, :100] = np.nan
    broken = responses._replace(outputs=outputs)
    found = diagnosed(broken)["not finite"]
    assert found.dose == 0.75
    assert found.severity == "warning"
    assert found.message == (
        "A gives outputs that are not finite on mrpc under deletion, first at dose 0.75: 2 of 5 "
        "trials, 10.0% of their examples. No trial is crashed (more than half of the examples). "
        "What is not finite counts as chance."
    )
    assert diagnosed(broken, "cross_entropy")["not finite"].severity == "warning"


def test_only_a_crashed_intact_model_is_left_out_for_outputs_that_are_not_finite():
    responses = falling_curve(np.random.default_rng(0), mrpc_labels(400), draws=5, doses=5)
    outputs = responses.outputs.copy()
    outputs[0, 1:3, 3] = np.nan
    outputs[0, 1, 4] = np.inf
    late = diagnosed(responses._replace(outputs=outputs))["not finite"]
    assert (late.severity, late.evidence["crashed"]) == ("warning", [0, 0, 0, 0.4, 0.2])
    assert "At most 2 of 5 trials are crashed (more than half of the examples), at dose 0.75." in (
        late.message
    )
    outputs[:, :, 0, :100] = np.nan
    some = diagnosed(responses._replace(outputs=outputs))
    assert some["not finite"].severity == "warning"
    outputs[:, :, 0, :201] = np.nan
    most = diagnosed(responses._replace(outputs=outputs))
    assert most["not finite"].severity == most["never learned"].severity == "exclude"


@pytest.mark.parametrize(("random", "draws"), [(True, 1), (True, 2), (False, 1)])
def test_a_random_lesion_with_one_draw_gives_no_verdict(random, draws):
    """A ranking has one draw by nature: nothing is missing."""
    curve = falling_curve(np.random.default_rng(0), mrpc_labels(200), draws=draws)
    found = diagnosed(curve._replace(random=random))
    assert ("one draw" in found) == (random and draws == 1)
    if "one draw" in found:
        assert found["one draw"].severity == "exclude"
        assert found["one draw"].message == (
            "deletion is random and has one draw on A: its intervals contain no variance of draws "
            "and are too narrow. It is left out of verdicts. Use more draws."
        )


def test_an_intact_model_alone_can_be_diagnosed():
    labels = mrpc_labels()
    alone = classified(np.ones((1, 1, 1, 408), int), labels, doses=np.zeros(1))
    assert set(diagnosed(alone)) == {"never learned", "constant"}
    fine = classified(intact_answers(labels, 0.9)[None, None, None], labels, doses=np.zeros(1))
    assert diagnosed(fine) == {}


def test_pairs_have_no_classes_to_collapse_to():
    outputs = np.zeros((1, 3, 4, 50, 2), np.float32)
    outputs[:, :, 0, :, 0] = 1
    responses = classified(np.zeros((1, 3, 4, 50), int), np.zeros(50, int))._replace(
        outputs=outputs, kind="pairs", metrics=("accuracy",), classes=()
    )
    assert diagnosed(responses) == {}


def test_a_diagnosis_in_short_is_its_name_and_dose():
    found = diagnosed(collapsing([1, 1], mrpc_labels()))["constant"]
    assert str(found) == "constant (0.75)"


@pytest.mark.parametrize(("clusters", "few"), [(2, True), (19, True), (20, False), (408, False)])
def test_fewer_than_20_clusters_are_a_warning(clusters, few):
    labels = mrpc_labels()
    responses = classified(np.tile(intact_answers(labels, 0.8), (1, 3, 4, 1)), labels)
    assert "few clusters" not in diagnosed(responses)
    found = diagnosed(responses._replace(clusters=np.arange(408) % clusters))
    assert ("few clusters" in found) == few
    if few:
        assert found["few clusters"].evidence == {"clusters": clusters, "examples": 408}
        assert f"408 examples of mrpc are of {clusters} clusters" in found["few clusters"].message


def test_every_diagnosis_declares_known_severities_and_a_sign_of_its_own():
    for diagnosis in health.DIAGNOSES.values():
        places = [list(SEVERITIES).index(severity) for severity in diagnosis.severities]
        assert places == sorted(places) != []
    signs = [diagnosis.sign for diagnosis in health.DIAGNOSES.values() if diagnosis.sign]
    assert len(set(signs)) == len(signs) == 5


def test_the_page_on_statistics_has_a_row_for_every_diagnosis():
    page = Path(__file__).parents[2] / "docs" / "statistics.md"
    table = page.read_text(encoding="utf-8").split("## Health")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z ]+) \|", table, re.MULTILINE)
    assert rows[0] == "diagnosis"
    assert set(rows[1:]) == set(health.DIAGNOSES)

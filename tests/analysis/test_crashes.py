"""Outputs that are not finite have no skill, whichever metric is used."""

import numpy as np
import pytest

from lesion.analysis import bootstrap, crashes, curves, scores
from lesion.analysis.sampled import weights_of
from lesion.analysis.summary import analyse, curve_rows
from lesion.tasks.metrics import Metric

from .simulated import METRICS, classified, falling_curve, mrpc_labels

BAD = [np.nan, np.inf, -np.inf]


def curve(bad=np.nan, share=1.0, metric="accuracy", draws=4):
    """A curve of five doses; at the last two, this share of the examples has no finite output."""
    responses = falling_curve(
        np.random.default_rng(1), mrpc_labels(200), draws=draws, doses=5, middle=2.0,
        metrics=(metric, *(m for m in METRICS if m != metric)),
    )  # fmt: skip
    outputs = responses.outputs.copy()
    chosen = np.random.default_rng(2).permutation(200)[: round(share * 200)]
    outputs[:, :, 3:, chosen] = bad
    return responses, responses._replace(outputs=outputs)


def text(nats, examples=40, metric="perplexity"):
    """Running text with these nats (doses,) a window of 10 tokens; its prior has 30."""
    outputs = np.empty((1, 3, len(nats), examples, 3), np.float32)
    outputs[..., 0] = np.asarray(nats)[:, None]
    outputs[..., 1], outputs[..., 2] = 10, 30
    names = ("bits_per_byte", "nats_per_token", "perplexity")
    return classified(np.zeros((1, 3, len(nats), examples), int), np.full(examples, 50))._replace(
        outputs=outputs, kind="lm", classes=(),
        metrics=(metric, *(m for m in names if m != metric)),
    )  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("metric", METRICS)
def test_a_crashed_trial_is_at_chance_in_every_metric(metric, bad):
    _, broken = curve(bad, metric=metric)
    found = analyse([broken], replicates=200)[0]
    np.testing.assert_allclose(found.skill.value[3:], 0, atol=1e-6)
    assert np.isfinite([found.area.value, found.area.lo, found.area.hi, found.d50.value]).all()
    assert 0.3 < found.area.value < 0.8 and not found.excluded
    np.testing.assert_array_equal(found.crashed, [0, 0, 0, 1, 1])
    assert [row["crashed"] for row in curve_rows(found)] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("share", [0.005, 0.2, 0.5])
def test_skill_falls_by_the_share_of_examples_without_an_output(metric, share):
    whole, broken = curve(share=share, metric=metric)
    before, found = (analyse([r], replicates=200)[0] for r in (whole, broken))
    rest = ~np.isnan(broken.outputs[0, 0, 4, :, 0])
    chance, intact = before.curves[metric].chance, before.intact.value
    others = np.mean([
        scores.score(metric, whole.outputs[0, d, 4][rest], whole.labels[rest]) for d in range(4)
    ])  # fmt: skip
    wanted = (1 - share) * (others - chance) / (intact - chance)
    assert found.skill.value[4] == pytest.approx(wanted, abs=1e-6)
    assert not found.crashed.any()


def test_one_example_without_an_output_does_not_ruin_a_loss():
    whole, broken = curve(share=1 / 200, metric="cross_entropy")
    before, found = (analyse([r], replicates=200)[0] for r in (whole, broken))
    assert found.area.value == pytest.approx(before.area.value, abs=0.01)
    assert found.area.hi - found.area.lo == pytest.approx(before.area.hi - before.area.lo, abs=0.02)


def test_more_than_half_of_the_examples_make_a_crash():
    outputs = np.zeros((2, 3, 10, 2))
    outputs[0, 0, :5, 1] = np.nan
    outputs[1, 2, :6, 0] = np.inf
    assert crashes.crashed(outputs).tolist() == [[False] * 3, [False, False, True]]


def test_some_crashed_draws_among_good_ones_are_averaged_as_zeros():
    whole, broken = curve(metric="cross_entropy")
    outputs = whole.outputs.copy()
    outputs[:, 1, 4] = broken.outputs[:, 1, 4]
    before, found = (
        analyse([r], replicates=200)[0] for r in (whole, whole._replace(outputs=outputs))
    )
    assert found.crashed.tolist() == [0, 0, 0, 0, 0.25]
    cells = bootstrap.replicate(whole, weights_of(whole, 0, 50))["cross_entropy"].cells[0]
    chance, intact = before.curves["cross_entropy"].chance, before.intact.value
    skills = curves.skill(cells, np.full(4, chance), np.full(4, intact), higher=False)[:, 4]
    skills[1] = 0
    assert found.skill.value[4] == pytest.approx(skills.mean())


@pytest.mark.parametrize("metric", ["perplexity", "nats_per_token", "bits_per_byte"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_text_without_a_finite_loss_has_that_of_the_prior(metric, bad):
    found = analyse([text([10, 20, bad], metric=metric)], replicates=100)[0]
    assert found.skill.value[2] == pytest.approx(0, abs=1e-6)
    assert found.curves["nats_per_token"].value[2] == pytest.approx(3)
    assert found.curves["perplexity"].value[2] == pytest.approx(np.exp(3), rel=1e-6)
    assert np.isfinite(found.area.value) and found.crashed.tolist() == [0, 0, 1]
    partly = text([10, 20, 20], metric=metric)
    partly.outputs[:, :, 2, :10, 0] = bad
    found = analyse([partly], replicates=100)[0]
    assert found.curves["nats_per_token"].value[2] == pytest.approx(0.75 * 2 + 0.25 * 3)
    assert found.skill.value[2] == pytest.approx(0.75 * found.skill.value[1], abs=1e-6)


def test_a_perplexity_beyond_the_largest_number_is_at_chance():
    found = analyse([text([10, 20, 1e6])], replicates=100)[0]
    assert found.skill.value[2] == 0 and np.isfinite(found.area.value)
    assert found.crashed.tolist() == [0, 0, 0]


def test_a_metric_of_ones_own_never_meets_what_is_not_finite():
    def margin(outputs, targets):
        assert np.isfinite(outputs).all()
        picked = outputs[np.arange(len(targets)), targets]
        return float(picked.mean() - outputs.mean())

    own = Metric.of(margin, chance=0.0)
    for share in (0.2, 1.0):
        _, broken = curve(share=share)
        broken = broken._replace(metrics=("margin", *METRICS), own_metrics=(own,))
        found = analyse([broken], replicates=20)[0]
        assert found.metric == "margin"
        wanted = 0 if share == 1 else pytest.approx(0.8, abs=0.05)
        assert found.skill.value[4] == wanted


def test_a_replicate_without_any_finite_example_is_at_chance():
    labels = np.array([0, 0, 1, 1])
    outputs = np.array([[[2.0], [np.nan], [0.0], [0.0]], [[0.0], [0.0], [1.0], [1.0]]])
    weights = np.array([[0.0, 4.0, 0.0, 0.0], [0.0, 2.0, 2.0, 0.0]])
    metric = scores.metric_of("accuracy", "classify")
    chances = {"accuracy": np.array([0.3, 0.4])}
    found = crashes.measure([metric], "classify", outputs, labels, weights, chances)
    np.testing.assert_allclose(found["accuracy"][:, 0], [0.3, 0.5 * 1 + 0.5 * 0.4])


@pytest.mark.parametrize("metric", METRICS)
def test_the_score_of_one_trial_is_that_of_the_curve(metric):
    for share in (0.1, 0.7):
        _, broken = curve(share=share)
        cells = bootstrap.replicate(broken, weights_of(broken, 0, 20))[metric].cells
        alone = crashes.score(metric, broken.outputs[0, 1, 3], broken.labels, "classify")
        assert alone == pytest.approx(cells[0, 1, 3])

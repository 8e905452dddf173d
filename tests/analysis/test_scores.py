import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn import metrics as sk

from lesion.analysis import scores
from lesion.errors import LesionError

CLASSIFY = scores.available("classify")


def sample(classes: int, examples: int = 60, cells: int = 3):
    rng = np.random.default_rng(classes)
    labels = rng.choice(classes, examples, p=np.arange(1, classes + 1) / sum(range(1, classes + 1)))
    outputs = rng.normal(size=(cells, examples, classes))
    outputs[..., 0] += 0.3 * (labels == 0)
    weights = rng.multinomial(examples, np.full(examples, 1 / examples), 4)
    return outputs, labels, weights


def expected(name: str, logits: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> float:
    answers, classes = logits.argmax(-1), logits.shape[-1]
    if name == "accuracy":
        return sk.accuracy_score(labels, answers, sample_weight=weight)
    if name == "balanced_accuracy":
        present = np.unique(labels[weight > 0])
        return sk.recall_score(
            labels, answers, labels=present, average="macro", sample_weight=weight
        )
    if name == "f1":
        average = "binary" if classes == 2 else "macro"
        return sk.f1_score(labels, answers, average=average, sample_weight=weight)
    if name == "mcc":
        return sk.matthews_corrcoef(labels, answers, sample_weight=weight)
    loss = -log_softmax(logits, axis=-1)[np.arange(len(labels)), labels]
    return float(np.average(loss, weights=weight))


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("name", CLASSIFY)
def test_every_metric_agrees_with_scikit_learn_with_and_without_weights(name, classes):
    outputs, labels, weights = sample(classes)
    plain = scores.score(name, outputs, labels)
    weighted = scores.score(name, outputs, labels, weights)
    assert plain.shape == (3,)
    assert weighted.shape == (4, 3)
    for c, logits in enumerate(outputs):
        assert plain[c] == pytest.approx(expected(name, logits, labels, np.ones(60)), abs=1e-9)
        for w, weight in enumerate(weights):
            wanted = expected(name, logits, labels, weight)
            assert weighted[w, c] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CLASSIFY)
def test_chance_is_the_score_of_the_best_constant_answer(name, classes):
    _, labels, weights = sample(classes)
    best = int(np.bincount(labels).argmax())
    if name == "cross_entropy":  # the best constant answer is the prior itself
        constant = np.log(np.bincount(labels) / len(labels))
    else:
        best = 1 if name == "f1" and classes == 2 else best
        constant = np.eye(classes)[best]
    outputs = np.tile(constant, (len(labels), 1))
    assert scores.chance(name, labels, classes) == pytest.approx(
        scores.score(name, outputs, labels), abs=1e-12
    )
    np.testing.assert_allclose(
        scores.chance(name, labels, classes, weights),
        scores.score(name, outputs, labels, weights),
        atol=1e-6,
    )


def test_chance_keeps_the_answer_that_is_best_on_all_examples():
    labels = np.array([0, 0, 1])
    turned = np.array([[0, 1, 2]])  # here class 1 is the more frequent
    assert scores.chance("accuracy", labels, 2, turned) == pytest.approx([1 / 3])


def test_chance_of_cross_entropy_keeps_the_prior_of_all_examples():
    value = scores.chance("cross_entropy", np.array([0, 0, 1]), 2, np.array([[1, 0, 3]]))
    assert value == pytest.approx([-(0.25 * np.log(2 / 3) + 0.75 * np.log(1 / 3))])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_example_whose_logits_are_not_finite_is_wrong_and_its_loss_infinite(bad):
    outputs = np.array([[2.0, 0.0], [0.0, 2.0], [0.0, bad], [0.0, 2.0]])
    labels = np.array([0, 1, 1, 1])
    assert scores.score("accuracy", outputs, labels) == 0.75
    assert scores.score("cross_entropy", outputs, labels) == np.inf
    assert scores.score("balanced_accuracy", outputs, labels) == pytest.approx((1 + 2 / 3) / 2)
    answers = np.array([0, 1, 2, 1])  # as a class that is never true
    assert scores.score("mcc", outputs, labels) == pytest.approx(
        sk.matthews_corrcoef(labels, answers)
    )
    wanted = sk.f1_score(labels, answers, labels=[1], average="macro")
    assert scores.score("f1", outputs, labels) == pytest.approx(wanted)


def test_a_loss_that_is_not_finite_leaves_replicates_without_that_example_alone():
    outputs = np.array([[2.0, 0.0], [np.nan, 0.0]])
    values = scores.score("cross_entropy", outputs, np.array([0, 0]), np.array([[2, 0], [1, 1]]))
    np.testing.assert_allclose(values, [np.log1p(np.exp(-2)), np.inf])


def test_a_constant_predictor_has_no_correlation_and_the_recall_of_one_class():
    labels = np.array([0, 0, 1, 1, 1])
    outputs = np.tile([0.0, 1.0], (5, 1)).astype(np.float32)
    weights = np.array([[1, 2, 0, 3, 1]], np.float32)
    assert scores.score("mcc", outputs, labels, weights) == [0]
    assert scores.score("balanced_accuracy", outputs, labels, weights) == [0.5]


def test_losses_of_extreme_logits_do_not_overflow():
    outputs = np.array([[1e4, -1e4]], np.float32)
    assert scores.score("cross_entropy", outputs, np.array([1])) == pytest.approx(2e4)


def test_pairs_count_the_good_above_the_bad_and_ties_half():
    outputs = np.array([[-3.0, -4.0], [-4.0, -3.0], [-2.0, -2.0], [np.nan, -9.0]])
    labels = np.zeros(4, np.int64)
    assert scores.score("accuracy", outputs, labels, kind="pairs") == 1.5 / 4
    assert scores.chance("accuracy", labels, 2, kind="pairs") == 0.5


def test_cloze_has_accuracy_and_loss_with_chance_from_the_targets():
    outputs = np.array([[1.0, 0.5], [0.0, 2.0], [1.0, 0.1], [0.0, np.nan]])
    labels = np.array([900, 7, 900, 31])
    assert scores.score("accuracy", outputs, labels, kind="cloze") == 0.5
    assert scores.score("cross_entropy", outputs, labels, kind="cloze") == np.inf
    assert scores.chance("accuracy", labels, 2, kind="cloze") == 0.5
    entropy = -(0.5 * np.log(0.5) + 2 * 0.25 * np.log(0.25))
    assert scores.chance("cross_entropy", labels, 2, kind="cloze") == pytest.approx(entropy)
    weighted = scores.chance("accuracy", labels, 2, np.array([[1, 3, 1, 0]]), "cloze")
    assert weighted == pytest.approx([0.4])


LM = np.array([[30.0, 10, 40], [5.0, 5, 20], [20.0, 4, 24]])  # nats, tokens, constant
BYTES = np.array([50, 21, 20])


def test_running_text_is_scored_by_ratios_of_sums():
    def found(name, weights=None):
        return scores.score(name, LM, BYTES, weights, kind="lm")

    assert found("nats_per_token") == pytest.approx(55 / 19)
    assert found("perplexity") == pytest.approx(np.exp(55 / 19))
    assert found("bits_per_byte") == pytest.approx(55 / 91 / np.log(2))
    twice = np.array([[2, 0, 1]])
    assert found("nats_per_token", twice) == pytest.approx([80 / 24])
    assert found("bits_per_byte", twice) == pytest.approx([80 / 120 / np.log(2)])


def test_chance_of_running_text_is_the_score_of_what_always_answers_alike():
    def chance(name, weights=None):
        return scores.chance(name, BYTES, 3, weights, "lm", LM)

    assert chance("nats_per_token") == pytest.approx(84 / 19)
    assert chance("perplexity") == pytest.approx(np.exp(84 / 19))
    assert chance("bits_per_byte") == pytest.approx(84 / 91 / np.log(2))
    assert chance("nats_per_token", np.array([[2, 0, 1]])) == pytest.approx([104 / 24])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_running_text_of_which_a_window_is_not_finite_costs_without_end(bad):
    outputs = LM.copy()
    outputs[1, 0] = bad
    weights = np.array([[1, 0, 1], [1, 1, 1]])
    values = scores.score("nats_per_token", outputs, BYTES, weights, kind="lm")
    np.testing.assert_allclose(values, [50 / 14, np.inf])


def test_a_perplexity_beyond_the_largest_number_is_infinite():
    assert scores.score("perplexity", LM * [1e4, 1, 1], BYTES, kind="lm") == np.inf


def test_a_kind_has_the_metrics_whose_statistic_it_offers():
    assert CLASSIFY == ("accuracy", "balanced_accuracy", "f1", "mcc", "cross_entropy")
    assert scores.available("pairs") == ("accuracy",)
    assert scores.available("cloze") == ("accuracy", "cross_entropy")
    assert scores.available("lm") == ("bits_per_byte", "nats_per_token", "perplexity")


def test_an_unknown_metric_or_kind_is_refused_with_what_there_is():
    with pytest.raises(LesionError) as caught:
        scores.score("f1", np.zeros((1, 2)), np.zeros(1, int), kind="pairs")
    assert str(caught.value) == "A metric of a pairs task must be one of accuracy. Got 'f1'."
    with pytest.raises(LesionError) as caught:
        scores.available("song")
    wanted = "kind: must be one of classify, pairs, cloze, lm. Got 'song'."
    assert str(caught.value) == wanted

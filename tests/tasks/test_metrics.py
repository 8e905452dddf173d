"""Metrics as objects: those of this package, and a user's own."""

import pickle
import sys

import numpy as np
import pytest

import lesion
from lesion.analysis import scores
from lesion.errors import LesionError
from lesion.results import Run
from lesion.study.catalogue import catalogue
from lesion.study.files import parse_study
from lesion.tasks.kinds import TASK_KINDS
from lesion.tasks.metrics import ACCURACY, MCC, METRICS, Metric
from tests import labs


def margin(outputs, targets):
    """How much likelier the good sentence is, in nats."""
    return outputs[:, 0] - outputs[:, 1]


def median_margin(outputs, targets):
    return np.median(outputs[:, 0] - outputs[:, 1])


def test_every_metric_of_a_kind_reads_a_statistic_that_the_kind_has():
    for kind in TASK_KINDS.values():
        assert all(getattr(kind, metric.statistic) for metric in kind.metrics), kind.word
        assert all(METRICS[metric.word] is metric for metric in kind.metrics)
    assert {metric for kind in TASK_KINDS.values() for metric in kind.metrics} == {
        *METRICS.values()
    }


def test_labels_of_axes_say_where_lower_is_better():
    assert METRICS["bits_per_byte"].label == "bits per byte (lower is better)"
    assert METRICS["balanced_accuracy"].label == "balanced accuracy"
    assert [word for word, metric in METRICS.items() if metric.beside] == ["mcc"]


def test_metrics_of_loss_are_those_that_one_output_can_make_infinite():
    assert [word for word, metric in METRICS.items() if metric.unbounded] == [
        "cross_entropy", "bits_per_byte", "nats_per_token", "perplexity",
    ]  # fmt: skip


def test_a_number_for_each_example_is_averaged_under_weights():
    outputs, targets = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 0.0]]), np.zeros(3, int)
    metric = Metric.of(margin, chance=0)
    assert scores.score(metric, outputs, targets, kind="pairs") == 0
    weights = np.array([[2, 0, 1], [0, 1, 1]])
    found = scores.score(metric, outputs, targets, weights, kind="pairs")
    np.testing.assert_allclose(found, [4 / 3, -0.5])
    assert (metric.word, metric.doc) == ("margin", margin.__doc__)


def test_a_score_is_computed_on_the_examples_that_were_drawn():
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(2, 20, 2)), np.zeros(20, int)
    weights = rng.multinomial(19, np.full(20, 1 / 20), 5)
    metric = Metric.of(median_margin, chance=0.0, higher_is_better=False)
    found = scores.score(metric, outputs, targets, weights, kind="pairs")
    for row, counts in enumerate(weights):
        for cell, trial in enumerate(outputs):
            wanted = median_margin(np.repeat(trial, counts, 0), targets)
            assert found[row, cell] == wanted
    assert metric.label == "median margin (lower is better)"


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_chance_of_a_users_metric_is_the_same_in_every_replicate(kind):
    targets, weights = np.array([0, 1, 1]), np.array([[1, 1, 1], [3, 0, 0]])
    metric = Metric.of(margin, chance=0.25)
    assert scores.chance(metric, targets, 2, kind=kind) == 0.25
    assert scores.chance(metric, targets, 2, weights, kind).tolist() == [0.25, 0.25]


def test_a_users_metric_can_be_pickled():
    metric = Metric.of(margin, chance=0)
    assert pickle.loads(pickle.dumps(metric)).word == "margin"  # noqa: S301 -- made above


@pytest.mark.parametrize(
    ("function", "word", "message"),
    [
        (margin, "accuracy", "'accuracy' is a metric of Lesion: give yours another word."),
        (lambda outputs, targets: 0.0, "",
         "A metric needs a name: Metric.of(..., word='mine'). Got '<lambda>'."),
    ],
)  # fmt: skip
def test_a_metric_needs_a_name_of_its_own(function, word, message):
    with pytest.raises(LesionError) as caught:
        Metric.of(function, 0, word=word)
    assert str(caught.value) == message


def test_a_function_that_gives_neither_a_score_nor_scores_is_refused():
    metric = Metric.of(lambda outputs, targets: outputs, 0, word="all")
    with pytest.raises(LesionError) as caught:
        scores.score(metric, np.zeros((3, 2)), np.zeros(3, int), kind="pairs")
    assert str(caught.value) == (
        "A metric's function gives a number, or one for each of the 3 examples. "
        "Got an array of shape (3, 2)."
    )


def test_a_study_in_python_compares_by_a_metric_of_its_own(tmp_path, tiny_bert):
    value = labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv"))
    metric = Metric.of(margin, chance=0)
    value |= {"compare": {"metric": metric}, "figures": {"metrics": [metric, "accuracy"]}}
    run = lesion.run(value, tmp_path / "run", workers=1)
    analysis = run.analyses[0]
    assert (analysis.metric, list(analysis.curves)[:2]) == ("margin", ["margin", "accuracy"])
    outputs, about = run.record.outputs(min(run.record.done())), run.record.task("pairs")
    assert analysis.intact.value == pytest.approx(margin(outputs, about["labels"]).mean())
    assert len(run.write_report()) > 2
    plain = Run(tmp_path / "run")  # as the command line reads it
    assert [one.metric for one in plain.analyses] == ["accuracy"] * len(run.analyses)
    assert plain.study.figures.metrics == ("accuracy",)
    again = Run(tmp_path / "run", parse_study(value))
    assert again.analyses[0].intact == analysis.intact


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with the metric `gap`."""
    folder = tmp_path / "site"
    (folder / "ruler-2.0.dist-info").mkdir(parents=True)
    (folder / "ruler.py").write_text(
        "from lesion.tasks.metrics import Metric\n"
        "def margin(outputs, targets):\n"
        "    return outputs[:, 1] - outputs[:, 0]\n"
        "GAP = Metric.of(margin, chance=0, word='gap')\n"
    )
    info = folder / "ruler-2.0.dist-info"
    (info / "METADATA").write_text("Name: ruler\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[lesion.metrics]\ngap = ruler:GAP\n")
    monkeypatch.syspath_prepend(str(folder))
    yield
    sys.modules.pop("ruler", None)


def test_a_study_file_names_the_metric_of_an_installed_package(package, tmp_path, tiny_bert):
    value = labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv"))
    value |= {"compare": {"metric": "gap"}, "figures": {"metrics": ["gap", "accuracy"]}}
    assert catalogue("tasks")["metrics"]["gap"] == "from ruler 2.0"
    assert "ruler" not in sys.modules  # a list loads nothing
    lesion.run(value, tmp_path / "run", workers=1)
    again = Run(tmp_path / "run")  # the record has its word
    assert {analysis.metric for analysis in again.analyses} == {"gap"}
    assert again.study.document["compare"]["metric"] == "gap"
    assert parse_study(value).fingerprint() == parse_study({**value, "compare": {}}).fingerprint()


def test_a_metric_that_nothing_offers_is_refused_with_what_there_is(package, tmp_path, tiny_bert):
    value = labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv"))
    with pytest.raises(LesionError) as caught:
        parse_study({**value, "compare": {"metric": "gapp"}})
    assert str(caught.value) == (
        f"study: compare.metric: must be one of {', '.join(METRICS)}, gap. Got 'gapp'. "
        "Did you mean 'gap'?"
    )


def test_draws_added_as_needed_are_not_judged_by_a_metric_made_in_python(tmp_path, tiny_bert):
    value = labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv"))
    value |= {"draws": {"from": 3, "to": 6, "until": 0.1}}
    value |= {"compare": {"metric": Metric.of(margin, chance=0)}}
    with pytest.raises(LesionError) as caught:
        lesion.run(value, tmp_path / "run")
    assert str(caught.value) == (
        "compare.metric: margin was made in Python, and draws that are added as needed are judged "
        "by a metric of Lesion or of a package. Give draws as a number."
    )


def test_a_metric_given_as_an_object_of_lesion_is_the_metric_of_that_word(tmp_path, tiny_bert):
    value = labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv"))
    value |= {"compare": {"metric": MCC}, "figures": {"metrics": [ACCURACY]}}
    run = lesion.run(value, tmp_path / "run", workers=1)
    study = Run(tmp_path / "run").study
    assert (study.compare.metric, study.figures.metrics) == ("mcc", ("accuracy",))
    assert list(run.analyses[0].curves) == [
        "mcc", "accuracy", "balanced_accuracy", "f1", "cross_entropy",
    ]  # fmt: skip

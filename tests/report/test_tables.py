import io

import numpy as np
import pytest
from rich.console import Console

from lesion.analysis.responses import Responses
from lesion.analysis.summary import Estimate, analyse
from lesion.report.numbers import dose
from lesion.report.tables import _estimate, diagnoses, sparkline, summary_tables


def responses(lesion: str, dies_at: float) -> Responses:
    """A model that answers all 60 examples right below a dose, and class 0 from there on."""
    labels = np.arange(60) % 2
    doses = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    right = np.where(labels[:, None] == np.arange(2), 4.0, -4.0)
    dead = np.tile([4.0, -4.0], (60, 1))
    outputs = np.stack([dead if dose >= dies_at else right for dose in doses])
    outputs = np.broadcast_to(outputs, (1, 3, *outputs.shape)).astype(np.float32)
    return Responses(
        "tiny", None, "task", lesion, "classify", ("accuracy",), doses, outputs, labels,
        ("a", "b"), (0,), (0, 1, 2),
    )  # fmt: skip


def printed(*renderables: object, width: int = 80) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    for one in renderables:
        console.print(one)
    return console.export_text()


def test_a_sparkline_spans_its_bounds():
    assert sparkline([0.0, 0.5, 1.0, 2.0, -1.0, float("nan")], 0.0, 1.0) == "▁▅██▁·"


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.371, 0.21, 0.449), "0.37 [.21, .45]"),
        (Estimate(5.04e-8, 3.96e-8, 0.00123), "5e-08 [4e-08, .0012]"),
        (Estimate(10.25, 10.04, 20.5), "10.25 [10.04, 20.50]"),
        (Estimate(-0.5, -1.25, 0.0), "-0.50 [-1.25, .00]"),
        (Estimate(0.6, 0.4, np.inf), "0.60 [.40, -]"),
        (Estimate(np.nan, np.nan, np.nan), "undefined"),
        (Estimate(0.25, 0.25, 0.25), "0.25"),
    ],
)
def test_an_estimate_with_its_interval(estimate, shown):
    assert _estimate(estimate) == shown


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.371, 0.21, 0.449), "0.37 [.21, .45]"),
        (Estimate(0.6, 0.4, np.inf), "0.60 [.40, >1]"),
        (Estimate(np.inf, np.inf, np.inf), "> 1"),
        (Estimate(np.inf, 0.8, np.inf), "> 1 [.80, >1]"),
        (Estimate(-np.inf, -np.inf, -np.inf), "< 0.05"),
        (Estimate(-np.inf, -np.inf, 0.2), "< 0.05 [<.05, .20]"),
        (Estimate(np.nan, np.nan, np.nan), "undefined"),
    ],
)
def test_a_d50_beyond_the_doses_measured_is_shown_with_its_bound(estimate, shown):
    assert _estimate(estimate, lambda value: dose(value, 0.05, 1.0)) == shown


def test_the_table_fits_eighty_columns_and_shows_each_curve():
    analyses = analyse([responses("neurons at random", 0.5), responses("weights", 2.0)])
    text = printed(*summary_tables(analyses))
    assert "…" not in text
    assert "task: accuracy, and its skill by dose (1 intact, 0 chance)" in text
    assert "██▁▁▁" in text and "█████" in text
    assert "> 1" in text
    assert "doses" not in text  # one range: it needs no word


def test_the_table_says_over_which_doses_an_area_is_where_lesions_differ_in_them():
    bits = responses("bits", 0.5)._replace(doses=np.array([0, 1e-6, 1e-5, 1e-4, 1e-3]))
    (alone,) = summary_tables(analyse([bits._replace(dose_scale="log")]))
    assert "retained area: over doses 1e-06 to 0.001 on a log scale (bits)." in alone.caption
    (beside,) = summary_tables(analyse([bits, responses("weights", 0.5)]))
    assert beside.caption.startswith(
        "retained area: over doses 0 to 0.001 (bits); doses 0 to 1 (weights). "
        "Areas over different doses do not compare.\n"
    )
    assert "do not compare" in printed(beside)


def test_the_table_shows_clusters_where_examples_are_not_their_own():
    plain, grouped = responses("weights", 0.5), responses("weights", 0.5)
    grouped = grouped._replace(clusters=np.arange(60) % 30)
    assert "clusters" not in printed(*summary_tables(analyse([plain])))
    text = printed(*summary_tables(analyse([grouped])))
    assert "…" not in text and "clusters" in text.splitlines()[1]
    (row,) = (line for line in text.splitlines() if line.startswith("  tiny"))
    assert "30" in row.split()


def test_a_finding_that_holds_for_several_lesions_is_said_once():
    analyses = analyse([responses("one", 0.0), responses("two", 0.0)])
    text = printed(*diagnoses(analyses), width=400)
    assert text.count("never learned: tiny never learned task") == 1


def test_the_table_marks_what_is_wrong_with_a_model_and_the_findings_say_it():
    analyses = analyse([responses("one", 0.5), responses("two", 0.0), responses("three", 2.0)])
    text = printed(*summary_tables(analyses))
    rows = [line.rstrip() for line in text.splitlines() if line.startswith("  tiny")]
    assert [row[-1] for row in rows] == ["·", "✗", "!"]
    assert "✗ left out of verdicts, ! warning, · note: see below" in text
    said = printed(*diagnoses(analyses), width=400)
    assert "constant: From dose 0.5 of one on, tiny answers task with one class" in said
    assert "no effect: three has no effect on tiny on task" in said
    healthy = analyse([responses("four", 0.5)])[0]._replace(diagnoses=())
    assert "left out" not in printed(*summary_tables([healthy]))

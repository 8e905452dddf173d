"""Examples in slices, by a column of the task."""

import numpy as np
import pytest

from lesion.analysis import slices, summary
from lesion.errors import LesionError

from .simulated import classified, falling_curve, mrpc_labels

LABELS = mrpc_labels(120)
WORDS = tuple(np.where(np.arange(120) % 3 == 0, "simple", "relative").tolist())


def responses(**changed):
    made = falling_curve(np.random.default_rng(0), LABELS, draws=4)
    return made._replace(columns={"construction": WORDS}, **changed)


def test_each_word_is_a_slice_with_its_examples_clusters_and_strata():
    r = responses(clusters=np.arange(120) // 4, strata=np.arange(120) % 3)
    simple, relative = slices.slices([r], "construction")
    assert simple.task == "mrpc, construction simple"
    assert relative.task == "mrpc, construction relative"
    rows = np.arange(0, 120, 3)
    np.testing.assert_array_equal(simple.outputs, r.outputs[:, :, :, rows])
    np.testing.assert_array_equal(simple.labels, LABELS[rows])
    assert simple.columns["construction"] == ("simple",) * 40
    assert set(simple.strata) == {0} and set(relative.strata) == {0, 1}
    assert simple.clusters.max() + 1 == len(np.unique(rows // 4))
    assert (np.diff(simple.clusters) >= 0).all()


def test_the_slices_of_a_curve_weigh_to_the_whole():
    r = responses()
    whole, first, second = summary.analyse([r, *slices.slices([r], "construction")], replicates=50)
    accuracy = [a.curves["accuracy"].value for a in (whole, first, second)]
    np.testing.assert_allclose(accuracy[0], accuracy[1] / 3 + accuracy[2] * 2 / 3, atol=1e-6)


def test_labels_are_a_column_and_a_slice_of_one_class_is_scored_by_its_recall():
    r = responses()
    same, different = (s for s in slices.slices([r], "label"))
    assert {same.task, different.task} == {"mrpc, label same", "mrpc, label different"}
    assert same.metrics == ("recall",)
    for piece in summary.analyse([same, different], replicates=50):
        assert piece.curves["recall"].chance == 0.5
        assert piece.area.value == piece.area.value  # defined: not nan
        assert "never learned" not in piece.excluded


def test_a_column_of_the_task_comes_before_the_labels():
    r = responses()._replace(columns={"label": ("yes",) * 60 + ("no",) * 60})
    assert [s.task for s in slices.slices([r], "label")] == ["mrpc, label yes", "mrpc, label no"]


def test_a_column_that_no_task_has_is_refused_and_tasks_without_it_are_left_out():
    r = responses()
    with pytest.raises(LesionError) as caught:
        slices.slices([r], "constructon")
    assert str(caught.value) == (
        "compare.by: must be one of construction, label. Got 'constructon'. "
        "Did you mean 'construction'?"
    )
    other = classified(np.ones((1, 2, 2, 120), int), LABELS, task="other")
    assert {s.task.split(",")[0] for s in slices.slices([r, other], "construction")} == {"mrpc"}

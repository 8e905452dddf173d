import numpy as np
import pytest

from lesion.analysis.compare import verdicts
from lesion.analysis.meta import summaries
from lesion.analysis.summary import analyse
from lesion.record.record import Record
from lesion.report.figures import RunData, forest, write_figures
from lesion.results import Run
from lesion.study.files import parse_study
from tests.analysis.simulated import falling_curve, mrpc_labels

LABELS = mrpc_labels(120)


@pytest.fixture(scope="module")
def analyses():
    """Two tasks x two lesions of three models; C's first cell never learned."""
    made = [
        falling_curve(
            np.random.default_rng([n, k, t]), LABELS, model=m, middle=0.3 + 0.2 * n, lesion=lesion,
            task=task, spread=0.1, draws=4,
        )
        for t, task in enumerate(("x", "y"))
        for k, lesion in enumerate(("one", "two"))
        for n, m in enumerate("ABC")
    ]  # fmt: skip
    made[2] = made[2]._replace(outputs=made[2].outputs * 0)
    return analyse(made, replicates=200)


@pytest.fixture(scope="module")
def found(analyses):
    compared = verdicts(analyses, "model")
    return compared, summaries(analyses, compared, "model")


def points(axes):
    """Row -> difference."""
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    return {float(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in dots}


def test_every_pair_is_a_panel_and_every_comparison_a_point_in_the_row_of_its_lesion(found):
    compared, metas = found
    figure = forest.forest_figure(compared, metas)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["B − A", "C − A", "C − B"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["x", "one", "two", "y", "one", "two", "all"]
    deltas = [v.delta for v in compared if (v.a, v.b) == ("A", "B")]
    assert points(figure.axes[0]) == pytest.approx(dict(zip((1, 2, 4, 5), deltas, strict=True)))
    assert sorted(points(figure.axes[1])) == [2, 4, 5]  # of the first nothing is known
    assert [text.get_text() for text in figure.axes[1].texts] == ["left out"]
    assert figure.axes[1].texts[0].get_position()[1] == 1


def test_intervals_and_the_diamond_end_where_the_numbers_do(found):
    compared, metas = found
    axes = forest.forest_figure(compared, metas).axes[0]
    first = next(v for v in compared if (v.a, v.b, v.task, v.lesion) == ("A", "B", "x", "one"))
    spans = [tuple(line.get_xdata()) for line in axes.lines if list(line.get_ydata()) == [1, 1]]
    assert spans == [pytest.approx((first.lo, first.hi))]
    (diamond,) = (
        patch for patch in axes.patches if len(patch.get_xy()) == 5 and patch.get_xy()[0, 1] > 6
    )
    xs = diamond.get_xy()[:, 0]
    assert (xs.min(), xs.max()) == pytest.approx(metas[0].pooled.mean[1:])
    low, high = axes.get_xlim()
    assert low < min(v.lo for v in compared if np.isfinite(v.lo))
    assert high > max(v.hi for v in compared if np.isfinite(v.hi))


def test_the_summary_and_its_heterogeneity_are_written_out(found):
    compared, metas = found
    figure = forest.forest_figure(compared, metas)
    for axes, one in zip(figure.axes, metas, strict=True):
        words = axes.get_xlabel()
        assert f"mean {one.pooled.mean.value:+.3f}".replace("-", "−") in words
        assert one.answer in words
        assert f"τ {one.pooled.tau:.3f}, I² {one.pooled.i2:.0%}" in words


def test_what_cannot_be_told_is_hollow_and_what_can_has_the_colour_of_its_side(found):
    compared, metas = found
    pair = [v for v in compared if (v.a, v.b) == ("A", "B")]
    told = [
        v._replace(outcome=outcome)
        for v, outcome in zip(pair, ("a", "b", "equivalent", "cannot tell"), strict=True)
    ]
    axes = forest.forest_figure(told, metas[:1]).axes[0]
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
    assert faces == [forest.FIRST, forest.SECOND, forest.SOFT, "white"]


def test_a_file_is_written_where_a_pair_has_three_comparisons(found, tmp_path):
    compared, metas = found
    written = write_figures(RunData(verdicts=compared, metas=metas), tmp_path)
    assert [path.name for path in written] == ["forest.png", "forest.svg"]
    few = [one._replace(effects=2) for one in metas]
    assert write_figures(RunData(verdicts=compared, metas=few), tmp_path / "few") == []
    assert write_figures(RunData(), tmp_path / "few") == []
    assert not (tmp_path / "few").exists()


def test_a_run_summarises_its_verdicts_and_writes_the_figure_beside_the_curves(analyses, tmp_path):
    study = parse_study({
        "name": "n", "models": [{"source": f"a/{name}"} for name in "ABC"], "tasks": ["mrpc"],
        "lesions": [{"name": "one"}], "doses": [0, 1], "draws": 1,
    })  # fmt: skip
    record = Record.open(tmp_path, study)
    run = Run.__new__(Run)  # of an empty record: what it would make of one is given
    run.__dict__.update(folder=tmp_path, record=record, study=study, analyses=analyses)
    assert [(one.a, one.b, one.effects) for one in run.meta] == [
        ("A", "B", 4), ("A", "C", 3), ("B", "C", 3),
    ]  # fmt: skip
    assert [path.name for path in run.write_report()][-2:] == ["forest.png", "forest.svg"]
    assert (tmp_path / "figures" / "forest.png").stat().st_size > 1000

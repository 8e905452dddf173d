import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lesion.errors import LesionError
from lesion.report.figures.curves import curve_figure
from lesion.report.figures.style import save


def frames(models=("A", "B"), groups=(None, None), lesions=("weights", "neurons")):
    rows, dose = [], np.linspace(0, 1, 5)
    for m, (model, group) in enumerate(zip(models, groups, strict=True)):
        for lesion in lesions:
            for x in dose:
                value = 0.9 - 0.4 * x - 0.02 * m
                row = {"model": model, "group": group, "task": "mrpc", "lesion": lesion, "dose": x}
                for metric in ("accuracy", "skill"):
                    row |= {metric: value, f"{metric}_lo": value - 0.1, f"{metric}_hi": value + 0.1}
                    row[f"{metric}_chance"] = 0.684
                rows.append(row)
    summary = pd.DataFrame(
        [
            {"model": m, "task": "mrpc", "lesion": le, "metric": "accuracy", "d50": d50}
            for le in lesions
            for m, d50 in zip(models, (0.37, np.inf, *[np.nan] * 9), strict=False)
        ]
    )
    return pd.DataFrame(rows), summary


def lines(axes):
    """Curves of a panel: those with a point per dose."""
    return [line for line in axes.lines if len(line.get_xdata()) == 5]


def test_a_figure_has_a_panel_per_lesion_and_metric_and_a_line_per_model():
    curves, summary = frames()
    figure = curve_figure(curves, "mrpc", ["accuracy", "skill"], summary)
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert len(lines(axes)) == 2
        assert len(axes.collections) == 2  # bands
    np.testing.assert_allclose(
        lines(figure.axes[0])[0].get_ydata(), 0.9 - 0.4 * np.linspace(0, 1, 5)
    )
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["weights", "neurons"]


def test_axes_say_what_was_destroyed():
    curves, _ = frames(lesions=("weights",))
    doses = {"weights": "dose: fraction of weights destroyed"}
    axes = curve_figure(curves, "mrpc", "accuracy", doses=doses).axes[0]
    assert axes.get_xlabel() == "dose: fraction of weights destroyed"
    assert axes.get_ylabel() == "accuracy"
    axes = curve_figure(curves, "mrpc", "accuracy").axes[0]
    assert axes.get_xlabel() == "dose: fraction of units destroyed"


def test_d50_is_a_tick_and_one_that_was_not_reached_is_none():
    curves, summary = frames(lesions=("weights",))
    axes = curve_figure(curves, "mrpc", "accuracy", summary).axes[0]
    ticks = [line.get_xdata()[0] for line in axes.lines if max(line.get_ydata()) == 0.055]
    assert ticks == [0.37]


def test_chance_is_a_dotted_line_at_its_score():
    curves, _ = frames(lesions=("weights",))
    axes = curve_figure(curves, "mrpc", "accuracy").axes[0]
    assert any(list(line.get_ydata()) == [0.684, 0.684] for line in axes.lines)


def test_models_of_one_group_share_a_colour_and_differ_in_dash():
    curves, _ = frames("ABCD", ("x", "y", "x", "y"), ("weights",))
    a, b, c, d = lines(curve_figure(curves, "mrpc", "accuracy").axes[0])
    assert a.get_color() == c.get_color() != b.get_color() == d.get_color()
    assert a.get_linestyle() != c.get_linestyle()


def test_models_without_groups_have_a_colour_each_and_dashes_when_colours_run_out():
    names = [f"m{i}" for i in range(8)]
    curves, _ = frames(names, [None] * 8, ("weights",))
    drawn = lines(curve_figure(curves, "mrpc", "accuracy").axes[0])
    looks = {(line.get_color(), line.get_linestyle()) for line in drawn}
    assert len(looks) == 8
    assert len({color for color, _ in looks}) == 6


def test_scores_that_are_not_finite_are_gaps():
    curves, _ = frames(lesions=("weights",))
    curves.loc[3, ["accuracy", "accuracy_hi"]] = np.inf
    axes = curve_figure(curves, "mrpc", "accuracy").axes[0]
    assert np.isnan(lines(axes)[0].get_ydata()[3])


def test_a_saved_figure_has_the_same_bytes_every_time(tmp_path):
    curves, summary = frames()
    for name in ("one", "two"):
        written = save(curve_figure(curves, "mrpc", "accuracy", summary), tmp_path / "new" / name)
        assert [p.name for p in written] == [f"{name}.png", f"{name}.svg"]
    for suffix in ("png", "svg"):
        first, second = ((tmp_path / "new" / f"{n}.{suffix}").read_bytes() for n in ("one", "two"))
        assert first == second
    assert b"<dc:date>" not in second


def test_a_name_with_a_dot_keeps_it(tmp_path):
    curves, _ = frames(lesions=("weights",))
    figure = curve_figure(curves, "mrpc", "accuracy")
    assert save(figure, tmp_path / "v1.5", ("svg",)) == [tmp_path / "v1.5.svg"]


def test_an_unknown_task_or_metric_is_refused_with_what_there_is():
    curves, _ = frames()
    with pytest.raises(LesionError) as caught:
        curve_figure(curves, "rte", "accuracy")
    assert str(caught.value) == "A figure needs a task of the run: mrpc. Got 'rte'."
    with pytest.raises(LesionError) as caught:
        curve_figure(curves, "mrpc", "f1")
    assert str(caught.value) == "A figure of mrpc shows one of accuracy, skill. Got 'f1'."


def test_drawing_leaves_matplotlibs_settings_as_they_were_and_needs_no_pyplot(tmp_path):
    code = (
        "import sys, matplotlib; before = dict(matplotlib.rcParams)\n"
        "import pandas as pd\n"
        "from lesion.report.figures.curves import curve_figure\n"
        "from lesion.report.figures.style import save\n"
        "row = {'model': 'A', 'group': None, 'task': 't', 'lesion': 'l', 'dose': 0.0, 'skill': 1,"
        " 'skill_lo': 1, 'skill_hi': 1, 'skill_chance': 0}\n"
        "curves = pd.DataFrame([row, row | {'dose': 1.0}])\n"
        f"save(curve_figure(curves, 't', 'skill'), {str(tmp_path / 'f')!r})\n"
        "assert dict(matplotlib.rcParams) == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_diagnoses_are_signs_on_their_curves_and_the_legend_says_who_is_left_out():
    curves, summary = frames(lesions=("weights",))
    columns = ["name", "model", "task", "lesion", "dose", "severity"]
    found = pd.DataFrame(
        [
            ("never learned", "B", "mrpc", "weights", 0.0, "exclude"),
            ("constant", "A", "mrpc", "weights", 0.75, "note"),
            ("no effect", "A", "mrpc", "weights", None, "warning"),
            ("constant", "A", "rte", "weights", 0.25, "note"),
        ],
        columns=columns,
    )
    figure = curve_figure(curves, "mrpc", "accuracy", summary, None, found)
    signs = {line.get_marker(): line for line in figure.axes[0].lines}
    assert signs["s"].get_xdata().tolist() == [0.75]
    assert signs["s"].get_ydata() == pytest.approx([0.6])
    assert signs["X"].get_xdata().tolist() == [0.0]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"A", "B, left out", "constant", "never learned"} <= set(labels)
    assert "no effect" not in labels


def test_a_model_that_is_left_out_under_one_of_its_lesions_is_not_said_to_be_left_out():
    curves, summary = frames()
    found = pd.DataFrame(
        [("one draw", "B", "mrpc", "weights", None, "exclude")],
        columns=["name", "model", "task", "lesion", "dose", "severity"],
    )
    figure = curve_figure(curves, "mrpc", "accuracy", summary, None, found)
    assert "B" in [text.get_text() for text in figure.legends[0].get_texts()]


def decades():
    """Curves over four decades; A loses half at once, B never."""
    curves, summary = frames(lesions=("bits",))
    doses = {0.0: 0.0, 0.25: 1e-6, 0.5: 1e-5, 0.75: 1e-4, 1.0: 1e-3}
    curves["dose"] = curves["dose"].map(doses)
    return curves.assign(dose_scale="log"), summary.assign(d50=[-np.inf, np.inf])


def test_an_axis_is_logarithmic_exactly_where_the_scale_is():
    curves, summary = decades()
    axes = curve_figure(curves, "mrpc", "accuracy", summary).axes[0]
    assert axes.get_xscale() == "log"
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["0", *(f"$10^{{-{n}}}$" for n in (6, 5, 4, 3))]
    linear = curve_figure(curves.assign(dose_scale="linear"), "mrpc", "accuracy", summary).axes[0]
    assert linear.get_xscale() == "linear"
    assert linear.get_xlim() == (0, 1e-3)


def test_the_intact_model_stands_alone_before_the_first_decade():
    curves, summary = decades()
    axes = curve_figure(curves, "mrpc", "accuracy", summary).axes[0]
    joined = [line for line in axes.lines if len(line.get_xdata()) == 4]
    assert [line.get_xdata()[0] for line in joined] == [1e-6, 1e-6]
    intact = [line for line in axes.lines if line.get_marker() == "o"]
    assert len(intact) == 2
    for line in intact:
        assert axes.get_xlim()[0] < line.get_xdata()[0] < 1e-6
        assert line.get_xdata()[0] == axes.get_xticks()[0]
    assert len(axes.collections) == 4  # a band and the interval of the intact score for each


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_d50_beyond_the_doses_is_an_arrow_at_the_first_or_last_and_no_tick(scale):
    curves, summary = decades()
    axes = curve_figure(curves.assign(dose_scale=scale), "mrpc", "accuracy", summary).axes[0]
    arrows = {line.get_marker(): line.get_xdata()[0] for line in axes.lines}
    assert (arrows[4], arrows[5]) == (1e-6, 1e-3)
    assert not [line for line in axes.lines if max(line.get_ydata()) == 0.055]


def test_a_sign_of_the_intact_model_is_where_it_stands():
    curves, summary = decades()
    found = pd.DataFrame(
        [("never learned", "B", "mrpc", "bits", 0.0, "exclude")],
        columns=["name", "model", "task", "lesion", "dose", "severity"],
    )
    axes = curve_figure(curves, "mrpc", "accuracy", summary, None, found).axes[0]
    (sign,) = (line for line in axes.lines if line.get_marker() == "X")
    assert sign.get_xdata()[0] == axes.get_xticks()[0]


def test_doses_between_two_powers_of_ten_have_a_tick():
    curves, _ = decades()
    curves["dose"] *= 2
    narrow = curves[curves["dose"] <= 2e-6]
    axes = curve_figure(narrow, "mrpc", "accuracy").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2e-06"]

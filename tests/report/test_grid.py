import numpy as np
import pandas as pd
import pytest

from lesion.analysis.summary import analyse
from lesion.report import figures
from lesion.report.figures.grid import COLUMNS, lesion_grid
from tests.analysis.simulated import classified


def frames(areas: dict[str, float], models=("A",), doses=(0, 0.5, 1)):
    curves = pd.DataFrame([
        {"model": model, "group": None, "task": "mrpc", "lesion": lesion, "dose": dose,
         "mcc": area - dose / 3, "mcc_lo": 0.0, "mcc_hi": 1.0, "mcc_chance": 0.0}
        for model in models for lesion, area in areas.items() for dose in doses
    ])  # fmt: skip
    summary = pd.DataFrame([
        {"model": model, "task": "mrpc", "lesion": lesion, "metric": "mcc", "d50": np.nan,
         "retained_area": area}
        for model in models for lesion, area in areas.items()
    ])  # fmt: skip
    return curves, summary


AREAS = {f"lesion {n}": area for n, area in enumerate((0.5, 0.1, 0.9, np.nan, 0.3, 0.7, 0.2))}


def titles(figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_every_lesion_has_a_panel_and_the_most_harmful_is_first():
    figure = lesion_grid(frames(AREAS)[0], "mrpc", "mcc", frames(AREAS)[1])
    assert titles(figure) == [f"lesion {n}" for n in (1, 6, 4, 0, 5, 2, 3)]
    assert len(figure.axes) == len(AREAS) < 2 * COLUMNS


def behind(axes) -> int:
    return sum(line.get_linewidth() == 0.7 for line in axes.lines)


def test_of_one_model_all_other_lesions_stand_behind_in_grey_and_of_several_none():
    curves, summary = frames(AREAS)
    assert {behind(axes) for axes in lesion_grid(curves, "mrpc", "mcc", summary).axes} == {6}
    curves, summary = frames(AREAS, models=("A", "B"))
    assert {behind(axes) for axes in lesion_grid(curves, "mrpc", "mcc", summary).axes} == {0}


def test_error_rates_have_decades_and_only_their_like_behind_them():
    fractions, first = frames({"weights": 0.5, "heads": 0.4})
    rates, second = frames({"bits": 0.3}, doses=(0, 1e-6, 1e-3, 1))
    fractions["dose_scale"], rates["dose_scale"] = "linear", "log"
    curves = pd.concat([fractions, rates], ignore_index=True)
    figure = lesion_grid(curves, "mrpc", "mcc", pd.concat([first, second], ignore_index=True))
    found = {axes.get_title(loc="left"): (axes.get_xscale(), behind(axes)) for axes in figure.axes}
    assert found == {"bits": ("log", 0), "heads": ("linear", 1), "weights": ("linear", 1)}


def test_lesions_are_in_order_of_area_only_among_those_with_the_same_doses():
    fractions, first = frames({"weights": 0.5, "heads": 0.4})
    rates, second = frames({"bits": 0.3, "signs": 0.1}, doses=(0, 1e-6, 1e-3))
    curves = pd.concat([fractions, rates], ignore_index=True)
    figure = lesion_grid(curves, "mrpc", "mcc", pd.concat([first, second], ignore_index=True))
    assert titles(figure) == ["heads", "weights", "signs", "bits"]


@pytest.mark.parametrize(("lesions", "names"), [(6, ["mrpc"]), (7, ["mrpc", "mrpc-mcc"])])
def test_many_lesions_are_written_as_a_grid_and_few_as_a_row(tmp_path, lesions, names):
    written = figures.write_figures(figures.RunData(analysed(lesions)), tmp_path)
    assert sorted({path.stem for path in written}) == names


def analysed(lesions: int):
    """One model on MRPC, which answers one class at the last dose."""
    labels = np.arange(40) % 2
    answers = np.tile(labels, (1, 2, 3, 1))
    answers[:, :, 2] = 0
    made = [
        classified(answers, labels)._replace(task="mrpc", lesion=f"lesion {n}")
        for n in range(lesions)
    ]
    return analyse(made, replicates=50)


@pytest.mark.parametrize(
    ("metrics", "rows"),
    [
        ((), ["accuracy", "Matthews correlation"]),
        (("mcc",), ["Matthews correlation"]),
        (("cross_entropy", "accuracy"), ["cross-entropy (nats, lower is better)", "accuracy"]),
        (("bits_per_byte", "f1"), ["F1"]),  # classification has no bits per byte
        (("perplexity",), ["accuracy", "Matthews correlation"]),
    ],
)
def test_a_figure_has_a_row_for_each_metric_asked_for_that_its_task_has(
    metrics, rows, tmp_path, monkeypatch
):
    drawn = []
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure) or [path])
    figures.write_figures(figures.RunData(analysed(1), metrics=metrics), tmp_path)
    (figure,) = drawn
    assert [axes.get_ylabel() for axes in figure.axes] == rows


def test_of_many_lesions_every_metric_asked_for_is_a_file(tmp_path):
    data = figures.RunData(analysed(7), metrics=("cross_entropy", "accuracy"))
    written = figures.write_figures(data, tmp_path)
    assert sorted({path.stem for path in written}) == ["mrpc", "mrpc-cross_entropy"]

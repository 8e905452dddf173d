import importlib
import pkgutil

from lesion.report import figures
from lesion.report.figures.chart import Chart, RunData
from tests.report.test_grid import analysed


def test_every_chart_of_a_module_of_figures_is_in_the_table():
    modules = [
        importlib.import_module(f"{figures.__name__}.{module.name}")
        for module in pkgutil.iter_modules(figures.__path__)
    ]
    charts = {
        value for module in modules for value in vars(module).values() if isinstance(value, Chart)
    }
    assert charts == set(figures.FIGURES)
    assert len({chart.name for chart in charts}) == len(charts)


def test_a_run_without_results_has_no_figure(tmp_path):
    assert figures.write_figures(RunData(), tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_a_task_has_curves_or_a_grid_and_never_both():
    drawn = {
        lesions: [chart.name for chart in figures.FIGURES if list(chart.draw(data))]
        for lesions, data in ((6, RunData(analysed(6))), (7, RunData(analysed(7))))
    }
    assert drawn == {6: ["curves"], 7: ["grid"]}

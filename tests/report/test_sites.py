import pandas as pd
import pytest

from lesion.analysis.sites import WHOLE, SiteMap
from lesion.report.figures import RunData, write_figures
from lesion.report.figures.sites import ROWS, site_figure

PARTS = ("mlp_out", "query", WHOLE)


def one(models=("A",), layers=(0, 1, 2), doses=(0.2, 0.4), lesion="pruning", top=1.0):
    """A map in which the fraction is dose * (layer + 1) / 3 at mlp_out, half of it elsewhere."""
    rows = [
        (model, dose, layer, part, top * dose * ((layer or 0) + 1) / (3 + 3 * (part != "mlp_out")))
        for model in models for dose in doses for layer in layers for part in PARTS
    ]  # fmt: skip
    names = ["model", "dose", "layer", "part", "fraction"]
    return SiteMap("mrpc", lesion, doses, pd.DataFrame(rows, columns=names).astype(
        {"layer": "Int64"}), 1)  # fmt: skip


def panels(figure):
    """Axes with cells in them: the colour bar is the last."""
    return figure.axes[:-1]


def numbers(axes) -> dict[tuple[float, int], str]:
    return {(round(t.get_position()[0], 1), int(t.get_position()[1])): t.get_text()
            for t in axes.texts}  # fmt: skip


def test_a_panel_a_dose_with_layer_0_at_the_bottom_and_parts_in_the_order_of_the_words():
    figure = site_figure(one())
    left, right = panels(figure)
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["dose 0.2", "dose 0.4"]
    assert [label.get_text() for label in left.get_yticklabels()] == ["0", "1", "2"]
    assert not left.yaxis_inverted()
    assert [label.get_text() for label in left.get_xticklabels()] == [
        "query", "mlp out", "all parts",
    ]  # fmt: skip
    shown = numbers(right)
    assert [shown[1.5, layer] for layer in range(3)] == [".13", ".27", ".40"]
    assert [shown[0.5, layer] for layer in range(3)] == [".07", ".13", ".20"]


def test_models_have_a_row_each_and_the_title_has_the_name_of_a_single_one():
    two = site_figure(one(("A", "B")))
    assert len(panels(two)) == 4
    assert [axes.get_ylabel() for axes in panels(two)[::2]] == ["A\nlayer", "B\nlayer"]
    assert two.legends[0].get_title().get_text() == "mrpc: pruning"
    assert site_figure(one()).legends[0].get_title().get_text() == "mrpc: A, pruning"


def test_what_is_in_no_layer_stands_below_layer_0():
    (axes,) = panels(site_figure(one(layers=(None, 0, 1), doses=(0.5,))))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no layer", "0", "1"]


def test_a_part_that_a_layer_lacks_is_an_empty_cell():
    found = one(doses=(0.5,))
    cells = found.cells[(found.cells["layer"] != 2) | (found.cells["part"] != "query")]
    (axes,) = panels(site_figure(found._replace(cells=cells)))
    shown = numbers(axes)
    assert (0.5, 2) not in shown and (1.5, 2) in shown


@pytest.mark.parametrize(("top", "end"), [(1.0, 1.0), (0.5, 0.45)])
def test_all_panels_share_one_scale_that_ends_at_1_or_at_the_largest(top, end):
    figure = site_figure(one(("A", "B"), doses=(0.1, 0.9), top=top))
    limits = {mesh.get_clim() for axes in panels(figure) for mesh in axes.collections}
    assert len(limits) == 1 and limits.pop() == pytest.approx((0, end))


def test_many_layers_have_low_cells_without_numbers():
    few = site_figure(one(layers=tuple(range(ROWS))))
    many = site_figure(one(layers=tuple(range(ROWS + 1))))
    assert panels(few)[0].texts and not panels(many)[0].texts
    assert many.get_figheight() < few.get_figheight()


def test_figures_are_named_by_task_and_lesion_and_none_overwrites_another(tmp_path):
    maps = [one(lesion=name, doses=(0.5,)) for name in ("heads, all", "heads (all)")]
    written = write_figures(RunData(maps=maps), tmp_path)
    names = ["mrpc-heads-all-sites", "mrpc-heads-all-sites-2"]
    assert [path.name for path in written] == [
        f"{name}.{suffix}" for name in names for suffix in ("png", "svg")
    ]
    assert all(path.stat().st_size for path in written)


def test_the_same_map_gives_the_same_bytes(tmp_path):
    first, second = (write_figures(RunData(maps=[one()]), tmp_path / name) for name in "ab")
    assert [a.read_bytes() for a in first] == [b.read_bytes() for b in second]

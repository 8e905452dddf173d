"""Curves over the damage done: the dose of a frame is replaced, and charts do not know."""

import numpy as np
import pandas as pd
import pytest

from lesion.errors import LesionError
from lesion.report.figures.over import curves_over_damage, doses_over_damage


def line(model, damage, lesion="weights"):
    return pd.DataFrame({
        "model": model, "task": "t", "lesion": lesion, "dose": [0.0, 0.5, 1.0],
        "damage_done": damage, "skill": [1.0, 0.6, 0.1],
    })  # fmt: skip


def test_the_damage_done_takes_the_place_of_the_dose_in_ascending_order():
    curves = pd.concat([line("b", [0.0, 0.9, 0.7]), line("a", [0.0, 0.2, 0.4])])
    shown = curves_over_damage(curves)
    assert list(shown["model"]) == ["b"] * 3 + ["a"] * 3
    assert list(shown["dose"]) == [0.0, 0.7, 0.9, 0.0, 0.2, 0.4]
    assert list(shown["skill"]) == [1.0, 0.1, 0.6, 1.0, 0.6, 0.1]


def test_doses_at_which_weights_are_not_finite_and_damage_to_texts_have_no_curve():
    curves = pd.concat([line("a", [0.0, 0.2, np.inf]), line("a", [0.0] * 3, "typos")])
    shown = curves_over_damage(curves)
    assert list(shown["lesion"]) == ["weights"] * 2
    assert list(shown["dose"]) == [0.0, 0.2]


@pytest.mark.parametrize("damage", [[0.0, np.nan, np.nan], [0.0] * 3])
def test_a_run_without_damage_done_is_refused(damage):
    with pytest.raises(LesionError, match="this run has no damage done"):
        curves_over_damage(line("a", damage))


def test_d50_and_diagnoses_stand_at_the_damage_done_at_their_dose():
    curves = pd.concat([line("a", [0.0, 0.2, 0.6]), line("b", [0.0, np.nan, np.nan])])
    rows = [("a", 0.75), ("a", np.inf), ("a", np.nan), ("b", 0.5), ("gone", 0.5)]
    summary = pd.DataFrame(
        [{"model": model, "task": "t", "lesion": "weights", "d50": d50} for model, d50 in rows]
    )
    placed = doses_over_damage(summary, "d50", curves)["d50"]
    assert placed[0] == pytest.approx(0.4)
    assert placed[1:].isna().all()

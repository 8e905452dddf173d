"""A run that was kept shows the numbers that it showed, and is resumed with equal outputs."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lesion
from lesion.results import Run

KEPT = Path(__file__).parent.parent / "data" / "record-2"  # made before the entries were objects
POINTS = ["model", "task", "lesion", "dose", "accuracy", "skill", "draws", "trials"]
AREAS = ["model", "task", "lesion", "intact", "chance", "retained_area"]


@pytest.fixture
def kept(tmp_path) -> Path:
    """Two twins on 40 pairs, six lesions, two doses, two draws."""
    return Path(shutil.copytree(KEPT, tmp_path / "kept"))


def test_a_kept_run_shows_the_points_and_areas_that_it_showed(kept):
    """Two points are of crashed trials, which were wrong everywhere and are now at chance."""
    run = Run(kept)
    curves, summary = run.curves(), run.summary()
    before = pd.read_csv(kept / "curves.csv"), pd.read_csv(kept / "summary.csv")
    crashed = curves["crashed"] > 0
    assert crashed.sum() == 2 and (before[0]["accuracy"][crashed] == 0).all()
    assert (curves["accuracy"][crashed] == 0.5).all() and (curves["skill"][crashed] == 0).all()
    points = curves[~crashed][POINTS], before[0][~crashed][POINTS]
    pd.testing.assert_frame_equal(*points, check_dtype=False)
    hit = summary["lesion"].isin(curves["lesion"][crashed])
    areas = summary[~hit][AREAS], before[1][~hit][AREAS]
    pd.testing.assert_frame_equal(*areas, check_dtype=False)
    assert (~hit).sum() == 10 and (summary["retained_area"] > before[1]["retained_area"])[hit].all()


def test_a_kept_run_has_the_fingerprint_of_its_study(kept):
    with closing(sqlite3.connect(kept / "record.sqlite")) as base:
        values = dict(base.execute("SELECT key, value FROM meta"))
    assert Run(kept).study.fingerprint() == values["fingerprint"]


def test_a_kept_run_is_resumed_with_equal_damage_and_outputs(kept):
    before = outputs(kept)
    with closing(sqlite3.connect(kept / "record.sqlite")) as base, base:
        base.execute("DELETE FROM trials WHERE draw = 1 OR model = 'en-2'")
    assert 0 < len(outputs(kept)) < len(before)
    lesion.run(Run(kept).study, kept)
    after = outputs(kept)
    assert list(after) == list(before)
    for address, (digest, values) in before.items():
        assert after[address][0] == digest, address
        np.testing.assert_allclose(after[address][1], values, rtol=0, atol=1e-4)


def outputs(folder: Path) -> dict[str, tuple[str, np.ndarray]]:
    """Address of a trial -> digest of its damage, and its outputs."""
    with closing(sqlite3.connect(folder / "record.sqlite")) as base:
        rows = base.execute(
            "SELECT model, seed, task, lesion, dose, draw, damage, outputs FROM trials "
            "ORDER BY model, seed, task, lesion, dose, draw"
        ).fetchall()
    return {
        json.dumps(address): (digest, np.frombuffer(blob, np.float32))
        for *address, digest, blob in rows
    }

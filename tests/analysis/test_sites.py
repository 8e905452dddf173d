"""Where units were destroyed, from a record that is written by hand."""

import numpy as np
import pandas as pd
import pytest

from lesion.analysis.sites import WHOLE, evenly, site_frame, site_maps
from lesion.damage.receipt import Place, Receipt
from lesion.record.record import Record
from lesion.study.files import parse_study
from lesion.study.trials import INTACT, Trial, TrialResult

OUTPUTS = np.zeros((3, 2), np.float32)
SITES = ((0, "query", 0, "weight", 100), (0, "query", 0, "bias", 10), (0, "key", 0, "weight", 100),
         (1, "query", 0, "weight", 100), (None, "norms", 0, "weight", 20))  # fmt: skip
LESIONS = [
    {"name": "pruning", "order": "magnitude", "scope": "model", "control": "matched",
     "recover": {"steps": 1}},
    {"name": "stroke", "units": "neurons", "order": "focal"},
    {"name": "chance", "scope": "model"},
    {"name": "words", "distraction": "drop"},
]  # fmt: skip


@pytest.fixture
def record(tmp_path):
    study = {
        "name": "s", "models": [{"source": "a/b"}, {"source": "a/c"}], "tasks": ["mrpc"],
        "lesions": LESIONS, "doses": {"from": 0, "to": 1, "step": 0.1}, "draws": 2,
        "finetune": {"seeds": [0, 1]},
    }  # fmt: skip
    return Record.open(tmp_path / "run", parse_study(study))


def add(record, lesion, dose, counts, model="b", seed=0, draw=0, sites=SITES):
    places = tuple(Place(*site, count) for site, count in zip(sites, counts, strict=True))
    receipt = Receipt(sum(counts), sum(counts), 330, 4, "beef", places)
    record.add(TrialResult(Trial(model, seed, "mrpc", lesion, dose, draw), receipt, OUTPUTS, 1.0))


def test_there_is_a_row_for_each_trial_and_place_with_its_fraction(record):
    add(record, "pruning", 0.5, (80, 4, 20, 60, 1))
    add(record, "pruning", 0.1, (30, 1, 0, 2, 0), seed=1)
    record.add(TrialResult(Trial("b", 0, "mrpc", INTACT, 0.0, 0), None, OUTPUTS, 1.0))
    found = site_frame(record)
    assert [*found] == [
        "model", "seed", "task", "lesion", "dose", "draw", "layer", "part", "index", "tensor",
        "units", "destroyed", "fraction", "relative_norm",
    ]  # fmt: skip
    assert found["relative_norm"].isna().all()  # not measured
    assert found["fraction"].tolist() == [0.8, 0.4, 0.2, 0.6, 0.05, 0.3, 0.1, 0, 0.02, 0]
    assert found["seed"].tolist() == [0] * 5 + [1] * 5
    assert found["layer"].isna().tolist() == [False, False, False, False, True] * 2
    assert found["layer"].dtype == "Int64" and found["units"].dtype == np.int64


def test_of_a_record_without_places_the_frame_has_its_columns_and_no_rows(record):
    found = site_frame(record)
    assert found.empty and "fraction" in found and site_maps(record) == []


def test_a_map_takes_the_tensors_of_a_part_together_and_the_mean_over_seeds(record):
    add(record, "pruning", 0.5, (80, 4, 20, 60, 1))
    add(record, "pruning", 0.5, (60, 10, 0, 60, 3), seed=1)
    (found,) = site_maps(record)
    assert (found.task, found.lesion, found.doses, found.draws) == ("mrpc", "pruning", (0.5,), 1)
    cells = found.cells.set_index(found.cells["layer"].astype(object).where(
        found.cells["layer"].notna(), "none"))  # fmt: skip
    shares = {(layer, row["part"]): row["fraction"] for layer, row in cells.iterrows()}
    assert shares == pytest.approx({
        (0, "query"): (84 / 110 + 70 / 110) / 2, (0, "key"): 0.1, (1, "query"): 0.6,
        ("none", "norms"): 0.1,
        (0, WHOLE): (104 / 210 + 70 / 210) / 2, (1, WHOLE): 0.6,
    })  # fmt: skip


def test_the_same_fraction_of_every_site_up_to_rounding_is_no_map(record):
    for dose in (0.1, 0.3, 0.5, 1.0):
        counts = tuple(round(dose * site[-1]) for site in SITES)
        add(record, "stroke", dose, counts)
    assert site_maps(record) == []
    add(record, "stroke", 0.8, (80, 8, 80, 80, 17))
    assert [found.doses for found in site_maps(record)] == [(0.8,)]


def test_what_goes_at_random_and_what_copies_another_lesion_has_no_map(record):
    for lesion in record.study.lesions:
        if "texts" not in lesion.needs:
            add(record, lesion.name, 0.5, (90, 1, 20, 60, 1))
    assert [found.lesion for found in site_maps(record)] == ["pruning", "stroke"]
    assert len(record.study.lesions) == 7, "with controls and recoveries"


def test_heads_have_no_column_of_all_parts(record):
    heads = ((0, "heads", 0, "head", 4), (1, "heads", 0, "head", 4))
    add(record, "stroke", 0.5, (0, 4), sites=heads)
    (found,) = site_maps(record)
    assert set(found.cells["part"]) == {"heads"}


def test_models_of_a_task_are_in_one_map(record):
    for model in ("b", "c"):
        add(record, "pruning", 0.5, (80, 4, 20, 60, 1), model=model)
    (found,) = site_maps(record)
    assert found.cells.groupby("model", sort=False).size().to_dict() == {"b": 6, "c": 6}
    whole = found.cells[found.cells["part"] == WHOLE]
    assert isinstance(whole, pd.DataFrame) and len(whole) == 4


@pytest.mark.parametrize(("values", "shown"), [
    ([], []), ([0.5], [0.5]), ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
    ([1, 2, 3, 4, 5, 6, 7], [1, 3, 5, 7]), (range(1, 20), [2, 6, 10, 14, 18]),
])  # fmt: skip
def test_at_most_six_doses_are_shown_in_equal_steps(values, shown):
    assert list(evenly(list(values), 6)) == shown

"""A size-matched control destroys as much, in the same places, but not the same units."""

import numpy as np
import pytest
import torch

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.study.damages import build
from lesion.study.files import parse_study, read_study, write_study

STUDY = {
    "name": "s", "models": [{"source": "a/b"}], "tasks": ["mrpc"], "doses": [0, 1], "draws": 3,
}  # fmt: skip


@pytest.fixture
def model(tiny_bert):
    model = load_model(str(tiny_bert))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) + 3)
    return model


def dead(model) -> dict[str, np.ndarray]:
    return {name: (tensor == 0).numpy() for name, tensor in model.named_parameters()}


@pytest.mark.parametrize("order", ["magnitude", "magnitude-descending"])
@pytest.mark.parametrize("units", ["weights", "neurons", "heads"])
def test_a_control_takes_as_many_units_of_every_tensor_and_others(model, units, order):
    lesion = Lesion(units, order, "model", name="one")
    control = Lesion(units, order, "model", name="one", size_matched=True)
    found = []
    for dose in (0.2, 0.5):
        with lesion.applied(model, dose) as targeted:
            there = dead(model)
        with control.applied(model, dose, draw=1) as receipt:
            drawn = dead(model)
        assert (receipt.destroyed, receipt.sites) == (targeted.destroyed, targeted.sites)
        assert {n: d.sum() for n, d in drawn.items()} == {n: d.sum() for n, d in there.items()}
        assert receipt.digest != targeted.digest
        found.append(drawn)
    assert all((found[1][name] >= found[0][name]).all() for name in found[0]), "nested"


def test_draws_of_a_control_differ(model):
    control = Lesion("heads", "magnitude", "model", size_matched=True)
    digests = set()
    for draw in range(4):
        with control.applied(model, 0.5, draw=draw) as receipt:
            digests.add(receipt.digest)
    assert control.random and len(digests) > 1


def test_the_control_of_listed_units_draws_from_all(model, tmp_path):
    (tmp_path / "units.csv").write_text("layer,part,unit\n0,mlp_in,1\n0,mlp_in,2\n2,mlp_in,5\n")
    listed = {"units": "neurons", "order": "listed", "file": str(tmp_path / "units.csv")}
    control = Lesion(**listed, size_matched=True)
    biases = [layer.intermediate.dense.bias for layer in model.bert.encoder.layer]
    taken = set()
    for draw in range(5):
        with control.applied(model, 1.0, draw=draw):
            assert [int((bias == 0).sum()) for bias in biases] == [2, 0, 1]
            taken |= set((biases[0] == 0).nonzero().flatten().tolist())
    assert len(taken) > 4


def test_a_study_runs_the_control_beside_the_lesion(tmp_path):
    lesions = [{"name": "top", "units": "heads", "order": "magnitude", "control": "matched"}]
    study = parse_study({**STUDY, "lesions": lesions})
    assert [one.name for one in study.lesions] == ["top", "top (matched control)"]
    assert [len(study.draws_of(one)) for one in study.lesions] == [1, 3]
    assert [build(one, 0).size_matched for one in study.lesions] == [False, True]
    (tmp_path / "s.yaml").write_text(write_study(study))
    assert read_study(tmp_path / "s.yaml") == study


def test_a_control_of_several_lesions_is_refused():
    lesions = [{"together": [{}, {"order": "magnitude"}], "control": "matched"}]
    with pytest.raises(LesionError) as caught:
        parse_study({**STUDY, "lesions": lesions})
    assert str(caught.value) == (
        "study: lesions[0].control: belongs to one lesion of units whose dose is a fraction."
    )

"""Importance against finite differences: the loss with a unit scaled a little up and down."""

import numpy as np
import pytest
import torch

import lesion as package
from lesion.damage.importance import importances
from lesion.damage.lesion import Lesion
from lesion.damage.units import UNITS
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.load import load_model
from lesion.study.files import parse_study
from tests import families, labs

UNIT_PARTS = {
    "weights": ("mlp_in",),
    "neurons": ("mlp_in",),
    "heads": ("query", "key", "value", "attention_output"),
    "layers": ("attention_output", "mlp_out"),
}
STEP = 1e-3


@pytest.fixture(params=["bert", "gpt2", "modernbert", "llama"])
def model(request, tmp_path):
    return load_model(str(families.build(request.param, tmp_path))).double()


@pytest.fixture
def examples():
    ids = torch.tensor([[4, 6, 9, 11, 7], [5, 8, 4, 10, 12], [9, 9, 5, 6, 4]])
    labels = torch.tensor([0, 1, 1])
    return [
        {"input_ids": one[None], "attention_mask": torch.ones(1, 5, dtype=torch.int64),
         "labels": label[None]}
        for one, label in zip(ids, labels, strict=True)
    ]  # fmt: skip


def slope(model, population, unit, inputs) -> float:
    """dL/d(gate) of one unit by central differences."""
    losses = []
    for factor in (1 + STEP, 1 - STEP):
        kept = [owned.tensor.clone() for owned in population.tensors]
        for owned in population.tensors:
            owned.write(torch.tensor([unit]), owned.tensor * factor)
        losses.append(float(model(**inputs).loss))
        for owned, tensor in zip(population.tensors, kept, strict=True):
            owned.tensor.copy_(tensor)
    return (losses[0] - losses[1]) / (2 * STEP)


@pytest.mark.parametrize("units", UNIT_PARTS)
def test_importance_is_the_mean_change_of_the_loss_by_a_gate(model, examples, units):
    sites = anatomy.select_sites(model, "all", UNIT_PARTS[units])
    population = UNITS[units]().populations(sites, ("weight", "bias"))[0]
    taylor = importances(model, [population], examples, "importance")[id(population)]
    fisher = importances(model, [population], examples, "fisher")[id(population)]
    # two families compute norms and rotations in float32, whatever the model is in
    rough = 3e-2 if model.config.model_type in ("modernbert", "llama") else 1e-3
    rng = np.random.default_rng(0)
    for unit in rng.choice(population.count, min(4, population.count), replace=False):
        with torch.no_grad():
            slopes = np.array([slope(model, population, int(unit), one) for one in examples])
        assert float(taylor[unit]) == pytest.approx(np.abs(slopes).mean(), rel=rough, abs=1e-9)
        assert float(fisher[unit]) == pytest.approx((slopes**2).mean() / 2, rel=rough, abs=1e-9)


def test_gradients_are_given_back_and_bits_restored(model, examples):
    for tensor in model.parameters():
        tensor.grad = torch.ones_like(tensor)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with Lesion("neurons", "importance").applied(model, 0.5, examples=examples):
        pass
    assert all((tensor.grad == 1).all() for tensor in model.parameters())
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_the_orders_go_from_either_end(model, examples):
    where = {"layers": 0, "parts": ("mlp_in",), "units": "neurons", "scope": "model"}
    sites = anatomy.select_sites(model, (0,), ("mlp_in",))
    populations = UNITS["neurons"]().populations(sites, ("weight", "bias"))
    found = importances(model, populations, examples, "importance")
    values = torch.cat([found[id(one)] for one in populations])
    ends = {"importance": values.argmin(), "importance-descending": values.argmax()}
    for order, expected in ends.items():
        dose = 1.01 / len(values)
        with Lesion(order=order, **where).applied(model, dose, examples=examples) as receipt:
            spans = [one.tensors[0] for one in populations]
            dead = torch.cat([(span.tensor == 0).all(1 - (span.axis or 0)) for span in spans])
        assert receipt.destroyed == 1
        assert dead.nonzero().flatten().tolist() == [int(expected)]


def test_without_examples_the_order_is_refused(model):
    with pytest.raises(LesionError) as caught, Lesion(order="fisher").applied(model, 0.5):
        pass
    assert str(caught.value) == "order fisher: needs training examples to take gradients on."


def test_a_study_takes_the_examples_from_the_training_split(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesions = [
        {"name": name, "units": "heads", "order": name, "scope": "model"}
        for name in ("importance", "importance-descending")
    ]
    run = package.run(parse_study(labs.study(tiny_bert, data, lesions=lesions)), tmp_path / "run")
    names, found = run.record.rows("trials")
    trials = [dict(zip(names, row, strict=True)) for row in found]
    damage = {one["lesion"]: one["damage"] for one in trials if one["dose"] == 0.3}
    assert damage["importance"] != damage["importance-descending"]
    assert {one["draw"] for one in trials} == {0}

"""What may be written from Python for a lesion, and what is refused in a sentence."""

import numpy as np
import pytest
import torch
from torch import nn

import lesion
from lesion.distraction.distraction import Distraction
from lesion.errors import LesionError
from lesion.models.families import FAMILIES
from lesion.models.load import load_model
from lesion.study.files import parse_study
from lesion.tasks.examples import Split

LAYERS = (
    "must be all, first, middle, last, a layer, a list of layers or a range such as 6-9 "
    "(zero-based, inclusive)."
)


@pytest.fixture(scope="module")
def bert(tiny_bert):
    return load_model(str(tiny_bert))


def digest(model, dose=0.5, draw=0, **arguments):
    with lesion.Lesion(**arguments).applied(model, dose, draw) as receipt:
        return receipt.destroyed, receipt.digest


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ({"layers": "1-2"}, {"layers": (1, 2)}),
        ({"layers": -1}, {"layers": (2,)}),
        ({"layers": [-1, 0]}, {"layers": (0, 2)}),
        ({"layers": np.arange(2)}, {"layers": (0, 1)}),
        ({"layers": np.int64(1)}, {"layers": (1,)}),
        ({"layers": range(2)}, {"layers": (0, 1)}),
        ({"parts": "query"}, {"parts": ("query",)}),
        ({"parts": ["query", "key"]}, {"parts": ("query", "key")}),
        ({"tensors": "weight"}, {"tensors": ("weight",)}),
        ({"dose": np.float32(0.5)}, {"dose": 0.5}),
        ({"dose": np.int64(1)}, {"dose": 1.0}),
        ({"draw": np.int64(3)}, {"draw": 3}),
        ({"seed": np.int64(3)}, {"seed": 3}),
    ],
)
def test_shorthand_and_numbers_of_numpy_damage_what_their_full_form_does(bert, short, full):
    assert digest(bert, **short) == digest(bert, **full)
    assert digest(bert, **full) != digest(bert, draw=7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layers": "2-9"}, "where.layers: the model has layers 0-2. Got 3, 4, 5, 6, 7, 8, 9."),
        ({"layers": -4}, "where.layers: the model has layers 0-2. Got -4."),
        ({"layers": "2-1"}, f"layers: {LAYERS} Got '2-1'."),
        ({"layers": 1.5}, f"layers: {LAYERS} Got 1.5."),
        ({"layers": True}, f"layers: {LAYERS} Got True."),
        ({"parts": 3}, "parts: must be a word or a list of words. Got 3."),
        (
            {"parts": "querry"},
            "parts: must be one of embeddings, query, key, value, attention_output, mlp_in, "
            "mlp_out, norms, pooler, classifier, mlm_head. Got 'querry'. Did you mean 'query'?",
        ),
        ({"strength": "4", "effect": "noise"}, "strength: must be a number. Got '4'."),
        ({"draw": -1}, "draw: must be a whole number of at least 0. Got -1."),
        ({"draw": 1.5}, "draw: must be a whole number of at least 0. Got 1.5."),
        ({"seed": -1}, "seed: must be a whole number of at least 0. Got -1."),
        ({"dose": "0.5"}, "dose must be a float in [0, 1]. Got '0.5'."),
    ],
)
def test_what_is_no_argument_is_refused_by_its_name(bert, given, message):
    with pytest.raises(LesionError) as caught:
        digest(bert, **given)
    assert str(caught.value) == message


@pytest.mark.parametrize("thing", [nn.Sequential(nn.Linear(2, 2)), "bert"])
def test_what_is_no_model_of_a_family_is_refused_before_it_is_asked_anything(thing):
    message = (
        f"model: must be a Hugging Face model of a known family ({', '.join(FAMILIES)}). Got "
        f"{type(thing).__name__}, which has no config that names one."
    )
    for units in ("weights", "bits"):
        with pytest.raises(LesionError) as caught:
            digest(thing, units=units)
        assert str(caught.value) == message


def test_distractions_take_numbers_of_numpy_and_refuse_a_negative_draw():
    split = Split((("the cat sat on the mat",),), np.array([0]), "here")
    drop = Distraction("drop")
    found = drop.opened(split, np.int64(2)).deepen(np.float64(0.5))
    assert found == drop.opened(split, 2).deepen(0.5)
    with pytest.raises(LesionError, match=r"^draw: must be a whole number of at least 0\. Got -1"):
        drop.opened(split, -1)


def test_the_last_layer_by_its_negative_number_is_the_last_of_a_study(bert):
    value = {
        "name": "s", "models": ["twin/en-0"], "tasks": ["agreement-en"], "doses": [0, 1],
        "lesions": [{"where": {"layers": -1, "parts": "query", "tensors": "weight"}}],
    }  # fmt: skip
    where = parse_study(value).lesions[0].damage
    assert (where.layers, where.parts, where.tensors) == ((-1,), ("query",), ("weight",))
    before = {name: tensor.clone() for name, tensor in bert.state_dict().items()}
    cut = lesion.Lesion(layers=where.layers, parts=where.parts, tensors=where.tensors)
    with cut.applied(bert, 1.0):
        changed = [
            name
            for name, tensor in bert.state_dict().items()
            if not torch.equal(tensor, before[name])
        ]
    assert changed == ["bert.encoder.layer.2.attention.self.query.weight"]

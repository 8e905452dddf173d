"""Whether the places of a receipt are where the tensors changed."""

import pickle

import numpy as np
import pytest
import torch

from lesion.damage.lesion import Lesion, Together
from lesion.damage.receipt import Place, Receipt
from lesion.distraction.distraction import Distraction
from lesion.models.load import load_model
from lesion.tasks.examples import Split

HIDDEN, HEADS, LAYERS = 32, 4, 3
MATRICES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "mlp_in": "intermediate.dense",
    "mlp_out": "output.dense",
}


@pytest.fixture
def model(tiny_bert):
    """No number of it is 0, so that zeros are destroyed units."""
    found = load_model(str(tiny_bert))
    assert all(bool((tensor != 0).all()) for tensor in tensors(found).values())
    return found


def tensors(model) -> dict[tuple[int, str, str], torch.Tensor]:
    """The six matrices and their biases by BERT's own module names."""
    return {
        (number, part, kind): getattr(layer.get_submodule(path), kind).detach()
        for number, layer in enumerate(model.bert.encoder.layer)
        for part, path in MATRICES.items()
        for kind in ("weight", "bias")
    }


def by_address(places) -> dict[tuple, tuple[int, int]]:
    found = {place[:4]: (place.units, place.destroyed) for place in places}
    assert len(found) == len(places)
    return found


@pytest.mark.parametrize("scope", ["site", "layer", "model"])
@pytest.mark.parametrize("order", ["random", "magnitude"])
def test_weights_are_counted_where_zeros_are(model, scope, order):
    with Lesion(order=order, scope=scope).opened(model) as wound:
        for dose in (0.1, 0.5, 0.3):
            receipt = wound.deepen(dose)
            expected = {
                (layer, part, 0, kind): (tensor.numel(), int((tensor == 0).sum()))
                for (layer, part, kind), tensor in tensors(model).items()
            }
            assert by_address(receipt.places) == expected
            assert sum(place.destroyed for place in receipt.places) == receipt.destroyed


def test_neurons_are_counted_where_rows_and_biases_are_zero(model):
    with Lesion("neurons", "magnitude", "model").applied(model, 0.4) as receipt:
        every = tensors(model)
        expected = {}
        for layer, part in {key[:2] for key in every}:
            weight, bias = every[layer, part, "weight"], every[layer, part, "bias"]
            dead = int(((weight == 0).all(1) & (bias == 0)).sum())
            expected[layer, part, 0, "neuron"] = (len(weight), dead)
        assert by_address(receipt.places) == expected
        assert len(set(expected.values())) > 2, "the sites differ"


def test_heads_are_counted_where_their_columns_of_the_output_are_zero(model):
    with Lesion("heads", "magnitude", "model").applied(model, 0.5) as receipt:
        expected = {}
        for layer in range(LAYERS):
            output = tensors(model)[layer, "attention_output", "weight"]
            dead = (output.reshape(HIDDEN, HEADS, -1) == 0).all(-1).all(0)
            expected[layer, "heads", 0, "head"] = (HEADS, int(dead.sum()))
        assert by_address(receipt.places) == expected
        assert sum(dead for _, dead in expected.values()) == LAYERS * HEADS // 2


def test_dimensions_of_the_whole_model_are_one_place(model):
    with Lesion("dimensions").applied(model, 0.25) as receipt:
        dead = int((tensors(model)[2, "query", "weight"] == 0).all(0).sum())
        assert receipt.places == (Place(None, "dimensions", 0, "dimension", HIDDEN, dead),)


def test_units_that_a_listing_leaves_out_are_units_of_their_place(model, tmp_path):
    path = tmp_path / "heads.csv"
    path.write_text("layer,part,unit\n1,heads,0\n1,heads,3\n")
    with Lesion("heads", "listed", file=str(path)).applied(model, 1.0) as receipt:
        assert [place[4:] for place in receipt.places] == [(4, 0), (4, 2), (4, 0)]


def test_lesions_taken_together_have_the_places_of_each_in_their_order(model):
    both = Together((
        Lesion(parts=("query",), tensors=("weight",)),
        Lesion(order="magnitude", parts=("query", "mlp_in"), tensors=("bias",)),
    ))  # fmt: skip
    with both.applied(model, 0.3) as receipt:
        found = [place[:4] for place in receipt.places]
        assert found == [
            *((layer, "query", 0, "weight") for layer in range(LAYERS)),
            *((layer, "query", 0, "bias") for layer in range(LAYERS)),
            *((layer, "mlp_in", 0, "bias") for layer in range(LAYERS)),
        ]
        every = tensors(model)
        for layer, part, _, kind, _, destroyed in receipt.places:
            assert destroyed == int((every[layer, part, kind] == 0).sum())


def test_places_travel_with_a_receipt_from_one_process_to_another(model):
    with Lesion().applied(model, 0.3) as receipt:
        assert pickle.loads(pickle.dumps(receipt)) == receipt  # noqa: S301
    assert receipt.places[0] == Place(0, "query", 0, "weight", 1024, 307)


def test_damage_to_texts_has_no_places():
    split = Split((("the cat sat on the mat", "a dog ran"),), np.zeros(2), "here")
    _, receipt = Distraction("drop").opened(split).deepen(0.5)
    assert receipt.destroyed and receipt.places == ()
    assert Receipt(1, 1, 2, 1, "beef").places == ()

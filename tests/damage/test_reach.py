"""The reach of a lesion: parameters that its units hold, and their share of the model."""

import pytest
import torch

from lesion.damage.lesion import Lesion, Together
from lesion.models.load import load_model

HIDDEN, LAYERS, MLP = 32, 3, 64
MATRIX, LAYER = HIDDEN * HIDDEN, 4 * HIDDEN * HIDDEN + 2 * HIDDEN * MLP
BIASES = 5 * HIDDEN + MLP


@pytest.fixture
def model(tiny_bert):
    return load_model(str(tiny_bert))


def reach(model, lesion):
    with lesion.opened(model) as wound:
        return wound.reach()


def body(model) -> int:
    """Embeddings and layers, without pooler and classifier."""
    parts = (model.bert.embeddings, model.bert.encoder)
    return sum(tensor.numel() for part in parts for tensor in part.parameters())


@pytest.mark.parametrize(
    ("lesion", "selected"),
    [
        (Lesion(), LAYERS * (LAYER + BIASES)),
        (Lesion(tensors="weight"), LAYERS * LAYER),
        (Lesion("neurons", layers=0), LAYER + BIASES),
        (Lesion("bits", tensors="weight"), LAYERS * LAYER),
        (Lesion("heads"), LAYERS * (4 * MATRIX + 3 * HIDDEN)),
        (Lesion("layers"), LAYERS * (MATRIX + HIDDEN * MLP + 2 * HIDDEN)),
    ],
)
def test_all_numbers_of_the_units_are_counted(model, lesion, selected):
    assert reach(model, lesion) == (selected, body(model))


def test_destroyed_at_dose_1_is_what_is_reached(model):
    mapped = Lesion("dimensions")
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    with mapped.opened(model) as wound:
        kept = wound.deepen(1).masks()
        assert wound.reach().selected == sum(int((~mask).sum()) for mask in kept.values())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.named_parameters())


def test_of_a_list_only_listed_units_are_reached(model, tmp_path):
    file = tmp_path / "units.csv"
    file.write_text("layer,part,unit\n0,query,3\n0,query,5\n1,mlp_in,7\n")
    lesion = Lesion("neurons", "listed", file=str(file))
    assert reach(model, lesion).selected == 3 * (HIDDEN + 1)


def test_a_listed_layer_is_reached_whole(model, tmp_path):
    file = tmp_path / "units.csv"
    file.write_text("layer,part,unit\n,layers,1\n")
    selected = reach(model, Lesion("layers", "listed", file=str(file))).selected
    assert selected == MATRIX + HIDDEN * MLP + 2 * HIDDEN


def test_masked_numbers_are_reached_where_the_mask_is_true(model):
    name = "bert.encoder.layer.0.attention.self.query.weight"
    mask = torch.zeros(HIDDEN, HIDDEN, dtype=torch.bool)
    mask[:3, :5] = True
    assert reach(model, Lesion({name: mask})).selected == 15


def test_a_number_that_two_lesions_reach_counts_once(model, tmp_path):
    file = tmp_path / "units.csv"
    file.write_text("layer,part,unit\n0,query,3\n")
    row = Lesion("neurons", "listed", file=str(file), name="row")
    weights = Lesion(parts="query", layers=0, tensors="weight", name="weights")
    assert reach(model, Together((row, weights))).selected == MATRIX + 1


def test_a_head_that_is_reached_counts_as_part_of_the_model(model):
    whole = reach(model, Lesion(parts="classifier"))
    size = sum(tensor.numel() for tensor in model.classifier.parameters())
    assert whole == (size, body(model) + size)


def test_embeddings_that_a_head_shares_count_as_part_of_the_model():
    twin = load_model("twin/en-0", head="mlm")
    body = sum(tensor.numel() for tensor in twin.base_model.parameters())
    assert reach(twin, Lesion()).parameters == body
    whole = sum(tensor.numel() for tensor in twin.parameters())
    assert body < whole  # without the head's own transform and bias


def test_the_share_does_not_depend_on_the_head_of_the_task(tiny_bert):
    models = [load_model(str(tiny_bert), head="base"), load_model(str(tiny_bert))]
    first, second = (reach(model, Lesion()) for model in models)
    assert first == second
    assert first.share == pytest.approx(first.selected / first.parameters)

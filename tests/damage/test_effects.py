"""Each effect against numpy on the raw bytes, torch's own quantisation, or a forward by hand."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from lesion.damage.effects import EFFECTS
from lesion.damage.lesion import Lesion
from lesion.damage.orders import ORDERS
from lesion.damage.units import UNITS
from lesion.errors import LesionError
from lesion.models.load import load_model
from tests import families

MLP = {"layers": 0, "parts": ("mlp_in",), "tensors": ("weight",)}


@pytest.fixture
def model(tiny_bert):
    return load_model(str(tiny_bert))


@pytest.fixture
def tensor(model) -> torch.Tensor:
    """The live matrix that MLP reaches, (64, 32)."""
    return model.bert.encoder.layer[0].intermediate.dense.weight


def bits(tensor: torch.Tensor) -> np.ndarray:
    kind = {torch.float32: torch.int32, torch.bfloat16: torch.int16, torch.float16: torch.int16}
    return tensor.detach().view(kind[tensor.dtype]).numpy().copy()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bit", [0, 7, 14, 15])
def test_flip_changes_the_given_bit_of_the_stored_number_and_no_other(model, dtype, bit):
    model.to(dtype)
    tensor = model.bert.encoder.layer[0].intermediate.dense.weight
    before = bits(tensor)
    with Lesion(effect="flip", bit=bit, **MLP).applied(model, 0.3) as receipt:
        changed = before ^ bits(tensor)
    width = before.dtype.itemsize * 8
    mask = np.array(-(2 ** (width - 1)) if bit == width - 1 else 1 << bit).astype(before.dtype)
    assert set(np.unique(changed).tolist()) == {0, int(mask)}
    assert (changed != 0).sum() == receipt.destroyed == round(0.3 * before.size)


def test_flip_of_a_random_bit_changes_one_bit_of_each_and_all_of_them_in_turn(model, tensor):
    before = bits(tensor).view(np.uint32)
    with Lesion(effect="flip", **MLP).applied(model, 1.0):
        changed = before ^ bits(tensor).view(np.uint32)
    assert set(np.bitwise_count(changed).ravel().tolist()) == {1}
    places = np.log2(changed.astype(np.float64)).astype(int).ravel()
    assert stats.chisquare(np.bincount(places, minlength=32)).pvalue > 1e-4


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_flip_in_another_format_goes_through_that_format(model, tensor, name):
    dtype = getattr(torch, name)
    stored = tensor.detach().to(dtype).view(torch.int16).numpy().copy()
    with Lesion(effect="flip", bit=9, format=name, **MLP).applied(model, 1.0):
        found = tensor.detach().clone()
    expected = torch.from_numpy(stored ^ np.int16(1 << 9)).view(dtype).float()
    assert torch.equal(found, expected)


@pytest.mark.parametrize("bit", [0, 6, 7])
def test_flip_in_int8_is_numpys_on_the_quantised_matrix(model, tensor, bit):
    value = tensor.detach().numpy().copy()
    step = np.float32(np.abs(value).max() / np.float32(127))
    stored = np.clip(np.rint(value / step), -128, 127).astype(np.int8)
    with Lesion(effect="flip", bit=bit, format="int8", **MLP).applied(model, 1.0):
        found = tensor.detach().numpy().copy()
    flipped = (stored.view(np.uint8) ^ np.uint8(1 << bit)).view(np.int8)
    np.testing.assert_allclose(found, flipped.astype(np.float32) * step, rtol=1e-6)


def test_noise_is_gaussian_with_the_given_share_of_the_tensors_deviation(model, tensor):
    before = tensor.detach().double().numpy().copy()
    with Lesion(effect="noise", strength=0.25, **MLP).applied(model, 1.0):
        added = tensor.detach().double().numpy() - before
    standard = (added / (0.25 * before.std())).ravel()
    assert stats.kstest(standard, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(standard, before.ravel())[0, 1]) < 0.1


def test_a_stronger_noise_is_the_same_noise_stronger(model, tensor):
    before, added = tensor.detach().double().clone(), []
    noise = Lesion(effect="noise", dose_is="strength", **MLP)
    with noise.opened(model) as wound:
        for strength in (0.5, 2.0):
            assert wound.deepen(strength).destroyed == tensor.numel()
            added.append(tensor.detach().double() - before)
    torch.testing.assert_close(added[0] * 4, added[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("width", [2, 3, 4, 8])
def test_quantise_is_torchs_own_symmetric_quantisation_by_channel(model, tensor, width):
    top = 2 ** (width - 1) - 1
    steps = tensor.detach().abs().amax(1) / top
    expected = torch.fake_quantize_per_channel_affine(
        tensor.detach(), steps, torch.zeros(64, dtype=torch.int32), 0, -top - 1, top
    )
    with Lesion(effect="quantise", strength=width, **MLP).applied(model, 1.0):
        torch.testing.assert_close(tensor.detach(), expected, rtol=1e-5, atol=1e-7)
        assert len(tensor.detach()[0].unique()) <= 2**width


def test_shuffle_keeps_the_values_and_permutes_neurons_with_their_bias(model):
    dense = model.bert.encoder.layer[0].intermediate.dense
    rows = torch.cat([dense.weight, dense.bias[:, None]], 1).detach().clone()
    lesion = Lesion("neurons", effect="shuffle", layers=0, parts=("mlp_in",))
    with lesion.applied(model, 1.0):
        moved = torch.cat([dense.weight, dense.bias[:, None]], 1).detach().clone()
    order = [int((rows == row).all(1).nonzero()[0, 0]) for row in moved]
    assert sorted(order) == list(range(64)) and order != list(range(64))


def test_scale_multiplies(model, tensor):
    before = tensor.detach().clone()
    with Lesion(effect="scale", strength=-0.5, **MLP).applied(model, 1.0):
        assert torch.equal(tensor.detach(), before * -0.5)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (
            {"effect": "zero", "strength": 1.0},
            "strength: belongs to effect noise, quantise, scale. Got effect zero.",
        ),
        (
            {"effect": "noise", "strength": 1.0, "dose_is": "strength"},
            "strength: is what the dose sets, since dose_is is strength; leave it out.",
        ),
        (
            {"effect": "zero", "dose_is": "strength"},
            "dose_is: effect zero has no strength; only noise, quantise, scale have.",
        ),
        ({"effect": "quantise"}, "strength: is required (bits kept, a whole number)."),
        ({"effect": "quantise", "strength": 9}, "strength: must be between 2 and 8. Got 9.0."),
        ({"effect": "quantise", "strength": 2.5}, "strength: must be a whole number of bits."),
        ({"bit": 3}, "bit: belongs to effect flip. Got effect zero."),
        (
            {"format": "int8"},
            "format: belongs to units bits or effect flip. Got units weights, effect zero.",
        ),
        (
            {"strenght": 3},
            "strenght: belongs to none of units, order, scope, effect. Did you mean 'strength'?",
        ),
        (
            {"effect": "flip", "bit": 16, "format": "float16"},
            "bit: float16 has the bits 0-15. Got 16.",
        ),
        (
            {"order": "listed"},
            "file: is required (CSV or TSV with the columns layer, part, unit).",
        ),
        ({"file": "units.csv"}, "file: belongs to order listed. Got order random."),
        (
            {"effect": "noise", "dose_is": "strength", "order": "magnitude"},
            "order: a strength hits every unit, so it has no order; leave it at random.",
        ),
        (
            {"units": "layers", "effect": "shuffle"},
            "effect shuffle does not go with units: layers: the tensors of layers differ in shape.",
        ),
    ],
)
def test_choices_that_make_no_sense_together_are_refused_with_the_reason(choices, message):
    with pytest.raises(LesionError) as caught:
        Lesion(**choices)
    assert str(caught.value) == message


@pytest.mark.parametrize("units", UNITS)
def test_every_combination_of_words_is_accepted_but_for_those_that_make_no_sense(units):
    accepted, expected = set(), set()
    for order, effect in itertools.product(ORDERS, EFFECTS):
        try:
            Lesion(units, order, effect=effect, **ORDERS[order].example, **EFFECTS[effect].example)
            accepted.add((order, effect))
        except LesionError:
            pass
        bits = order == "random" and effect in ("zero", "one", "flip")
        if bits if units == "bits" else (units, effect) != ("layers", "shuffle"):
            expected.add((order, effect))
    assert accepted == expected


def test_a_bit_that_the_stored_number_does_not_have_is_refused(model):
    model.to(torch.bfloat16)
    lesion = Lesion(effect="flip", bit=20, **MLP)
    with pytest.raises(LesionError) as caught, lesion.applied(model, 0.5):
        pass
    assert str(caught.value) == "bit: bfloat16 has the bits 0-15. Got 20."


def test_a_head_that_is_alone_in_its_layer_cannot_be_shuffled(tmp_path):
    model = load_model(str(families.build("bert", tmp_path, num_attention_heads=1)))
    lesion = Lesion("heads", effect="shuffle", name="alone")
    with pytest.raises(LesionError) as caught, lesion.applied(model, 1.0):
        pass
    assert str(caught.value) == (
        "alone: effect shuffle exchanges heads within their population, and each population of "
        "this model has a single one, so that nothing would change. Take another effect, or other "
        "units."
    )

"""Damage done to weights: ‖ΔW‖/‖W‖ of every effect, by place and over the whole selection."""

import math

import pytest
import torch

from lesion.damage.lesion import Lesion, Together
from lesion.damage.receipt import Receipt
from lesion.models.load import load_model

EXAMPLES = [{"input_ids": torch.tensor([[2, 6, 9, 3]]), "attention_mask": torch.ones(1, 4)}]
EFFECTS = [
    ("weights", "zero", {}), ("weights", "one", {}), ("weights", "mean", {}),
    ("weights", "noise", {"strength": 0.7}), ("neurons", "shuffle", {}),
    ("weights", "quantise", {"strength": 4}), ("heads", "scale", {"strength": 0.5}),
    ("weights", "flip", {"format": "int8"}), ("bits", "flip", {"format": "int8"}),
    ("bits", "zero", {}), ("dimensions", "zero", {}), ("words", "zero", {}),
]  # fmt: skip


@pytest.fixture
def model(tiny_bert):
    return load_model(str(tiny_bert))


def by_hand(wound, intact) -> tuple[float, list[float]]:
    """The norms from whole tensors in float64, each tensor once."""

    def relative(tensors):
        pairs = [(t.detach().double(), intact[id(t)].double()) for t in tensors]
        moved = sum(float(((now - was) ** 2).sum()) for now, was in pairs)
        whole = sum(float((was**2).sum()) for _, was in pairs)
        return math.sqrt(moved / whole) if moved else 0.0

    populations = [p for lesion in wound.lesions for p in lesion.populations]
    places = [[owned.tensor for owned in p.tensors] for p in populations]
    every = {id(t): t for tensors in places for t in tensors}
    return relative(every.values()), [relative(tensors) for tensors in places]


@pytest.mark.parametrize(("units", "effect", "keys"), EFFECTS)
def test_norms_are_those_of_the_difference_from_the_intact_tensors(model, units, effect, keys):
    lesion = Lesion(units, effect=effect, **keys)
    intact = {id(t): t.detach().clone() for t in model.parameters()}
    with lesion.opened(model, examples=EXAMPLES) as wound:
        for dose in (0.3, 0.6, 0.25):
            norms = wound.deepen(dose).measured().norms
            whole, places = by_hand(wound, intact)
            assert norms.whole == pytest.approx(whole, rel=1e-6)
            assert norms.places == pytest.approx(places, rel=1e-6)
            assert norms.whole > 0


def test_everything_zeroed_is_1_and_nothing_destroyed_is_0(model):
    with Lesion().opened(model) as wound:
        assert wound.deepen(0).measured().norms.whole == 0
        norms = wound.deepen(1).measured().norms
        assert norms.whole == pytest.approx(1)
        assert norms.places == pytest.approx([1] * len(norms.places))


def test_norms_do_not_depend_on_the_doses_before(model):
    lesion = Lesion(effect="noise", strength=1.0)
    with lesion.opened(model) as wound:
        stepwise = [wound.deepen(dose).measured().norms for dose in (0.1, 0.2, 0.35)]
    for dose, norms in zip((0.1, 0.2, 0.35), stepwise, strict=True):
        with lesion.applied(model, dose) as receipt:
            assert receipt.measured().norms == norms


@pytest.mark.parametrize("made", [math.inf, math.nan])
def test_a_number_that_is_not_finite_makes_the_norms_infinite(model, made):
    with Lesion(units="weights", parts="query").opened(model) as wound:
        wound.deepen(0.5)
        wound.lesions[0].populations[0].tensors[0].tensor.data[0, 0] = made
        norms = wound._receipt(0).measured().norms
        assert (norms.whole, norms.places[0]) == (math.inf, math.inf)
        assert all(math.isfinite(norm) for norm in norms.places[1:])


def test_zeros_that_become_other_numbers_are_infinitely_far_and_zeros_that_stay_are_not(model):
    with torch.no_grad():
        model.bert.encoder.layer[0].attention.self.query.bias.zero_()
    for effect, norm in (("one", math.inf), ("zero", 0)):
        with Lesion(effect=effect, parts="query", tensors="bias").applied(model, 0.5) as receipt:
            norms = receipt.measured().norms
            assert norms.places[0] == norm
            assert all(0 < place < math.inf for place in norms.places[1:])
            assert 0 < norms.whole < math.inf


def test_two_lesions_on_one_tensor_are_measured_together_and_once(model):
    both = Together((Lesion(name="a", parts="query"), Lesion("neurons", name="b", parts="query")))
    intact = {id(t): t.detach().clone() for t in model.parameters()}
    with both.opened(model) as wound:
        norms = wound.deepen(0.4).measured().norms
        whole, places = by_hand(wound, intact)
        assert norms.whole == pytest.approx(whole, rel=1e-6)
        assert norms.places == pytest.approx(places, rel=1e-6)


def test_texts_that_are_damaged_leave_the_weights_as_they_are():
    receipt = Receipt(3, 3, 10, 2, "00").measured()
    assert (receipt.norms.whole, receipt.norms.places, receipt.reach) == (0, (), None)


def test_weights_of_16_bits_are_measured_in_float32(model):
    half = model.to(torch.bfloat16)
    intact = {id(t): t.detach().clone() for t in half.parameters()}
    with Lesion().opened(half) as wound:
        norms = wound.deepen(0.3).measured().norms
        assert norms.whole == pytest.approx(by_hand(wound, intact)[0], rel=1e-6)

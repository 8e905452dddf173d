"""Units, orders and effects of a user's own, and what a receipt says of the units."""

import pickle
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from lesion.damage.effects import Effect, Noise
from lesion.damage.lesion import Lesion, Together
from lesion.damage.orderings import from_keys
from lesion.damage.orders import Magnitude, Order, float_sort_keys, l1_norms
from lesion.damage.population import Population, UnitTensor
from lesion.damage.units import Neurons, Units
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.schema.fields import Between, doc
from tests import families

QUERY = "bert.encoder.layer.0.attention.self.query"
MLP = "bert.encoder.layer.1.intermediate.dense"


@pytest.fixture
def model(tiny_bert):
    """No number of it is 0, so that zeros are destroyed."""
    found = load_model(str(tiny_bert))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in found.parameters():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.1)
    return found


def zeros(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor == 0 for name, tensor in model.named_parameters()}


# --- effects, orders and units as objects ------------------------------------------------------
@dataclass(frozen=True)
class Clamp(Effect):
    """Cut to a range."""

    limit: float = 0.3
    dose: ClassVar[str] = ""

    def values(self, intact, target):
        return intact.clamp(-self.limit, self.limit)


@dataclass(frozen=True)
class Jitter(Effect):
    """Uniform noise."""

    word, random, dose = "jitter", True, "size"
    size: Annotated[float, Between(0, 10), doc("half of its range")] = 1.0

    def values(self, intact, target):
        drawn = torch.from_numpy(target.draw(intact.numel(), "jitter") / 2.0**31 - 1)
        return intact + (self.size * drawn).reshape(intact.shape).to(intact.dtype)


class LastFirst(Order):
    """The last unit first."""

    def rank(self, group, context):
        return [from_keys(np.arange(one.count, dtype=np.uint32)[::-1]) for one in group]


class Columns(Units):
    """Columns of the matrices: what a unit of the layer before is read with."""

    def populations(self, sites, tensors):
        return [
            Population(
                (site.layer, site.part, site.index, "column"), site.weight.shape[1],
                (UnitTensor("weight", site.weight, 1, site=site),), (site.weight.shape[1],),
                frozenset({(site.layer, site.part, site.index)}),
            )
            for site in sites
        ]  # fmt: skip


def test_an_effect_of_ones_own_is_applied_to_destroyed_units_alone(model):
    tensor = model.get_parameter(f"{QUERY}.weight")
    before = tensor.detach().clone()
    lesion = Lesion("neurons", effect=Clamp(0.2), layers=0, parts="query")
    with lesion.applied(model, 0.5) as receipt:
        (rows,) = receipt.units().values()
        assert len(rows) == 16
        assert torch.equal(tensor[rows], before[rows].clamp(max=0.2))
        others = np.setdiff1d(np.arange(32), rows)
        assert torch.equal(tensor[others], before[others])
    assert torch.equal(tensor, before)
    assert not Lesion(order=Magnitude(), effect=Clamp()).random
    assert lesion.label == "random neurons Clamp"


def test_a_random_effect_of_ones_own_differs_between_draws_and_takes_the_dose_as_strength(model):
    tensor = model.get_parameter(f"{QUERY}.weight")
    lesion = Lesion(effect=Jitter(), order="magnitude", layers=0, parts="query")
    assert lesion.random
    found = []
    for draw in (0, 0, 1):
        with lesion.applied(model, 1.0, draw=draw):
            found.append(tensor.detach().clone())
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    stronger = Lesion(effect=Jitter(), dose_is="strength", layers=0, parts="query")
    before = tensor.detach().clone()
    with stronger.opened(model) as wound:
        wound.deepen(2.0)
        assert 1.9 < float((tensor - before).detach().abs().max()) <= 2.0
        with pytest.raises(LesionError, match=r"\[0, 10\]. Got 11"):
            wound.deepen(11)


def test_an_order_of_ones_own_decides_which_units_go_first(model):
    lesion = Lesion("heads", LastFirst())
    with lesion.applied(model, 0.5) as receipt:
        assert {name: units.tolist() for name, units in receipt.units().items()} == {
            f"layer {layer} heads": [3, 2] for layer in range(3)
        }


def test_units_of_ones_own_are_destroyed_and_healed(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    lesion = Lesion(Columns(), "magnitude", layers=0, parts="query")
    with lesion.applied(model, 0.25) as receipt:
        sizes = before[f"{QUERY}.weight"].abs().double().sum(0)
        expected = sizes.argsort(stable=True)[:8]
        assert receipt.units()["layer 0 query"].tolist() == expected.tolist()
        assert bool((model.get_parameter(f"{QUERY}.weight")[:, expected] == 0).all())
    after = model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_words_and_objects_of_the_same_entry_are_the_same_lesion():
    assert Lesion(effect=Noise(2.0)) == Lesion(effect="noise", strength=2)
    assert Lesion(units=Neurons(), order=Magnitude()) == Lesion("neurons", "magnitude")
    assert Lesion(effect=Noise, strength=2) == Lesion(effect="noise", strength=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effect": 3}, "effect: must be one of zero, one, mean, noise, shuffle, flip, quantise, "
         "scale, or an object of a class derived from Effect. Got 3."),
        ({"order": Noise()}, "order: must be one of random, magnitude, magnitude-descending, "
         "importance, importance-descending, fisher, fisher-descending, focal, listed, or an "
         "object of a class derived from Order. Got Noise(strength=None)."),
        ({"effect": Clamp(), "units": "bits"}, "effect: bits take zero, one, flip. Got Clamp."),
        ({"effect": Clamp(), "dose_is": "strength"},
         "dose_is: effect Clamp has no strength; only noise, quantise, scale have."),
        ({"effect": Noise(), "strength": 2.0},
         "strength: belongs to effect noise, quantise, scale. Got effect noise."),
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused(arguments, message):
    with pytest.raises(LesionError) as caught:
        Lesion(**arguments)
    assert str(caught.value) == message


# --- masks and scores ---------------------------------------------------------------------------
def test_the_true_entries_of_masks_are_the_units(model):
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[3, 5] = mask[31, 0] = mask[7, 7] = True
    masks = {f"{QUERY}.weight": mask, f"{MLP}.bias": np.arange(64) < 4}
    before = zeros(model)
    with Lesion(masks).applied(model, 1.0) as receipt:
        assert (receipt.destroyed, receipt.total, receipt.sites) == (7, 7, 2)
        after = zeros(model)
        assert torch.equal(after[f"{QUERY}.weight"], mask)
        assert after[f"{MLP}.bias"].nonzero().flatten().tolist() == [0, 1, 2, 3]
        assert sum(int(one.sum()) for one in after.values()) == 7
        kept = receipt.masks()
        assert torch.equal(kept[f"{QUERY}.weight"], ~mask) and set(kept) == set(masks)
    assert all(torch.equal(before[name], found) for name, found in zeros(model).items())


@pytest.mark.parametrize("order", ["random", "magnitude", "focal", "magnitude-descending"])
@pytest.mark.parametrize("effect", ["zero", "shuffle", "noise", "mean", "flip"])
def test_masked_units_take_every_order_and_effect_and_nothing_else_changes(model, order, effect):
    mask = torch.rand(32, 32, generator=torch.Generator().manual_seed(1)) < 0.4
    name = f"{QUERY}.weight"
    before = {key: tensor.detach().clone() for key, tensor in model.named_parameters()}
    with Lesion({name: mask}, order, effect=effect).opened(model) as wound:
        for dose in (0.3, 0.6, 1.0):
            receipt = wound.deepen(dose)
            changed = model.get_parameter(name) != before[name]
            assert receipt.destroyed == round(dose * int(mask.sum()))
            assert not bool((changed & receipt.masks()[name]).any())
            assert not bool((changed & ~mask).any())
        if effect == "shuffle":
            values = (model.get_parameter(name)[mask], before[name][mask])
            assert torch.equal(*(value.detach().sort().values for value in values))
    after = dict(model.named_parameters())
    assert all(torch.equal(tensor, after[key]) for key, tensor in before.items())


def test_masks_of_a_fused_matrix_are_of_the_whole_parameter(tmp_path):
    model = load_model(str(families.build("gpt2", tmp_path)))
    name = "transformer.h.0.attn.c_attn.weight"
    fused = model.get_parameter(name)
    mask = torch.rand(fused.shape, generator=torch.Generator().manual_seed(1)) < 0.1
    before = fused.detach().clone()
    with Lesion({name: mask}).applied(model, 1.0) as receipt:
        assert torch.equal(fused == 0, mask)
        assert torch.equal(receipt.masks()[name], ~mask)
    assert torch.equal(fused, before)
    with Lesion("neurons", parts="key", layers=0).applied(model, 0.5) as receipt:
        assert torch.equal(receipt.masks()[name], fused != 0)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({f"{QUERY}.wieght": torch.ones(32, 32).bool()},
         f"units: the mask '{QUERY}.wieght' is of no parameter that the lesion reaches, such as "
         "bert.embeddings.word_embeddings.weight, bert.embeddings.position_embeddings.weight, "
         "bert.embeddings.token_type_embeddings.weight. Did you mean "
         f"'{QUERY}.weight'?"),
        ({f"{QUERY}.weight": torch.ones(32).bool()},
         f"units: the mask '{QUERY}.weight' must be boolean, of the parameter's shape (32, 32). "
         "Got torch.bool of the shape (32,)."),
        ({f"{QUERY}.bias": torch.ones(32)},
         f"units: the mask '{QUERY}.bias' must be boolean, of the parameter's shape (32,). Got "
         "torch.float32 of the shape (32,)."),
    ],
)  # fmt: skip
def test_masks_that_do_not_fit_are_refused(model, masks, message):
    with pytest.raises(LesionError) as caught, Lesion(masks).applied(model, 1.0):
        pass
    assert str(caught.value) == message


def test_scores_by_parameter_order_single_weights_lowest_first(model):
    generator = torch.Generator().manual_seed(3)
    scores = {f"{QUERY}.{kind}": torch.randn(shape, generator=generator)
              for kind, shape in (("weight", (32, 32)), ("bias", (32,)))}  # fmt: skip
    with Lesion(order=scores, layers=0, parts="query").applied(model, 0.25) as receipt:
        for name, numbers in scores.items():
            expected = numbers.flatten().argsort(stable=True)[: round(0.25 * numbers.numel())]
            assert receipt.units()[name].tolist() == expected.tolist()


@pytest.mark.parametrize("key", ["layer 0 query", f"{QUERY}.weight", f"{QUERY}.bias"])
def test_scores_of_neurons_have_the_name_of_the_place_or_of_a_parameter(model, key):
    scores = {key: np.arange(32)[::-1]}
    with Lesion("neurons", scores, layers=0, parts="query").applied(model, 4 / 32) as receipt:
        assert receipt.units()["layer 0 query"].tolist() == [31, 30, 29, 28]


def test_scores_are_compared_over_the_model_and_may_be_a_function(model):
    def scores(population):
        return -l1_norms(population)

    for scope in ("site", "layer", "model"):
        own = Lesion("neurons", scores, scope, name="x")
        built_in = Lesion("neurons", "magnitude-descending", scope, name="x")
        with own.applied(model, 0.3) as receipt:
            digest = receipt.digest
        with built_in.applied(model, 0.3) as receipt:
            assert receipt.digest == digest


def test_scores_order_masked_units_too(model):
    name, scores = f"{QUERY}.weight", torch.arange(1024.0).reshape(32, 32)
    mask = (scores % 3 == 0).bool()
    with Lesion({name: mask}, {name: -scores}).applied(model, 0.5) as receipt:
        dead = (~receipt.masks()[name]).flatten().nonzero().flatten()
        assert dead.tolist() == [unit for unit in range(1024) if unit % 3 == 0][-len(dead) :]


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({}, "order: there are no scores for layer 0 query. Give them under 'layer 0 query' or "
         f"'{QUERY}.weight' or '{QUERY}.bias', or narrow the lesion (layers, parts, tensors)."),
        ({"layer 0 query": [1, 2]}, "order: layer 0 query has 32 units, and needs one score for "
         "each. Got numbers of the shape (2,)."),
    ],
)  # fmt: skip
def test_scores_that_do_not_fit_are_refused(model, scores, message):
    lesion = Lesion("neurons", scores, layers=0, parts="query")
    with pytest.raises(LesionError) as caught, lesion.applied(model, 1.0):
        pass
    assert str(caught.value) == message


# --- the masks of a receipt against torch's own -------------------------------------------------
@pytest.mark.parametrize("dose", [0.0, 0.013, 0.3, 0.75, 1.0])
def test_masks_are_those_of_torch_l1_unstructured(model, dose):
    lesion = Lesion(order="magnitude")
    with lesion.applied(model, dose) as receipt:
        kept = receipt.masks()
    for name, mask in kept.items():
        values = model.get_parameter(name).detach()
        ones = torch.ones_like(values)
        assert torch.equal(mask, prune.L1Unstructured(dose).compute_mask(values, ones).bool())
    assert len(kept) == 36


@pytest.mark.parametrize("dose", [0.0, 0.1, 0.5, 1.0])
def test_masks_are_those_of_torch_ln_structured(model, dose):
    lesion = Lesion("neurons", "magnitude", tensors="weight")
    with lesion.applied(model, dose) as receipt:
        kept = receipt.masks()
    for name, mask in kept.items():
        values = model.get_parameter(name).detach()
        method = prune.LnStructured(dose, n=1, dim=0)
        expected = method.compute_mask(values, torch.ones_like(values))
        assert torch.equal(mask, expected.bool())


@pytest.mark.parametrize("units", ["weights", "neurons"])
def test_masks_of_random_units_are_torchs_custom_from_mask(model, units):
    """The same selection, handed to torch: equal weights."""
    lesion = Lesion(units, layers=0, parts="query")
    with lesion.applied(model, 0.4) as receipt:
        masks = receipt.masks()
        damaged = {name: model.get_parameter(name).detach().clone() for name in masks}
    for name, mask in masks.items():
        module, kind = model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]
        prune.custom_from_mask(module, kind, mask)
        assert torch.equal(getattr(module, kind), damaged[name])
        prune.remove(module, kind)


@pytest.mark.parametrize("units", ["weights", "neurons", "heads", "dimensions", "layers", "words"])
def test_masks_are_false_where_numbers_are_zero(model, units):
    with Lesion(units).applied(model, 0.3) as receipt:
        dead = zeros(model)
        for name, mask in receipt.masks().items():
            assert torch.equal(~mask, dead.pop(name)), name
        assert not any(bool(left.any()) for left in dead.values())


def test_masks_of_bits_are_false_where_a_number_changed(model):
    name = f"{QUERY}.weight"
    before = model.get_parameter(name).detach().clone()
    with Lesion("bits", layers=0, parts="query").applied(model, 0.01) as receipt:
        changed = model.get_parameter(name).view(torch.int32) != before.view(torch.int32)
        assert torch.equal(receipt.masks()[name], ~changed)
        assert len(receipt.units()[name]) == round(0.01 * 1024 * 32)


# --- how long a receipt knows its units ---------------------------------------------------------
def test_a_receipt_keeps_its_units_while_deeper_doses_follow(model):
    with Lesion(order="magnitude").opened(model) as wound:
        shallow = wound.deepen(0.1)
        before = {name: units.tolist() for name, units in shallow.units().items()}
        deep = wound.deepen(0.5)
        assert {name: units.tolist() for name, units in shallow.units().items()} == before
        for name, units in deep.units().items():
            assert units.tolist()[: len(before[name])] == before[name]
        wound.deepen(0.0)
        assert {name: units.tolist() for name, units in shallow.units().items()} == before


def test_after_a_lesion_is_left_its_receipt_refuses_and_says_so(model):
    with Lesion().applied(model, 0.1) as receipt:
        detached = receipt.detached()
        sent = pickle.loads(pickle.dumps(receipt))  # noqa: S301
        assert receipt == detached == sent
        for without in (detached, sent):
            with pytest.raises(LesionError, match=r"^receipt\.units\(\): "):
                without.units()
    for what in (receipt.units, receipt.masks):
        with pytest.raises(LesionError) as caught:
            what()
        assert str(caught.value) == (
            f"receipt.{what.__name__}(): is available only while the lesion is open, in the "
            "process that opened it. Call it inside the with block."
        )


def test_units_of_lesions_taken_together_are_named_once(model):
    both = Together((
        Lesion(parts="query", layers=0, tensors="weight", name="a"),
        Lesion(order="magnitude", parts="query", layers=0, tensors="weight", name="b"),
    ))  # fmt: skip
    with both.applied(model, 0.3) as receipt:
        (units,) = receipt.units().values()
        dead = zeros(model)[f"{QUERY}.weight"].flatten().nonzero().flatten()
        assert sorted(units.tolist()) == dead.tolist()
        assert torch.equal(receipt.masks()[f"{QUERY}.weight"].flatten().logical_not().nonzero()
                           .flatten(), dead)  # fmt: skip


def test_float_keys_take_numpy_as_well():
    values = np.array([3.0, -1.0, 2.0])
    assert np.array_equal(float_sort_keys(values), float_sort_keys(torch.from_numpy(values)))

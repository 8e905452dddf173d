"""Exact counts, whole tensors and torch's own pruning, on the two units that prune as torch does.

`test_contract.py` holds what every lesion promises over everything that there is.
"""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from lesion.damage.lesion import Lesion, Together
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.load import load_model
from lesion.models.parts import PARTS, SIX_MATRICES
from lesion.study.damages import build
from lesion.study.files import parse
from lesion.study.specs import LesionSpec
from tests.families import state

DOSES = (0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 1.0)
COMBINATIONS = list(
    itertools.product(("weights", "neurons"), ("random", "magnitude"), ("site", "model"), ("zero",))
)
KINDS = ["tiny_bert", "tiny_xlm"]


@pytest.fixture(params=KINDS)
def model(request):
    return load_model(str(request.getfixturevalue(request.param)))


@pytest.fixture
def bert(tiny_bert):
    return load_model(str(tiny_bert))


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def lesion(request):
    units, order, scope, effect = request.param
    return Lesion(units=units, order=order, scope=scope, effect=effect)


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def dead(model: nn.Module, sites) -> dict[str, np.ndarray]:
    """Where each selected tensor is exactly 0."""
    return {
        f"{site.path}.{name}": (tensor == 0).numpy()
        for site in sites
        for name in ("weight", "bias")
        if (tensor := getattr(site, name)) is not None
    }


def fill(model: nn.Module) -> None:
    """No zeros and no ties, so that what is 0 is what was destroyed."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in model.parameters():
            values = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(values.sign() * (values.abs() + 0.01))


def test_dose_0_changes_nothing_and_leaving_restores_every_bit(model, lesion):
    before = state(model)
    with lesion.opened(model) as wound:
        assert wound.deepen(0).destroyed == 0
        assert changed(before, state(model)) == set()
        wound.deepen(0.5)
        assert changed(before, state(model))
    assert changed(before, state(model)) == set()


def test_exactly_round_of_dose_times_n_units_go(model, lesion):
    fill(model)
    sites = anatomy.select_sites(model, "all", SIX_MATRICES)
    sizes = {
        "weights": [t.numel() for s in sites for t in (s.weight, s.bias)],
        "neurons": [len(s.bias) for s in sites],
    }[lesion.units.word]
    groups = sizes if lesion.scope.word == "site" else [sum(sizes)]
    with lesion.opened(model) as wound:
        for dose in DOSES:
            receipt = wound.deepen(dose)
            k = sum(round(dose * n) for n in groups)
            assert (receipt.asked, receipt.destroyed, receipt.total) == (k, k, sum(sizes))
            zeros = dead(model, sites)
            if lesion.units.word == "weights":
                assert sum(int(part.sum()) for part in zeros.values()) == k
            else:
                biases = [part for name, part in zeros.items() if name.endswith("bias")]
                rows = [part.all(1) for name, part in zeros.items() if name.endswith("weight")]
                assert sum(int(part.sum()) for part in biases) == k
                assert all(np.array_equal(a, b) for a, b in zip(biases, rows, strict=True))


def test_what_is_dead_at_a_dose_is_dead_at_every_larger_one(model, lesion):
    fill(model)
    sites = anatomy.select_sites(model, "all", SIX_MATRICES)
    with lesion.opened(model) as wound:
        previous = None
        for dose in DOSES:
            wound.deepen(dose)
            now = dead(model, sites)
            if previous:
                assert all((now[name] >= previous[name]).all() for name in now)
            previous = now


def test_the_way_to_a_dose_does_not_matter(model, lesion):
    with lesion.opened(model, draw=2) as wound:
        for dose in (0.9, 0.1, 0.3, 0.2):
            receipt = wound.deepen(dose)
        wandered = state(model)
    with lesion.applied(model, 0.2, draw=2) as direct:
        assert changed(wandered, state(model)) == set()
    assert direct == receipt


def test_draws_differ_where_the_order_is_random_and_only_there(model, lesion):
    receipts = []
    for draw in (0, 1):
        with lesion.applied(model, 0.5, draw=draw) as receipt:
            receipts.append(receipt)
    assert (receipts[0].digest != receipts[1].digest) == lesion.random


def test_nothing_but_the_selected_tensors_changes(model, lesion):
    before = state(model)
    narrow = Lesion(
        lesion.units, lesion.order, lesion.scope, lesion.effect, layers="last", parts=("mlp_in",)
    )
    site = anatomy.select_sites(model, "last", ("mlp_in",))[0]
    with narrow.applied(model, 1.0) as receipt:
        assert receipt.sites == 1
        touched = changed(before, state(model))
    names = {
        name
        for name, t in model.named_parameters()
        if any(t is s for s in (site.weight, site.bias))
    }
    assert touched <= names and touched


def test_an_exception_inside_leaves_the_model_whole(model, lesion):
    before = state(model)
    with pytest.raises(RuntimeError, match="crash"), lesion.applied(model, 0.7):
        raise RuntimeError("crash")
    assert changed(before, state(model)) == set()


def test_no_global_generator_is_touched(model, lesion, untouched_randomness):
    with lesion.applied(model, 0.3, draw=1):
        pass


def test_random_damage_does_not_depend_on_what_else_is_selected(bert):
    before = state(bert)
    name = "bert.encoder.layer.1.attention.self.key.weight"
    masks = []
    for parts in (("key",), SIX_MATRICES, tuple(PARTS)[:7]):
        with Lesion(parts=parts).applied(bert, 0.4, draw=3):
            masks.append(bert.state_dict()[name] == 0)
    assert torch.equal(masks[0], masks[1]) and torch.equal(masks[0], masks[2])
    assert changed(before, state(bert)) == set()


def test_twins_of_one_shape_get_the_same_damage(bert, tiny_bert):
    other = load_model(str(tiny_bert))
    fill(other)
    receipts = []
    for model in (bert, other):
        with Lesion().applied(model, 0.3, draw=1) as receipt:
            receipts.append(receipt)
    assert receipts[0] == receipts[1]


def test_another_process_with_other_threads_makes_the_same_damage(bert, tiny_bert):
    lesion = Lesion(units="weights", scope="model", name="far", seed=5)
    with lesion.applied(bert, 0.37, draw=4) as receipt:
        pass
    code = (
        "import torch; torch.set_num_threads(2)\n"
        "from lesion.damage.lesion import Lesion\n"
        "from lesion.models.load import load_model\n"
        f"model = load_model({str(tiny_bert)!r})\n"
        "lesion = Lesion(units='weights', scope='model', name='far', seed=5)\n"
        "with lesion.applied(model, 0.37, draw=4) as receipt: print(receipt.digest)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == receipt.digest


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_half_precision_is_damaged_and_restored_alike(bert, lesion, dtype):
    bert.to(dtype)
    before = state(bert)
    with lesion.applied(bert, 0.3) as receipt:
        assert receipt.destroyed == receipt.asked > 0
    assert changed(before, state(bert)) == set()


def test_random_counts_agree_with_torchs_random_unstructured(bert):
    layer = bert.bert.encoder.layer[0].intermediate.dense
    for dose in DOSES[1:]:
        pruned = prune.random_unstructured(nn.Linear(32, 64), "weight", amount=float(dose))
        lesion = Lesion(layers=0, parts=("mlp_in",), tensors=("weight",))
        fill(bert)
        with lesion.applied(bert, dose):
            assert (layer.weight == 0).sum() == (pruned.weight_mask == 0).sum()


def test_global_magnitude_agrees_with_torchs_global_unstructured(bert):
    fill(bert)
    modules = anatomy.select_sites(bert, "all", SIX_MATRICES)
    copies = []
    for site in modules:
        copy = nn.Linear(site.weight.shape[1], site.weight.shape[0])
        copy.load_state_dict({"weight": site.weight, "bias": site.bias})
        copies.append(copy)
    pairs = [(copy, name) for copy in copies for name in ("weight", "bias")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.3)
    with Lesion(order="magnitude", scope="model").applied(bert, 0.3):
        for site, copy in zip(modules, copies, strict=True):
            assert torch.equal(site.weight == 0, copy.weight_mask == 0)
            assert torch.equal(site.bias == 0, copy.bias_mask == 0)


def test_neurons_by_magnitude_agree_with_torchs_ln_structured(bert):
    fill(bert)
    layer = bert.bert.encoder.layer[2].intermediate.dense
    copy = nn.Linear(32, 64)
    copy.load_state_dict(layer.state_dict())
    prune.ln_structured(copy, "weight", amount=0.3, n=1, dim=0)
    lesion = Lesion(units="neurons", order="magnitude", layers="last", parts=("mlp_in",))
    with lesion.applied(bert, 0.3):
        assert torch.equal(layer.weight == 0, copy.weight_mask == 0)


@pytest.mark.parametrize("order", ["magnitude", "random", "focal"])
@pytest.mark.parametrize("units", ["weights", "neurons", "heads", "bits"])
def test_the_order_of_a_list_of_tensors_does_not_matter(bert, units, order):
    fill(bert)
    order = "random" if units == "bits" else order
    receipts = []
    for tensors in (("weight", "bias"), ("bias", "weight"), ["bias", "weight", "bias"]):
        with Lesion(units, order, "model", tensors=tensors).applied(bert, 0.3) as receipt:
            receipts.append(receipt)
    assert receipts[0] == receipts[1] == receipts[2]


def test_the_bias_of_a_neuron_counts_in_its_norm_only_where_it_is_all_that_is_reached(bert):
    fill(bert)
    layer = bert.bert.encoder.layer[0].intermediate.dense
    with torch.no_grad():
        layer.bias.copy_(torch.linspace(100, 1, 64))
    smallest = {"weight": layer.weight.abs().sum(1), "bias": layer.bias.abs()}
    chosen = {"units": "neurons", "order": "magnitude", "layers": 0, "parts": "mlp_in"}
    for tensors, kind in (("bias", "bias"), ("weight", "weight"), (["bias", "weight"], "weight")):
        expected = int(smallest[kind].argmin())
        with Lesion(**chosen, tensors=tensors).applied(bert, 1 / 64):
            tensor = layer.bias if tensors == "bias" else layer.weight
            assert bool((tensor[expected] == 0).all())


def test_lesions_together_add_up(bert):
    weights = Lesion(order="random", tensors=("weight",))
    biases = Lesion(order="magnitude", tensors=("bias",))
    before = state(bert)
    with Together((weights, biases)).applied(bert, 0.5) as both:
        together = state(bert)
    with weights.applied(bert, 0.5) as one, biases.applied(bert, 0.5) as other:
        assert changed(together, state(bert)) == set()
    assert both.destroyed == one.destroyed + other.destroyed
    assert both.sites == one.sites == other.sites == 18
    assert changed(before, state(bert)) == set()


def test_lesions_that_overlap_are_restored_all_the_same(bert):
    before = state(bert)
    with Together((Lesion(), Lesion(units="neurons"))).applied(bert, 0.4):
        assert changed(before, state(bert))
    assert changed(before, state(bert)) == set()


def test_a_study_builds_the_lesion_that_it_describes(bert):
    keys = {"name": "iterative", "together": [
        {"where": {"tensors": "weight"}},
        {"order": "magnitude", "where": {"layers": "middle", "tensors": ["bias"]}},
    ]}  # fmt: skip
    spec = parse(LesionSpec, keys, "study")
    built = build(spec, seed=9)
    assert isinstance(built, Together)
    assert [one.seed for one in built.lesions] == [9, 9]
    assert built.lesions[1] == Lesion(
        order="magnitude", layers="middle", tensors=("bias",),
        name="iterative/magnitude weights", seed=9,
    )  # fmt: skip


@pytest.mark.parametrize("dose", [1.5, -0.1, float("nan"), "0.5", True])
def test_an_impossible_dose_is_refused(bert, dose):
    with pytest.raises(LesionError) as caught, Lesion().applied(bert, dose):
        pass
    assert str(caught.value) == f"dose must be a float in [0, 1]. Got {dose!r}."


def test_an_unknown_word_is_refused():
    with pytest.raises(LesionError) as caught:
        Lesion(parts=("query", "mlp_inn"))
    assert str(caught.value) == (
        f"parts: must be one of {', '.join(PARTS)}. Got 'mlp_inn'. Did you mean 'mlp_in'?"
    )


def test_no_targets_is_an_error(bert):
    lesion = Lesion(parts=("embeddings",), tensors=("bias",), name="nothing")
    with pytest.raises(LesionError) as caught, lesion.applied(bert, 0.5):
        pass
    assert str(caught.value) == (
        "nothing: has no targets: BertForSequenceClassification has no weights with bias in "
        "embeddings."
    )


def test_a_stroke_over_the_model_goes_along_one_part_in_neighbouring_layers(tiny_bert):
    """Part after part, each from the first layer to the last: the line that the order documents."""
    model = load_model(str(tiny_bert), head="base")
    with Lesion(units="neurons", order="focal", scope="model").applied(model, 0.1) as receipt:
        places = receipt.places
    hit = [n for n, place in enumerate(places) if place.destroyed]
    parts = [place.part for place in places]
    assert hit == list(range(hit[0], hit[-1] + 1)), "neighbours in the line"
    assert parts == [part for part in SIX_MATRICES for _ in range(3)]
    assert [place.layer for place in places] == [0, 1, 2] * 6

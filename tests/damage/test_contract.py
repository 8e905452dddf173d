"""The contract of every lesion, over every family, unit, order, scope and effect that there is.

What holds for every entry is checked by `lesion.testing`, which reads the weights; what is left
here is what Lesion's own entries promise beyond it, and that receipts tell the truth.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from lesion.damage.effects import EFFECTS
from lesion.damage.lesion import Lesion
from lesion.damage.open_lesion import OpenLesion
from lesion.damage.orders import ORDERS, l1_norms
from lesion.damage.scopes import SCOPES
from lesion.damage.units import UNITS
from lesion.damage.wound import Wound
from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.models.load import load_model
from lesion.testing import check_effect, check_order, check_units
from tests import families

DOSES = (0.0, 0.02, 0.3, 0.75, 1.0)
REFUSED = {("layers", "shuffle")} | {
    ("bits", word) for word, effect in EFFECTS.items() if effect.on_bits is None
}
KINDS = [(u, e) for u, e in itertools.product(UNITS, EFFECTS) if (u, e) not in REFUSED]
PLAIN_ORDERS = [  # the others have tests of their own: they need a file, or examples
    name for name, order in ORDERS.items() if name != "listed" and not order.gradients
]
WITHOUT_BIAS = tuple(  # nothing there could hold a mean
    word for word, family in families.FAMILIES.items() if not family.biases
)
EXAMPLES = [
    {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, 5, dtype=torch.int64)}
    for ids in ([4, 6, 9, 11, 7], [5, 8, 4, 10, 12], [9, 9, 5, 6, 4])
]


EVERY_TIME = ("bert", "xlm", "gpt2")  # the others take minutes together
FAMILIES = [
    name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.slow)
    for name in families.NAMES
]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, tmp_path_factory) -> nn.Module:
    """One model a family for the whole file: every lesion gives it back whole."""
    folder = families.build(request.param, tmp_path_factory.mktemp(request.param))
    return load_model(str(folder))


BITS = torch.int32  # compared as bits: NaN equals itself and -0 is not 0
DOSE_CHECKS = [
    "some units take it",
    "destroyed units and no others take its values",
    "every bit is restored",
]


def made(effect: str):
    return EFFECTS[effect](**EFFECTS[effect].example)


@pytest.mark.parametrize("word", EFFECTS)
def test_every_effect_keeps_its_contract(word):
    check_effect(EFFECTS[word])


SIMILAR = ("importance-descending", "fisher", "fisher-descending")  # as importance, but for a sign


@pytest.mark.parametrize(
    "word",
    [
        pytest.param(word, marks=pytest.mark.slow) if word in SIMILAR else word
        for word in ORDERS
        if word != "listed"
    ],
)
def test_every_order_keeps_its_contract(word):
    numbers = {"magnitude": l1_norms, "magnitude-descending": lambda some: -l1_norms(some)}
    check_order(ORDERS[word], ranks_by=numbers.get(word))


def test_an_order_from_a_file_keeps_its_contract(tmp_path):
    file = tmp_path / "units.csv"
    rows = [f"{layer},{part},{unit}" for unit in (5, 2, 9) for layer in (0, 1)
            for part in ("query", "mlp_in")]  # fmt: skip
    file.write_text("layer,part,unit\n" + "\n".join(rows) + "\n")
    check_order(ORDERS["listed"](str(file)), units=("neurons",))


@pytest.mark.parametrize("word", UNITS)
def test_every_kind_of_unit_keeps_its_contract(word):
    check_units(UNITS[word])


def orders_of(units: str) -> list[str]:
    return ["random"] if units == "bits" else PLAIN_ORDERS


def skip_what_cannot_be(model: nn.Module, units: str, effect: str) -> None:
    """The mean of an activation stands in a bias; that its absence is refused is tested below."""
    kind = model.config.model_type
    if effect == "mean" and UNITS[units].mean_needs_examples and kind in WITHOUT_BIAS:
        pytest.skip(f"{kind} has no bias in every {units}")


def lesions(units: str, effect: str) -> Iterator[Lesion]:
    for order, scope in itertools.product(orders_of(units), SCOPES):
        yield Lesion(units, order, scope, effect, **EFFECTS[effect].example, name="contract")


def stays(cut: OpenLesion, number: int, intact: dict, lesion: Lesion, draw: int) -> bool:
    """Whether the destroyed units of a population are ones that their effect cannot change.

    A unit whose place in the permutation of a shuffle is its own; the largest weight of a channel,
    which is on the grid of quantise; and the only row of a table, which is its mean (RoBERTa has
    one type of token). Nothing else is let pass.
    """
    one = cut.populations[number]
    dead = cut.destroyed_units(number, cut.destroyed[number])
    if (lesion.units.word, lesion.effect.word) == ("weights", "quantise"):
        sizes = intact[id(one.tensors[0].tensor)].abs()
        others = [axis for axis in range(sizes.dim()) if axis != one.tensors[0].channel]
        largest = sizes.amax(others, keepdim=True) if others else sizes.max()
        return bool((sizes == largest).flatten()[dead].all())
    if lesion.effect.word == "shuffle":
        address = ("shuffle", lesion.name, draw, *one.address)
        permutation = np.argsort(random_uint32(one.count, lesion.seed, *address), kind="stable")
        return bool((permutation[dead] == dead).all())
    return (lesion.units.word, lesion.effect.word, one.count) == ("words", "mean", 1)


def check_changed(wound: Wound, lesion: Lesion, draw: int) -> None:
    """Every population with destroyed units has changed bits, or a reason that is known."""
    for cut in wound.lesions:
        for number, one in enumerate(cut.populations):
            changed = any(
                not torch.equal(span.tensor.view(BITS), wound.intact[id(span.tensor)].view(BITS))
                for span in one.tensors
            )
            assert bool(cut.destroyed[number]) >= changed
            if cut.destroyed[number] and not changed:
                assert stays(cut, number, wound.intact, lesion, draw), (lesion, one.address)


@pytest.mark.parametrize(("units", "effect"), KINDS)
@pytest.mark.parametrize(
    "orders", [("random",), pytest.param(PLAIN_ORDERS[1:], marks=pytest.mark.slow)]
)
def test_every_order_scope_and_effect_keeps_its_contract_in_every_family(
    model, units, effect, orders
):
    skip_what_cannot_be(model, units, effect)
    check_effect(
        made(effect), model=model, head="classification", units=(units,), orders=orders,
        scopes=tuple(SCOPES), examples=EXAMPLES, checks=DOSE_CHECKS,
    )  # fmt: skip


@pytest.mark.parametrize(("units", "effect"), KINDS)
def test_receipts_count_what_has_changed(model, units, effect):
    """What counts as destroyed has changed, unless its effect cannot change it."""
    skip_what_cannot_be(model, units, effect)
    before = state(model)
    for lesion in lesions(units, effect):
        with lesion.opened(model, draw=1, examples=EXAMPLES) as wound:
            previous = 0
            for dose in DOSES:
                receipt = wound.deepen(dose)
                assert previous <= receipt.destroyed == receipt.asked <= receipt.total
                if lesion.scope.word == "model":
                    assert receipt.destroyed == round(dose * receipt.total)
                previous = receipt.destroyed
                check_changed(wound, lesion, draw=1)
            assert receipt.destroyed == receipt.total, "dose 1 destroys all"
            there = wound.deepen(0.3)
        assert same(before, model), lesion
        with lesion.applied(model, 0.3, draw=1, examples=EXAMPLES) as direct:
            assert direct == there
        assert same(before, model), lesion


@pytest.mark.parametrize("units", UNITS)
def test_draws_differ_exactly_where_something_is_random(model, units):
    for effect in EFFECTS:
        if (units, effect) in REFUSED:
            continue
        if effect == "mean" and model.config.model_type in WITHOUT_BIAS:
            continue
        for order in orders_of(units):
            lesion = Lesion(units, order, effect=effect, **EFFECTS[effect].example)
            with lesion.applied(model, 0.5, examples=EXAMPLES) as receipt:
                first = state(model)
            if receipt.total == 1:
                continue  # ALBERT's layers are one: there is nothing to choose
            assert any(differs(model, lesion, draw, first) for draw in DRAWS) == lesion.random


DRAWS = range(1, 20)  # of four heads, a few draws may well hit the same two


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.named_parameters()}


def same(before: dict, model: nn.Module) -> bool:
    after = dict(model.named_parameters())
    return all(torch.equal(before[name].view(BITS), after[name].view(BITS)) for name in before)


def differs(model: nn.Module, lesion: Lesion, draw: int, first: dict) -> bool:
    with lesion.applied(model, 0.5, draw=draw, examples=EXAMPLES):
        there = dict(model.named_parameters())
        return any(not torch.equal(first[n].nan_to_num(), there[n].nan_to_num()) for n in first)


def test_no_global_generator_is_touched_in_any_family(model):
    for effect in EFFECTS:
        check_effect(
            made(effect), model=model, head="classification", examples=EXAMPLES,
            checks=["no global generator is moved"],
        )  # fmt: skip


@pytest.mark.parametrize("effect", EFFECTS)
def test_half_precision_of_a_decoder_is_damaged_and_restored(effect, tmp_path):
    model = load_model(str(families.build("gpt2", tmp_path)))
    check_effect(
        made(effect), model=model, head="classification", examples=EXAMPLES,
        checks=["half precision is damaged and restored"],
    )  # fmt: skip


def test_another_process_makes_the_same_damage_to_a_model_without_biases(tmp_path):
    folder = families.build("modernbert", tmp_path)
    check_effect(
        made("noise"),
        model=folder,
        head="classification",
        checks=["another process makes the same damage"],
    )
    check_order(
        ORDERS["focal"], model=folder, head="classification",
        checks=["another process makes the same order"],
    )  # fmt: skip


def test_a_lesion_without_targets_is_an_error(model):
    lesion = Lesion("words", tensors=("bias",), name="nothing")
    with pytest.raises(LesionError, match="nothing: has no targets: "), lesion.applied(model, 0.5):
        pass

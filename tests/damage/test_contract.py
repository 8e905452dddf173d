"""The contract of every lesion, over every family, unit, order, scope and effect that there is."""

import itertools
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from lesion.damage.effects import EFFECTS
from lesion.damage.lesion import Lesion
from lesion.damage.open_lesion import OpenLesion
from lesion.damage.orders import ORDERS
from lesion.damage.scopes import SCOPES
from lesion.damage.units import UNITS
from lesion.damage.wound import Wound
from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.models.load import load_model
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


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.named_parameters()}


def same(before: dict, model: nn.Module) -> bool:
    after = dict(model.named_parameters())
    return all(torch.equal(before[name].view(BITS), after[name].view(BITS)) for name in before)


BITS = torch.int32  # compared as bits: NaN equals itself and -0 is not 0


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
def test_doses_are_exact_nested_and_undone(model, units, effect):
    """Dose 0 changes nothing; counts_for are exact; the way does not matter; every bit comes back.

    What counts_for as destroyed has changed, unless its effect cannot change it.
    """
    skip_what_cannot_be(model, units, effect)
    before = state(model)
    for lesion in lesions(units, effect):
        with lesion.opened(model, draw=1, examples=EXAMPLES) as wound:
            assert wound.deepen(0.0).destroyed == 0
            assert same(before, model), lesion
            previous = 0
            for dose in DOSES:
                receipt = wound.deepen(dose)
                assert previous <= receipt.destroyed == receipt.asked <= receipt.total
                if lesion.scope.word == "model":
                    assert receipt.destroyed == round(dose * receipt.total)
                previous = receipt.destroyed
                check_changed(wound, lesion, draw=1)
            assert receipt.destroyed == receipt.total, "dose 1 destroys all"
            wound.deepen(0.3)
            wandered, there = state(model), wound.deepen(0.3)
        assert same(before, model), lesion
        with lesion.applied(model, 0.3, draw=1, examples=EXAMPLES) as direct:
            assert direct == there
            assert same(wandered, model), lesion
        assert same(before, model), lesion


@pytest.mark.parametrize(("units", "effect"), KINDS)
def test_what_is_dead_stays_dead_and_the_rest_is_untouched(model, units, effect):
    """An entry that a dose has changed keeps its value; one that no dose changed is intact."""
    if units == "bits":
        pytest.skip("several bits have one entry; test_bits.py looks at each bit")
    skip_what_cannot_be(model, units, effect)
    before = state(model)
    for lesion in lesions(units, effect):
        with lesion.opened(model, examples=EXAMPLES) as wound:
            wound.deepen(0.3)
            early = state(model)
            wound.deepen(0.75)
            late = dict(model.named_parameters())
            for name, intact in before.items():
                hit = (early[name] != intact) & ~early[name].isnan()
                assert torch.equal(early[name][hit], late[name][hit]), (lesion, name)


DRAWS = range(1, 20)  # of four heads, a few draws may well hit the same two


def differs(model: nn.Module, lesion: Lesion, draw: int, first: dict) -> bool:
    with lesion.applied(model, 0.5, draw=draw, examples=EXAMPLES):
        there = dict(model.named_parameters())
        return any(not torch.equal(first[n].nan_to_num(), there[n].nan_to_num()) for n in first)


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


@pytest.mark.parametrize("units", UNITS)
def test_an_exception_inside_leaves_the_model_whole(model, units):
    before = state(model)
    with pytest.raises(RuntimeError, match="crash"), Lesion(units).applied(model, 0.7):
        raise RuntimeError("crash")
    assert same(before, model)


def test_no_global_generator_is_touched(model, untouched_randomness):
    for units, effect in KINDS:
        if effect == "mean" and model.config.model_type in WITHOUT_BIAS:
            continue
        lesion = Lesion(units, effect=effect, **EFFECTS[effect].example)
        with lesion.applied(model, 0.5, examples=EXAMPLES):
            pass


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_half_precision_is_damaged_and_given_back_alike(name, dtype, tmp_path):
    model = load_model(str(families.build(name, tmp_path))).to(dtype)
    before = {key: tensor.view(torch.int16).clone() for key, tensor in model.named_parameters()}
    for units, effect in KINDS:
        lesion = Lesion(units, effect=effect, **EFFECTS[effect].example)
        with lesion.applied(model, 0.4, examples=EXAMPLES) as receipt:
            assert receipt.destroyed == receipt.asked > 0
        after = dict(model.named_parameters())
        assert all(torch.equal(before[key], after[key].view(torch.int16)) for key in before)


def test_another_process_makes_the_same_damage(tmp_path):
    folder = families.build("modernbert", tmp_path)
    code = (
        "import sys, hashlib, torch; torch.set_num_threads(2)\n"
        "from lesion.damage.lesion import Lesion\n"
        "from lesion.models.load import load_model\n"
        "model = load_model(sys.argv[1])\n"
        "for units in ('weights', 'heads', 'dimensions', 'bits'):\n"
        "    for effect in ('noise', 'shuffle', 'flip') if units != 'bits' else ('flip', 'zero'):\n"
        "        order = 'focal' if units != 'bits' else 'random'\n"
        "        with Lesion(units, order, effect=effect, seed=3).applied(model, 0.4, draw=2):\n"
        "            digest = hashlib.blake2b(digest_size=8)\n"
        "            for tensor in model.parameters():\n"
        "                digest.update(tensor.detach().numpy().tobytes())\n"
        "        print(digest.hexdigest())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    import io
    from contextlib import redirect_stdout

    here = io.StringIO()
    before, sys.argv[1:] = sys.argv[1:], [str(folder)]
    threads = torch.get_num_threads()
    try:
        with redirect_stdout(here):
            exec(code, {})
    finally:
        sys.argv[1:] = before
        torch.set_num_threads(threads)
    assert here.getvalue() == ran.stdout


def test_a_lesion_without_targets_is_an_error(model):
    lesion = Lesion("words", tensors=("bias",), name="nothing")
    with pytest.raises(LesionError, match="nothing: has no targets: "), lesion.applied(model, 0.5):
        pass

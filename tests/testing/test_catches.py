"""A suite fails for an entry that breaks its contract, with the check that names the fault."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pytest
import torch

from lesion.damage.effects import Effect, Noise
from lesion.damage.orderings import ListedOrdering, from_keys
from lesion.damage.orders import Magnitude, Order, l1_norms
from lesion.damage.units import Neurons
from lesion.distraction.corruptions import Corruption, Drop, Mask
from lesion.distraction.edits import MASK, Edit
from lesion.models.families import FAMILIES
from lesion.schema import Between, doc
from lesion.tasks.cloze import Cloze
from lesion.tasks.metrics import ACCURACY, CROSS_ENTROPY, MCC, Metric
from lesion.testing import (
    check_corruption,
    check_effect,
    check_family,
    check_metric,
    check_order,
    check_task,
    check_units,
)
from tests import families

rng = np.random.default_rng(0)


def failed(results) -> set[str]:
    return {result.check for result in results if result.outcome == "failed"}


@dataclass(frozen=True)
class Restless(Corruption):
    """Words are dropped, at random, by a generator of its own."""

    word = "restless"

    def edits(self, words, numbers, context):
        return [Edit({int(number): None}) for number in rng.permutation(len(words))]


@dataclass(frozen=True)
class Careless(Corruption):
    """Words are written as they are, and the first of them twice."""

    word = "careless"

    def edits(self, words, numbers, context):
        return [Edit({0: words[0]}), Edit({0: words[0].upper()})] if words else []


class Undecorated(Drop):
    """Words are left out."""

    word = "undecorated"
    share: Annotated[float, Between(0, 1), doc("of a word")] = 1.0


@dataclass(frozen=True)
class Unnamed(Corruption):
    """Words are left out."""

    word = "unnamed"
    share: float = 1.0

    def __post_init__(self):
        """Leaves out the check of its fields."""

    def edits(self, words, numbers, context):
        return Drop().edits(words, numbers, context)


@dataclass(frozen=True)
class Unchecked(Unnamed):
    """Words are left out."""

    word = "unchecked"
    share: Annotated[float, Between(0, 1), doc("of a word")] = 1.0


@dataclass(frozen=True)
class Unmarked(Mask):
    """Words are masked, and no model is asked for its mask token."""

    word, needs_mask_token = "unmarked", False


@dataclass(frozen=True)
class Certain(Drop):
    """Words are left out, it says always the same."""

    word, random = "certain", False


@pytest.mark.parametrize(
    ("corruption", "faults"),
    [
        (Restless, {"the way to a dose does not matter"}),
        (Careless, {"every edit changes its text", "no two edits touch one word"}),
        (Undecorated, {"it is a frozen dataclass with a line"}),
        (Unnamed, {"its parameters have a line and keep their range"}),
        (Unchecked, {"its parameters have a line and keep their range"}),
        (Unmarked, {"it needs a mask token exactly if it masks words"}),
        (Certain, {"draws differ exactly if it is random"}),
    ],
)
def test_a_broken_corruption_is_caught(corruption, faults):
    results = check_corruption(corruption, checks=[*faults], raise_on_failure=False)
    assert failed(results) == faults


@dataclass(frozen=True)
class Drifting(Effect):
    """Noise from a generator of its own: another one every time."""

    word = "drifting"

    def values(self, intact, target):
        return intact + torch.from_numpy(rng.normal(size=intact.shape)).to(intact.dtype)


@dataclass(frozen=True)
class Leaking(Effect):
    """Doubled, and the model with it."""

    word = "leaking"

    def values(self, intact, target):
        torch.rand(1)
        return intact * 2


@dataclass(frozen=True)
class Steady(Noise):
    """Noise that claims to be the same in every draw."""

    word, random = "steady", False
    strength: Annotated[float, Between(0, 1e6), doc("standard deviations")] = 1.0


@dataclass(frozen=True)
class Loose(Effect):
    """Scaled by a number without a range, which a dose may be."""

    word, dose = "loose", "factor"
    refuses: ClassVar = {"units: heads": "heads are not loose"}
    factor: Annotated[float, Between(0, 1), doc("the factor")] = 0.5

    def values(self, intact, target):
        return intact * self.factor

    def at_dose(self, dose):
        return self


@pytest.mark.parametrize(
    ("effect", "faults"),
    [
        (Drifting, {"destroyed units and no others take its values",
                    "draws differ exactly if it is random",
                    "another process makes the same damage"}),
        (Leaking, {"no global generator is moved"}),
        (Steady, {"draws differ exactly if it is random"}),
        (Effect, {"it is a frozen dataclass with a line", "some units take it"}),
    ],
)  # fmt: skip
def test_a_broken_effect_is_caught(effect, faults):
    results = check_effect(effect(), units=("neurons", "words"), raise_on_failure=False)
    assert failed(results) - {"loading its module loads no torch"} == faults


def test_an_effect_that_is_refused_for_its_own_reason_passes():
    results = check_effect(Loose(), units=("neurons",), raise_on_failure=False)
    assert failed(results) == {"loading its module loads no torch"}


@dataclass(frozen=True)
class Twice(Order):
    """The first unit stands twice, and the last one not at all."""

    word = "twice"

    def rank(self, group, context):
        lines = (np.arange(population.count) for population in group)
        return [ListedOrdering(np.maximum(line - 1, 0), line.astype(np.uint32)) for line in lines]


@dataclass(frozen=True)
class Shuffled(Order):
    """Any order, another one every time, and it calls that a fixed one."""

    word = "shuffled"

    def rank(self, group, context):
        return [from_keys(rng.integers(0, 2**32, p.count, np.uint32)) for p in group]


@dataclass(frozen=True)
class Writing(Magnitude):
    """By magnitude, after the largest weight was set to 0."""

    word = "writing"

    def rank(self, group, context):
        with torch.no_grad():
            for population in group:
                population.tensors[0].tensor.view(-1)[0] = 0
        return super().rank(group, context)


@pytest.mark.parametrize(
    ("order", "faults"),
    [
        (Twice, {"an ordering has every unit once"}),
        (Shuffled, {"draws differ exactly if it is random"}),
        (Writing, {"ranking changes no weight"}),
    ],
)
def test_a_broken_order_is_caught(order, faults):
    results = check_order(order(), units=("neurons",), scopes=("site",), raise_on_failure=False)
    assert failed(results) >= faults


def test_an_order_by_other_numbers_is_caught():
    check = "units go in the order of what it ranks by"
    results = check_order(
        Magnitude(), units=("heads",), checks=[check], raise_on_failure=False,
        ranks_by=lambda population: -l1_norms(population),
    )  # fmt: skip
    assert failed(results) == {check}


@dataclass(frozen=True)
class Overlapping(Neurons):
    """Neurons of two rows each, which overlap."""

    word = "overlapping"

    def populations(self, sites, tensors):
        whole = super().populations(sites, tensors)
        return [*whole, *whole[:1]]


def test_broken_units_are_caught():
    results = check_units(Overlapping(), raise_on_failure=False)
    assert "populations have addresses of their own" in failed(results)


def test_a_module_that_loads_torch_is_caught():
    check = "loading its module loads no torch"
    results = check_corruption(Certain, checks=[check], raise_on_failure=False)
    assert failed(results) == {check}  # this file loads torch
    assert results[0].message == (
        "Loading tests.testing.test_catches loads torch. Import it in functions."
    )


def test_masked_words_stand_for_a_token_of_the_model():
    (edit,) = Mask().edits(["a"], lambda count, purpose: np.zeros(count, np.uint32), None)
    assert edit.replaced == {0: MASK}


@pytest.mark.parametrize(
    ("metric", "kind", "faults"),
    [
        (dataclasses.replace(ACCURACY, limits=(0.9, 1.0)), "classify",
         {"scores are within its limits"}),
        (dataclasses.replace(MCC, chance=ACCURACY.chance), "classify",
         {"the best constant answer scores chance"}),
        (dataclasses.replace(CROSS_ENTROPY, higher_is_better=True), "classify",
         {"the best constant answer scores chance",
          "outputs that are not finite never score better"}),
        (dataclasses.replace(ACCURACY, statistic="text_loss"), "pairs",
         {"its kind has the statistic that it reads"}),
    ],
)  # fmt: skip
def test_a_broken_metric_is_caught(metric, kind, faults):
    results = check_metric(metric, kind, raise_on_failure=False)
    assert faults <= failed(results)
    if "statistic" not in " ".join(faults):
        assert failed(results) == faults


def unweighted(outputs, targets, weights):
    return np.full((len(weights), outputs.shape[2]), outputs.mean())


def test_a_metric_that_ignores_weights_and_mixes_trials_is_caught():
    broken = dataclasses.replace(Metric.of(len, 0.0, word="broken"), value=unweighted)
    results = check_metric(broken, "pairs", raise_on_failure=False)
    faults = {"weights equal a resampled loop", "trials are scored alike alone and together"}
    assert faults <= failed(results)


BERT = FAMILIES["bert"]
SWAPPED = {**BERT.body, "value": BERT.body["mlp_out"], "mlp_out": BERT.body["value"]}
LESS = {part: paths for part, paths in BERT.body.items() if part != "norms"}


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    return families.build("bert", tmp_path_factory.mktemp("bert"), "mlm")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"body": LESS}, "every number belongs to exactly one site"),
        ({"body": SWAPPED}, "without values attention gives the bias of its output"),
        ({"biases": False}, "biases is right"),
        ({"causal": True}, "causal is right"),
        ({"head": {"classifier": ("classifier",)}}, "its models have the heads that it declares"),
        ({"fast": dataclasses.replace(BERT.fast, heads={"mlm": lambda model, states: states})},
         "the fast forward pass is equal, intact and damaged"),
        ({"word": "brt"}, "it is found by the model_type of its models"),
    ],
)  # fmt: skip
def test_a_broken_family_is_caught(changes, fault, bert, monkeypatch):
    broken = dataclasses.replace(BERT, **changes)
    monkeypatch.setitem(FAMILIES, "bert", broken)
    results = check_family(broken, {"mlm": bert}, checks=[fault], raise_on_failure=False)
    assert failed(results) == {fault}


class Forgetful(Cloze):
    """A task whose digest follows its name, and whose outputs depend on their number."""

    seen: ClassVar[list[int]] = []

    @property
    def digest(self):
        return self.name

    def reduce(self, logits, rows):
        return super().reduce(logits, rows) + len(rows)

    def gather(self, outputs, encoded):
        return super().gather(outputs, encoded)[:, 1:]

    @property
    def offers(self):
        return frozenset({"examples", "texts"})

    @property
    def columns(self):
        return {"document": ("1",)}


def test_a_broken_task_is_caught(tmp_path):
    model = families.build("modernbert", tmp_path / "model", "mlm")  # batches of its own forward
    (tmp_path / "novel.txt").write_text("the old sailor told a long story and a dog ran by .\n" * 9)
    task = Forgetful("mine", tmp_path / "novel.txt", None)
    results = check_task(task, model, raise_on_failure=False)
    assert failed(results) >= {
        "its kind declares heads, columns, metrics and offers",
        "the digest follows the examples and not the name",
        "outputs have a row for each example",
        "outputs do not depend on batches",
        "columns have a word for each example",
        "texts can be replaced exactly if it offers texts",
    }

"""A suite fails for an entry that breaks its contract, with the check that names the fault."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pytest

from lesion.distraction.corruptions import Corruption, Drop, Mask
from lesion.distraction.edits import MASK, Edit
from lesion.models.families import FAMILIES
from lesion.schema import Between, doc
from lesion.tasks.cloze import Cloze
from lesion.tasks.metrics import ACCURACY, CROSS_ENTROPY, MCC, Metric
from lesion.testing import check_corruption, check_family, check_metric, check_task
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


def test_a_broken_task_is_caught(tmp_path, bert):
    (tmp_path / "novel.txt").write_text("the old sailor told a long story and a dog ran by .\n" * 9)
    task = Forgetful("mine", tmp_path / "novel.txt", None)
    results = check_task(task, bert, raise_on_failure=False)
    assert failed(results) >= {
        "its kind declares heads, columns, metrics and offers",
        "the digest follows the examples and not the name",
        "outputs have a row for each example",
        "outputs do not depend on batches",
        "texts can be replaced exactly if it offers texts",
    }

"""What Lesion expects of an entry, checked by its own suites."""

import pytest
from lesion_example.effects import Clamp
from lesion_example.last_word import LastWordKind
from lesion_example.modeling import make_model
from lesion_example.orders import Spread, variances
from lesion_example.pebble import PEBBLE

from lesion.testing import check_effect, check_family, check_order, check_task

TEXTS = (
    ("the cat sat on the stone", "a dog ran"),
    ("a bird sang", "the boat is on the water"),
    ("the house is on the hill over the field", "a cat"),
)


@pytest.fixture(scope="session")
def pebble(tmp_path_factory):
    """A random model of the family."""
    return make_model(tmp_path_factory.mktemp("pebble"))


def test_the_effect_keeps_its_contract(pebble):
    check_effect(Clamp(0.5), model=pebble)


def test_the_order_keeps_its_contract(pebble):
    check_order(Spread(), model=pebble, ranks_by=variances)


def test_the_kind_of_task_keeps_its_contract(pebble, tmp_path):
    (tmp_path / "a.txt").write_text("the cat sat on the stone\na dog ran over the hill\n")
    (tmp_path / "b.txt").write_text("the cat sat on the hill\na dog ran over the stone\n")
    task, other = (
        LastWordKind(file=str(tmp_path / name)).task("endings", None) for name in ("a.txt", "b.txt")
    )
    check_task(task, pebble, other=other)


def test_the_family_keeps_its_contract(pebble):
    check_family(PEBBLE, {"mlm": pebble}, texts=TEXTS)

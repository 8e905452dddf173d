"""The vocabulary and the code behind it know the same words."""

from lesion import words
from lesion.analysis.compare import Verdict
from lesion.analysis.rates import RATES
from lesion.damage.effects import EFFECTS
from lesion.damage.orders import ORDERS, SCOPES
from lesion.damage.units import UNITS
from lesion.models import parts


def test_every_word_has_code_and_all_code_has_a_word():
    assert list(words.UNITS) == list(UNITS)
    assert list(words.ORDERS) == list(ORDERS)
    assert list(words.SCOPES) == list(SCOPES)
    assert list(words.EFFECTS) == list(EFFECTS)


def test_what_tables_compare_beside_area_is_there_in_every_verdict():
    assert list(words.BESIDE) == ["d50", *RATES]
    assert {"d50", "rates"} <= set(Verdict._fields)


def test_study_and_damage_agree_on_what_is_random():
    from lesion.study.specs import LesionSpec

    for name, order in ORDERS.items():
        file = "units.csv" if name == "listed" else None
        assert LesionSpec(order=name, file=file).random == order.random


def test_the_default_reach_is_a_choice_of_parts():
    assert set(parts.SIX_MATRICES) <= set(parts.PARTS)

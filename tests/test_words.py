"""The vocabulary and the code behind it know the same words."""

from lesion import words
from lesion.analysis.compare import Verdict
from lesion.analysis.rates import RATES
from lesion.models import parts


def test_what_tables_compare_beside_area_is_there_in_every_verdict():
    assert list(words.BESIDE) == ["d50", *RATES]
    assert {"d50", "rates"} <= set(Verdict._fields)


def test_the_default_reach_is_a_choice_of_parts():
    assert set(parts.SIX_MATRICES) <= set(parts.PARTS)

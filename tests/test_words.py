"""The vocabulary and the code behind it know the same words."""

from lesion import words
from lesion.analysis.compare import Verdict
from lesion.analysis.rates import RATES
from lesion.analysis.scores import KINDS, METRICS
from lesion.distraction.edits import DISTRACTIONS


def test_every_word_has_code_and_all_code_has_a_word():
    assert list(words.DISTRACTIONS) == list(DISTRACTIONS)
    assert list(words.KINDS) == list(KINDS)
    assert list(words.METRICS) == list(METRICS)


def test_what_tables_compare_beside_area_is_there_in_every_verdict():
    assert list(words.BESIDE) == ["d50", *RATES]
    assert {"d50", "rates"} <= set(Verdict._fields)


def test_the_default_reach_is_a_choice_of_parts():
    assert set(words.SIX_MATRICES) <= set(words.PARTS)

"""Sentences on which share of a model a lesion reaches."""

from typing import NamedTuple

from lesion.damage.reach import Reach
from lesion.report.reach import reach_lines, uneven_reach

BERT, MBERT = Reach(85_054_464, 108_891_648), Reach(85_054_464, 166_770_432)


class Analysed(NamedTuple):
    """What a sentence needs of an analysis."""

    lesion: str
    model: str
    reach: Reach | None


def test_lesions_of_equal_reach_share_a_sentence():
    reaches = {
        ("random", "BERT"): BERT, ("random", "mBERT"): MBERT,
        ("magnitude", "BERT"): BERT, ("magnitude", "mBERT"): MBERT,
        ("heads", "BERT"): Reach(1_000_000, 108_891_648),
    }  # fmt: skip
    assert reach_lines(reaches) == [
        "random, magnitude reach 78% of BERT (85.1 M of 109 M parameters); 51% of mBERT (85.1 M "
        "of 167 M parameters).",
        "heads reaches 1% of BERT (1 M of 109 M parameters).",
    ]


def test_models_of_one_reach_are_not_told_one_by_one():
    reaches = {("random", f"BERT-{seed}"): BERT for seed in range(9)}
    (line,) = reach_lines(reaches)
    assert line == "random reaches 78% of every model (85.1 M of 109 M parameters)."


def test_models_of_unequal_reach_are_told_once_and_others_are_not():
    alike = Reach(84_000_000, 108_891_648)
    analyses = [
        Analysed("random", "BERT", BERT), Analysed("random", "mBERT", MBERT),
        Analysed("heads", "BERT", BERT), Analysed("heads", "mBERT", alike),
        Analysed("typos", "BERT", None), Analysed("random", "BERT", BERT),
    ]  # fmt: skip
    (line,) = uneven_reach(analyses)
    assert line.startswith("Unequal reach: random reaches 78% of BERT")
    assert "51% of mBERT" in line
    assert "heads" not in line
    assert uneven_reach(analyses[2:5]) == []

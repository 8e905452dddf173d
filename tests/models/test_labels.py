"""Which output of a head is which class of a task."""

import pytest

from lesion.models.labels import Fit, fit

MRPC = ("not_equivalent", "equivalent")
MNLI = ("entailment", "neutral", "contradiction")
ASSUMED = "its head only numbers its classes"
NUMBERED = "the task only numbers its classes"


@pytest.mark.parametrize(
    ("names", "classes", "columns"),
    [
        (MRPC, MRPC, (0, 1)),
        (("equivalent", "not_equivalent"), MRPC, (1, 0)),
        (("Equivalent ", "NOT-EQUIVALENT"), MRPC, (1, 0)),
        (("not equivalent", "equivalent"), MRPC, (0, 1)),
        (("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), MNLI, (2, 1, 0)),
        (("neutral", "contradiction", "entailment"), MNLI, (2, 0, 1)),
        (("1", "-1"), ("-1", "1"), (1, 0)),
        (("10", "9"), ("9", "10"), (1, 0)),
        (("LABEL_1", "LABEL_0"), ("LABEL_0", "LABEL_1"), (1, 0)),
        (("a_b", "A_B"), ("A_B", "a_b"), (1, 0)),
        (("1", "0"), ("0", "1"), (1, 0)),
    ],
)
def test_names_that_match_say_which_output_is_which_class(names, classes, columns):
    assert fit(names, classes) == Fit(columns, "")


@pytest.mark.parametrize(
    ("names", "classes", "columns", "assumed"),
    [
        (("LABEL_0", "LABEL_1"), MRPC, (0, 1), ASSUMED),
        (("LABEL_1", "LABEL_0"), MRPC, (1, 0), ASSUMED),
        (("label 0", "label-1", "Label_2"), MNLI, (0, 1, 2), ASSUMED),
        (("0", "1"), MRPC, (0, 1), ASSUMED),
        (("LABEL_0", "LABEL_1"), ("1", "2"), (0, 1), ASSUMED),
        (MRPC, ("0", "1"), (0, 1), NUMBERED),
        (("LABEL_0", "LABEL_1"), ("0", "1"), (0, 1), ASSUMED),
    ],
)
def test_numbers_are_taken_for_indices_and_that_is_said(names, classes, columns, assumed):
    assert fit(names, classes) == Fit(columns, assumed)


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (("paraphrase", "different"), MRPC),
        (("equivalent", "other"), MRPC),
        (("1 star", "2 stars"), ("1", "2")),
        (("LABEL_1", "LABEL_2"), MRPC),
        (("yes", "Yes"), ("yes", "no")),
        (("equivalent", "equivalent"), MRPC),
    ],
)
def test_names_that_conflict_fit_in_no_way(names, classes):
    assert fit(names, classes) is None

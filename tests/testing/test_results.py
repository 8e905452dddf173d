"""What a suite returns and raises."""

import pytest

from lesion import testing
from lesion.testing.results import ContractError, SkippedError, require, run_checks


def passes() -> None:
    """A check that finds nothing wrong."""


def fails() -> None:
    require(1 > 2, "One is not more than two.")


def breaks() -> None:
    {}["word"]


def does_not_apply() -> None:
    raise SkippedError("there is no model")


CHECKS = {"right": passes, "wrong": fails, "broken": breaks, "elsewhere": does_not_apply}


def outcomes(results) -> dict[str, str]:
    return {result.check: result.outcome for result in results}


def test_results_are_data_with_message_and_error():
    results = run_checks("Effect x", CHECKS, raise_on_failure=False)
    assert outcomes(results) == {
        "right": "passed", "wrong": "failed", "broken": "failed", "elsewhere": "skipped",
    }  # fmt: skip
    assert [result.message for result in results] == [
        "", "One is not more than two.", "KeyError: 'word'", "there is no model",
    ]  # fmt: skip
    assert [type(result.error).__name__ for result in results] == [
        "NoneType", "AssertionError", "KeyError", "SkippedError",
    ]  # fmt: skip


def test_failed_checks_raise_one_error_with_all_of_them():
    with pytest.raises(ContractError) as caught:
        run_checks("Effect x", CHECKS)
    assert str(caught.value) == (
        "Effect x: 2 of 4 checks failed.\n- wrong: One is not more than two.\n"
        "- broken: KeyError: 'word'"
    )
    assert len(caught.value.results) == 4
    assert isinstance(caught.value, AssertionError)


def test_an_expected_failure_is_no_failure_and_keeps_its_reason():
    expected = {"wrong": "numbers are odd here", "broken": "no words yet"}
    results = run_checks("Effect x", CHECKS, expected_failed_checks=expected)
    assert outcomes(results)["wrong"] == "expected failure"
    assert results[1].message == "numbers are odd here"


def test_an_expected_failure_that_passes_is_a_failure():
    with pytest.raises(ContractError) as caught:
        run_checks("Effect x", {"right": passes}, expected_failed_checks={"right": "it is slow"})
    assert "right: passed, but a failure is expected: it is slow" in str(caught.value)


def test_chosen_checks_are_run_and_no_others():
    assert outcomes(run_checks("Effect x", CHECKS, checks=["right"])) == {"right": "passed"}


@pytest.mark.parametrize("key", ["checks", "expected_failed_checks"])
def test_a_name_that_is_no_check_is_refused(key):
    value = ["wrnog"] if key == "checks" else {"wrnog": "a slip"}
    with pytest.raises(ValueError, match=r"'wrnog' is not a check\. Checks: right, wrong, broken"):
        run_checks("Effect x", CHECKS, **{key: value})


def test_the_public_names_are_there():
    assert [name for name in testing.__all__ if not hasattr(testing, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'check_song'"):
        _ = testing.check_song

"""The results of a suite: a line for every check, and one error for what failed unexpectedly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

Check = Callable[[], None]

PASSED, FAILED, EXPECTED, SKIPPED = "passed", "failed", "expected failure", "skipped"


class Options(TypedDict, total=False):
    """What every suite takes beside its subject.

    Attributes:
        checks: names of the checks that are run. Default: all.
        expected_failed_checks: name -> the reason why this check fails. A check that passes
            although a failure is expected counts as failed.
        raise_on_failure: whether a failed check raises `ContractError`. Default: True.
    """

    checks: Sequence[str]
    expected_failed_checks: Mapping[str, str]
    raise_on_failure: bool


@dataclass(frozen=True)
class Result:
    """What came of one check.

    Attributes:
        check: its name.
        outcome: "passed", "failed", "expected failure" or "skipped".
        message: of the failure, or the reason for skipping or for the expected failure.
        error: what was raised; None if it passed.
    """

    check: str
    outcome: str
    message: str = ""
    error: Exception | None = None


class SkippedError(Exception):
    """Raised by a check that does not apply; its message is the reason."""


class ContractError(AssertionError):
    """Raised for the failed checks of a suite; `results` has all of them."""

    def __init__(self, subject: str, results: Sequence[Result]) -> None:
        self.results = list(results)
        failed = [result for result in results if result.outcome == FAILED]
        lines = [f"{subject}: {len(failed)} of {len(results)} checks failed."]
        lines += [f"- {result.check}: {result.message}" for result in failed]
        super().__init__("\n".join(lines))


def require(condition: object, message: str) -> None:
    """Fail a check with a sentence unless a condition holds."""
    if not condition:
        raise AssertionError(message)


def run_checks(
    subject: str,
    available: Mapping[str, Check],
    *,
    checks: Sequence[str] = (),
    expected_failed_checks: Mapping[str, str] | None = None,
    raise_on_failure: bool = True,
) -> list[Result]:
    """Run checks, each on its own.

    Args:
        subject: what is checked, for the error.
        available: name -> check, in their order.
        checks, expected_failed_checks, raise_on_failure: see `Options`.

    Raises:
        ValueError: for a name that is no check of the suite.
        ContractError: if a check failed unexpectedly, or passed where a failure is expected.
    """
    expected = expected_failed_checks or {}
    unknown = [name for name in (*checks, *expected) if name not in available]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a check. Checks: {', '.join(available)}.")
    results = [
        _result(name, check, expected.get(name))
        for name, check in available.items()
        if not checks or name in checks
    ]
    if raise_on_failure and any(result.outcome == FAILED for result in results):
        raise ContractError(subject, results)
    return results


def _result(name: str, check: Check, reason: str | None) -> Result:
    try:
        check()
    except SkippedError as skipped:
        return Result(name, SKIPPED, str(skipped), skipped)
    except Exception as error:
        message = str(error) or type(error).__name__
        if not isinstance(error, AssertionError):
            message = f"{type(error).__name__}: {message}"
        return Result(name, FAILED if reason is None else EXPECTED, reason or message, error)
    if reason is not None:
        return Result(name, FAILED, f"passed, but a failure is expected: {reason}")
    return Result(name, PASSED)

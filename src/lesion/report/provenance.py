"""Sentences on what was decided when: as registered, or changed after how many trials."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lesion.schema import shortened

if TYPE_CHECKING:
    from lesion.record.history import Change
    from lesion.study.registration import KeyChange


def provenance(
    digest: str | None,
    departures: "Iterable[KeyChange]",
    history: "Iterable[Change]",
    unrecorded: "Iterable[KeyChange]",
) -> list[str]:
    """Whether what is shown is as registered, and what was changed after trials were there.

    Args:
        digest: of the study with which the record began; None where it is not known.
        departures: what differs from that study.
        history: the changes in between.
        unrecorded: what the study at hand has and the record has not.
    """
    return [*_registered(digest, list(departures)), *changed(history), *_from_python(unrecorded)]


def changed(history: "Iterable[Change]") -> list[str]:
    """A sentence for each change.

    Example:
        >>> changed([Change("compare.margin", 0.05, 0.02, 240, "2026-11-28T09:00:00Z")])
        ['compare.margin changed from 0.05 to 0.02 after 240 trials (2026-11-28).']
    """
    return [
        f"{change.key} changed from {shortened(change.before)} to {shortened(change.after)} "
        f"{_when(change.trials)} ({change.at[:10]})."
        for change in history
    ]


def _registered(digest: str | None, departures: "list[KeyChange]") -> list[str]:
    if digest is None:
        return []
    if not departures:
        return [f"As registered (digest {digest})."]
    keys = ", ".join(change.key for change in departures)
    return [f"Not as registered (digest {digest}): {keys} {_differ(len(departures))}."]


def _from_python(unrecorded: "Iterable[KeyChange]") -> list[str]:
    return [
        f"{change.key} is {shortened(change.after)} here and {shortened(change.before)} in the "
        "record: what is set from Python has no history."
        for change in unrecorded
    ]


def _when(trials: int) -> str:
    return f"after {trials} trial{'s'[: trials != 1]}" if trials else "before the first trial"


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"

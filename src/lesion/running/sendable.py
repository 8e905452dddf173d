"""Whether other processes can receive what a run needs; if not, why not.

A worker imports modules and never the caller's program, so that a class or function of a script or
a notebook (`__main__`) has no name there. A lambda or an open file cannot be sent at all.
"""

from multiprocessing.reduction import ForkingPickler
from types import FunctionType
from typing import Any, NamedTuple

from lesion.models.live import held_class
from lesion.running.jobs import RunContext


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


class _LocalError(Exception):
    """A class or function that only this process can name."""


class _Checker(ForkingPickler):
    """Pickles as a pipe does, and refuses what is defined in the caller's program."""

    def reducer_override(self, value: Any) -> Any:
        """Raises `_LocalError` for a class or function of `__main__`."""
        if isinstance(value, type | FunctionType):
            if value.__module__ == "__main__":
                raise _LocalError(
                    f"{value.__qualname__} is defined in the program that runs the study"
                )
            if "<" in value.__qualname__:  # <lambda>, or f.<locals>.g
                raise _LocalError(
                    f"{value.__module__}.{value.__qualname__} is not at the top of a file"
                )
        return NotImplemented


class Obstacle(NamedTuple):
    """Why a run needs this process, and what else can be done, as clauses."""

    reason: str
    remedy: str


def obstacle(context: RunContext) -> Obstacle | None:
    """Why a run needs this process; None if worker processes can do it."""
    return held_model(context) or _unsendable(context)


def held_model(context: RunContext) -> Obstacle | None:
    """The same of a model that only this process has."""
    for spec in context.study.models:
        kind = held_class(spec.source)
        if kind:
            return Obstacle(
                f"{spec.name} is a model in memory of the class {kind}, which transformers does "
                "not load",
                "run it with --workers 1",
            )
    return None


def _unsendable(value: object) -> Obstacle | None:
    try:
        _Checker(_Nowhere()).dump(value)
    except _LocalError as error:
        return Obstacle(
            f"{error}, where worker processes cannot find it",
            "put it in a module of its own, or --workers 1",
        )
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Obstacle(
            f"a part of the study cannot be sent to worker processes ({first})",
            "run it with --workers 1",
        )
    return None

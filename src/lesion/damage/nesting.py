"""Lesions that are open at once: which stands on which, and who may write.

A lesion restores what it found. Where it found the damage of another one, it must be left first;
and what that other one wrote in the meantime would be taken back. So on the same tensors lesions
are nested: only the one opened last may be deepened, and it must be left first. A model is damaged
from one thread at a time.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from lesion.damage.overlap import shared
from lesion.errors import LesionError


class Place:
    """Where a lesion stands among those that are open.

    Attributes:
        tensors: what it writes to; none until it has been ordered.
        heal: undoes it.
        open: until it is left, or undone because one beneath it was left.
    """

    def __init__(self, model: nn.Module) -> None:
        self.thread, self.open = threading.get_ident(), True
        self.addresses = {tensor.data_ptr() for tensor in model.parameters()} - {0}
        self.tensors: Sequence[torch.Tensor] = ()
        self.heal: Callable[[], None] = lambda: None
        self.under: list[Place] = []

    def check(self) -> None:
        """Refuse to write if it is no longer open, or lies under another one.

        Raises:
            LesionError: saying which.
        """
        if not self.open:
            raise LesionError(
                "This lesion is no longer open: its model was given back. Open it again."
            )
        if any(one.open for one in self.under):
            raise LesionError(
                "Another lesion was opened on the same tensors after this one, and would take "
                "back what is written now. Leave that one first."
            )

    def fill(self, tensors: Sequence[torch.Tensor], heal: Callable[[], None]) -> None:
        """Say what is written to; those that are open already on the same tensors lie under it."""
        self.tensors, self.heal = tensors, heal
        for other in _OPEN:
            if other is not self and any(shared(other.tensors, tensors)):
                other.under.append(self)


_OPEN: list[Place] = []
_LOCK = threading.Lock()


@contextmanager
def standing(model: nn.Module) -> Iterator[Place]:
    """A place for a lesion of a model, healed on leaving.

    Raises:
        LesionError: if the model is damaged from another thread, or when the lesion is left before
            one that stands on it; both are undone then.
    """
    place = Place(model)
    with _LOCK:
        if any(one.thread != place.thread and one.addresses & place.addresses for one in _OPEN):
            raise LesionError(
                "This model is damaged by a lesion that is open in another thread, so that neither "
                "would measure its own damage. Load the model once for each thread, or take turns."
            )
        _OPEN.append(place)
    try:
        yield place
    finally:
        _leave(place)


def _leave(place: Place) -> None:
    """Undo a lesion, and before it all that stand on it, the last first."""
    if not place.open:
        return
    above = _above(place)
    try:
        with ExitStack() as stack:  # the last one first, and all of them whatever one raises
            for one in (place, *reversed(above)):
                one.open = False
                stack.callback(one.heal)
    finally:
        with _LOCK:
            _OPEN[:] = [one for one in _OPEN if one.open]
            for one in _OPEN:  # what was left is not kept in memory
                one.under = [other for other in one.under if other.open]
    if above:
        raise LesionError(
            "A lesion was left while one that was opened after it on the same tensors was still "
            "open. Both are undone, and the model is whole; what was measured since then is of no "
            "use. Leave lesions in the reverse order of opening, as nested with blocks do."
        )


def _above(place: Place) -> list[Place]:
    """The open ones that stand on it, directly or not, the last opened first."""
    found, waiting = set(), [place]
    while waiting:
        new = [one for one in waiting.pop().under if one.open and one not in found]
        found.update(new)
        waiting += new
    return [one for one in reversed(_OPEN) if one in found]

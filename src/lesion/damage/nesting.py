"""Lesions that are open at once: their order, and which of them may write.

A lesion restores the values that were there when it was opened. If these are the damage of another
lesion, it must be left before that one, and would undo what that one writes in the meantime. So
lesions on the same tensors are nested: only the last opened may be deepened, and it must be left
first. A model is damaged from one thread at a time.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from lesion.damage.overlap import shared
from lesion.errors import LesionError


class Place:
    """The place of a lesion among those that are open.

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
        if any(lesion.open for lesion in self.under):
            raise LesionError(
                "Another lesion was opened on the same tensors after this one, and would take "
                "back what is written now. Leave that one first."
            )

    def fill(self, tensors: Sequence[torch.Tensor], heal: Callable[[], None]) -> None:
        """Set what is written to; lesions already open on the same tensors lie under it."""
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
            one that was opened on it; both are undone then.
    """
    place = Place(model)
    with _LOCK:
        others = [lesion for lesion in _OPEN if lesion.thread != place.thread]
        if any(lesion.addresses & place.addresses for lesion in others):
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
    """Undo a lesion, and before it all that were opened on it, the last first."""
    if not place.open:
        return
    above = _above(place)
    try:
        with ExitStack() as stack:  # the last one first, and all of them whatever one raises
            for lesion in (place, *reversed(above)):
                lesion.open = False
                stack.callback(lesion.heal)
    finally:
        with _LOCK:
            _OPEN[:] = [lesion for lesion in _OPEN if lesion.open]
            for lesion in _OPEN:  # what was left is not kept in memory
                lesion.under = [other for other in lesion.under if other.open]
    if above:
        raise LesionError(
            "A lesion was left while one that was opened after it on the same tensors was still "
            "open. Both are undone, and the model is whole; what was measured since then is of no "
            "use. Leave lesions in the reverse order of opening, as nested with blocks do."
        )


def _above(place: Place) -> list[Place]:
    """The open lesions that were opened on it, directly or not, the last first."""
    above, waiting = set(), [place]
    while waiting:
        new = [lesion for lesion in waiting.pop().under if lesion.open and lesion not in above]
        above.update(new)
        waiting += new
    return [lesion for lesion in reversed(_OPEN) if lesion in above]

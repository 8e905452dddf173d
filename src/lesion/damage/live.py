"""The tensors that a wound writes to, and whether the model still computes with them.

While a lesion is open a model may be cast, moved, or given other tensors. What the wound holds is
then no longer what the model reads: a dose would be written to no effect, and healing would leave
damage behind. The first is refused. The second is healed where what is there now is the damage or
the intact values, in whatever type and place; other numbers are left, and reported.
"""

from collections.abc import Iterable

import torch

from lesion.damage.units import Span
from lesion.errors import LesionError
from lesion.models.anatomy import Site


class Live:
    """One tensor of a model while a lesion is open.

    Args:
        span: where it is.
        intact: its values before any damage.
    """

    def __init__(self, span: Span, intact: torch.Tensor) -> None:
        self.site, self.kind, self.intact = span.site, span.kind, intact
        # An alias keeps the memory: a cast gives the parameter other memory, not this.
        self.memory = span.tensor.detach()
        whole = None if span.site is None else span.site.own(span.kind)
        self._whole, self._address = whole, None if whole is None else whole.data_ptr()

    @property
    def current(self) -> bool:
        """Whether the model reads the memory that is written to."""
        if self.site is None:
            return True
        whole = self.site.own(self.kind)
        return whole is self._whole and (whole is None or whole.data_ptr() == self._address)

    def heal(self) -> bool:
        """Give back the intact values; False if the model holds other numbers now."""
        if self.current:
            self.memory.copy_(self.intact)
            return True
        assert self.site is not None
        found = self.site.live(self.kind)
        known = found is not None and self._is(found, self.memory)
        whole = found is not None and self._is(found, self.intact)
        self.memory.copy_(self.intact)
        if found is not None and known:
            found.copy_(self.intact)
        return known or whole

    def _is(self, found: torch.Tensor, values: torch.Tensor) -> bool:
        """Whether a tensor holds these values, as its type and device hold them."""
        if found.shape != values.shape or found.is_meta:
            return False
        cast = values.to(found.device, found.dtype)
        return bool(((found == cast) | (found.isnan() & cast.isnan())).all())


def check_current(tensors: Iterable[Live]) -> None:
    """Refuse to write where the model no longer reads.

    Raises:
        LesionError: naming the first tensor that was cast, moved or replaced.
    """
    for one in tensors:
        if not one.current:
            assert one.site is not None
            raise LesionError(
                f"{one.site.called}: its {one.kind} was cast, moved or replaced while the lesion "
                "was open, so that what is written now would not reach the model. Leave the "
                "lesion, and open it again."
            )


def heal(tensors: Iterable[Live]) -> None:
    """Give back the intact values of each.

    Raises:
        LesionError: if some were replaced by other numbers; the others are healed.
    """
    strange = [(one.site, one.kind) for one in tensors if not one.heal()]
    if strange:
        (site, kind), *others = strange
        assert isinstance(site, Site)
        more = f"; so were those of {len(others)} more tensors" if others else ""
        raise LesionError(
            f"{site.called}: its {kind} was replaced while the lesion was open, by numbers that "
            "are neither the damaged nor the whole ones. They were left as they are, and may hold "
            f"damage{more}. Load the model again before it is used."
        )

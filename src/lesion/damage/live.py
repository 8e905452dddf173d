"""The tensors that a wound writes to, and whether the model still computes with them.

While a lesion is open a model may be cast, moved, or given other tensors. The wound then writes to
memory that the model does not read: a dose would have no effect, and healing would leave damage
behind. A dose is refused. Healing restores tensors that hold the damage or the intact values, in
any type and place; other numbers are left, and reported.
"""

from collections.abc import Iterable

import torch

from lesion.damage.population import UnitTensor
from lesion.errors import LesionError
from lesion.models.anatomy import Site


class Live:
    """One tensor of a model while a lesion is open.

    Args:
        unit_tensor: where it is.
        intact: its values before any damage.
    """

    def __init__(self, unit_tensor: UnitTensor, intact: torch.Tensor) -> None:
        self.site, self.kind = unit_tensor.site, unit_tensor.tensor_kind
        self.intact = intact
        # An alias keeps the memory: a cast gives the parameter other memory, not this.
        self.memory = unit_tensor.tensor.detach()
        whole = None if self.site is None else self.site.own(self.kind)
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
        present = self.site.live(self.kind)
        known = present is not None and self._is(present, self.memory)
        whole = present is not None and self._is(present, self.intact)
        self.memory.copy_(self.intact)
        if present is not None and known:
            present.copy_(self.intact)
        return known or whole

    def _is(self, present: torch.Tensor, values: torch.Tensor) -> bool:
        """Whether a tensor holds these values, as its type and device hold them."""
        if present.shape != values.shape or present.is_meta:
            return False
        cast = values.to(present.device, present.dtype)
        return bool(((present == cast) | (present.isnan() & cast.isnan())).all())


def check_current(tensors: Iterable[Live]) -> None:
    """Refuse to write where the model no longer reads.

    Raises:
        LesionError: naming the first tensor that was cast, moved or replaced.
    """
    for tensor in tensors:
        if not tensor.current:
            assert tensor.site is not None
            raise LesionError(
                f"{tensor.site.called}: its {tensor.kind} was cast, moved or replaced while the "
                "lesion was open, so that what is written now would not reach the model. Leave the "
                "lesion, and open it again."
            )


def heal(tensors: Iterable[Live]) -> None:
    """Give back the intact values of each.

    Raises:
        LesionError: if some were replaced by other numbers; the others are healed.
    """
    strange = [(tensor.site, tensor.kind) for tensor in tensors if not tensor.heal()]
    if strange:
        (site, kind), *others = strange
        assert isinstance(site, Site)
        more = f"; so were those of {len(others)} more tensors" if others else ""
        raise LesionError(
            f"{site.called}: its {kind} was replaced while the lesion was open, by numbers that "
            "are neither the damaged nor the intact ones. They were left as they are, and may hold "
            f"damage{more}. Load the model again before it is used."
        )

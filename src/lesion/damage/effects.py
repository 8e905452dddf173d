"""What happens to a destroyed unit: the values that replace its entries."""

from collections.abc import Callable

import torch


def zero(intact: torch.Tensor) -> torch.Tensor:
    """Exactly 0."""
    return intact.new_zeros(())


EFFECTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "zero": zero,
}

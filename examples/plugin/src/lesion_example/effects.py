"""An effect: large weights are cut down. No torch is imported when this file is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from lesion.damage.effects import Effect, Target
from lesion.schema import Between, doc

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Clamp(Effect):
    """Clamped to a limit on both sides of zero."""

    word = "clamp"
    limit: Annotated[float, Between(0, 100), doc("standard deviations of the tensor")] = 1.0

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """The tensor without its large values."""
        most = self.limit * float(intact.double().std(correction=0))
        return intact.clamp(-most, most)

"""Where the unharmed values of a tensor can be read while the tensor itself is damaged.

Checkpoints in safetensors are not read but mapped: a process sees the pages of the file, and a
page that it writes to becomes its own. So the file can be mapped twice, once to be damaged and
once to be read, and a machine holds one original for all of its processes.
"""

from collections.abc import Callable

import torch
from torch import nn


class Originals:
    """Second mappings of a model's storages.

    Args:
        model: the one that is damaged; None for one of which copies must be kept.
        reload: loads it once more; called only if some of its tensors are mapped.
    """

    def __init__(
        self, model: nn.Module | None = None, reload: Callable[[], nn.Module] | None = None
    ) -> None:
        self._second: dict[int, torch.UntypedStorage] = {}
        if model is None or reload is None or not any(map(_is_mapped, model.parameters())):
            return
        for first, other in zip(model.parameters(), reload().parameters(), strict=True):
            if _is_mapped(first) and _is_mapped(other):
                self._second[first.untyped_storage().data_ptr()] = other.untyped_storage()

    @torch.no_grad()
    def intact(self, tensor: torch.Tensor) -> torch.Tensor:
        """The values that a tensor has now; they stay when it is damaged.

        A tensor that no longer has the values of its file (it was trained, or is damaged already)
        is copied.
        """
        second = self._second.get(tensor.untyped_storage().data_ptr())
        if second is not None:
            place = tensor.storage_offset(), tensor.shape, tensor.stride()
            original = torch.empty(0, dtype=tensor.dtype).set_(second, *place)
            if torch.equal(original, tensor):
                return original
        return tensor.detach().clone()


ALWAYS_COPY = Originals()


def _is_mapped(tensor: torch.Tensor) -> bool:
    """Whether a tensor is a part of a mapped file: only such a storage cannot grow."""
    return tensor.device.type == "cpu" and not tensor.untyped_storage().resizable()

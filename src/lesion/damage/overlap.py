"""Whether tensors share memory, to the number: fused projections are columns of one tensor."""

from collections.abc import Iterable, Sequence

import torch


def shared(
    ones: Sequence[torch.Tensor], others: Sequence[torch.Tensor]
) -> Iterable[tuple[int, int]]:
    """Pairs (place in `ones`, place in `others`) of tensors that have a number in common."""
    found = [(*_reach(tensor), 0, place) for place, tensor in enumerate(ones) if tensor.numel()]
    found += [(*_reach(tensor), 1, place) for place, tensor in enumerate(others) if tensor.numel()]
    open_: list[tuple] = []
    for entry in sorted(found):
        device, start, _, side, place = entry
        open_ = [one for one in open_ if one[0] == device and one[2] > start]
        for one in open_:
            if one[3] != side:
                pair = (one[4], place) if side else (place, one[4])
                if overlap(ones[pair[0]], others[pair[1]]):
                    yield pair
        open_.append(entry)


def overlap(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have a number in common."""
    (device, start, end), (elsewhere, begin, stop) = _reach(one), _reach(other)
    if not (one.numel() and other.numel()) or device != elsewhere or end <= begin or stop <= start:
        return False
    size, first = one.element_size(), min(start, begin)
    gapless = one.is_contiguous() and other.is_contiguous()
    if gapless or other.element_size() != size or (start - begin) % size:
        return True  # numbers of different sizes are not looked at one by one
    taken = torch.zeros((max(end, stop) - first) // size, dtype=torch.bool)
    taken.as_strided(one.shape, one.stride(), (start - first) // size).fill_(True)
    return bool(taken.as_strided(other.shape, other.stride(), (begin - first) // size).any())


def _reach(tensor: torch.Tensor) -> tuple[str, int, int]:
    """Device, first byte, and the byte after the last."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in steps)
    start = tensor.data_ptr()
    return str(tensor.device), start, start + (last + 1) * tensor.element_size()

"""Whether tensors share memory, to the number: fused projections are columns of one tensor."""

from collections.abc import Iterable, Sequence

import torch


def shared(
    ones: Sequence[torch.Tensor], others: Sequence[torch.Tensor]
) -> Iterable[tuple[int, int]]:
    """Pairs (place in `ones`, place in `others`) of tensors that have a number in common."""
    spans = [(*_reach(tensor), 0, place) for place, tensor in enumerate(ones) if tensor.numel()]
    spans += [(*_reach(tensor), 1, place) for place, tensor in enumerate(others) if tensor.numel()]
    open_: list[tuple] = []
    for entry in sorted(spans):
        device, start, _, side, place = entry
        open_ = [span for span in open_ if span[0] == device and span[2] > start]
        for span in open_:
            if span[3] != side:
                pair = (span[4], place) if side else (place, span[4])
                if overlap(ones[pair[0]], others[pair[1]]):
                    yield pair
        open_.append(entry)


def overlap(first: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have a number in common."""
    (device, start, end), (elsewhere, begin, stop) = _reach(first), _reach(other)
    if (
        not (first.numel() and other.numel())
        or device != elsewhere
        or end <= begin
        or stop <= start
    ):
        return False
    size, lowest = first.element_size(), min(start, begin)
    gapless = first.is_contiguous() and other.is_contiguous()
    if gapless or other.element_size() != size or (start - begin) % size:
        return True  # numbers of different sizes are not looked at one by one
    taken = torch.zeros((max(end, stop) - lowest) // size, dtype=torch.bool)
    taken.as_strided(first.shape, first.stride(), (start - lowest) // size).fill_(True)
    return bool(taken.as_strided(other.shape, other.stride(), (begin - lowest) // size).any())


def _reach(tensor: torch.Tensor) -> tuple[str, int, int]:
    """Device, first byte, and the byte after the last."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in steps)
    start = tensor.data_ptr()
    return str(tensor.device), start, start + (last + 1) * tensor.element_size()

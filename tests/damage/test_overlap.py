"""Which tensors share memory, against the addresses of every number."""

import itertools

import torch

from lesion.damage.overlap import overlap, shared


def addresses(tensor: torch.Tensor) -> set[int]:
    """Of every number, by going through all indices."""
    places = itertools.product(*map(range, tensor.shape))
    steps = [
        sum(n * stride for n, stride in zip(place, tensor.stride(), strict=True))
        for place in places
    ]
    return {tensor.data_ptr() + tensor.element_size() * step for step in steps}


def views() -> list[torch.Tensor]:
    """Rows, columns, blocks, steps and corners of one matrix, and one elsewhere."""
    whole = torch.zeros(6, 9)
    return [
        whole, whole[:3], whole[3:], whole[:, :3], whole[:, 3:6], whole[:, 6:], whole[::2],
        whole[1::2], whole[:, ::2], whole.T[4:], whole[2:4, 2:4], whole.flatten()[5], whole[0, 3:],
        whole[:0], torch.zeros(6, 9),
    ]  # fmt: skip


def test_two_tensors_overlap_exactly_if_they_have_a_number_in_common():
    tensors = views()
    for one, other in itertools.product(tensors, repeat=2):
        assert overlap(one, other) == bool(addresses(one) & addresses(other)), (one, other)


def test_all_pairs_are_found_each_once():
    ones, others = views(), views()[:3]
    both = [*ones[:5], *others]
    expected = {
        (n, m)
        for (n, one), (m, other) in itertools.product(enumerate(ones), enumerate(both))
        if addresses(one) & addresses(other)
    }
    found = list(shared(ones, both))
    assert len(found) == len(set(found)) and set(found) == expected


def test_views_of_other_types_of_the_same_memory_count_as_shared():
    whole = torch.zeros(4, 4)
    assert overlap(whole[:, :2], whole.view(torch.int16)[:, 1:3])

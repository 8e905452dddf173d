import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils import prune

from lesion.damage.orderings import from_keys
from lesion.damage.orders import counts_for, float_sort_keys


def test_float_keys_sort_like_the_floats():
    values = np.array([-np.inf, -2.5, -0.0, 0.0, 1e-40, 3.0, np.inf], np.float32)
    mixed = np.random.default_rng(0).permutation(len(values))
    keys = float_sort_keys(torch.from_numpy(values[mixed].copy()))
    order = mixed[np.argsort(keys, kind="stable")]
    assert order.tolist() == list(range(len(values)))


def test_nan_is_destroyed_last():
    keys = float_sort_keys(torch.tensor([float("nan"), 1e38, float("inf")]))
    assert from_keys(keys).units().tolist() == [1, 2, 0]


def test_ties_fall_to_the_earlier_unit():
    assert from_keys(np.array([2, 1, 1, 2, 0], np.uint32)).units().tolist() == [4, 1, 2, 0, 3]


keys_of_groups = st.lists(
    st.lists(st.integers(0, 5), min_size=0, max_size=8), min_size=1, max_size=5
)


@settings(deadline=None, max_examples=200)
@given(keys_of_groups)
def test_counts_take_exactly_the_smallest_keys_whatever_the_total(keys):
    """Against sorting everything by (key, population, position)."""
    group = [from_keys(np.array(part, np.uint32)) for part in keys]
    everything = sorted((key, n) for n, part in enumerate(keys) for key in part)
    for total in range(len(everything) + 1):
        expected = [sum(n == m for _, n in everything[:total]) for m in range(len(keys))]
        assert counts_for(group, total) == expected


def test_counts_reach_the_ends_of_the_key_range():
    group = [
        from_keys(np.array([0, 2**32 - 1], np.uint32)),
        from_keys(np.array([2**32 - 1], np.uint32)),
    ]
    assert [counts_for(group, total) for total in range(4)] == [[0, 0], [1, 0], [2, 0], [2, 1]]


@pytest.mark.parametrize("amount", [0.0, 0.013, 0.2, 0.5, 0.77, 1.0])
def test_magnitude_agrees_with_torch_on_tensors_without_ties(amount):
    torch.manual_seed(1)
    layer = torch.nn.Linear(17, 13)
    values = layer.weight.detach().clone()
    kept = prune.L1Unstructured(amount).compute_mask(values, torch.ones_like(values))
    destroyed = from_keys(float_sort_keys(values.abs().flatten())).units()[
        : round(amount * values.numel())
    ]
    mask = torch.ones(values.numel())
    mask[destroyed] = 0
    assert torch.equal(mask.view_as(values), kept)

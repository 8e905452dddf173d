"""Dead units are left out where that pays. That blocks stay the same functions: test_blocks."""

import torch

from lesion.scoring import compact
from lesion.scoring.compact import (
    Attention,
    Mlp,
    compact_attention,
    compact_mlp,
    dead_rows,
    live_units,
)
from tests.scoring.small import WIDTH, destroy

MANY = 10**6  # tokens: leaving units out pays


def compacted(block: Attention | Mlp, tokens: int):
    make = compact_attention if isinstance(block, Attention) else compact_mlp
    return make(block, tokens, live_units([block])[0])


def test_dead_neurons_are_left_out(mlp, attention):
    destroy(mlp.inner, slice(0, 40))
    found = compacted(mlp, MANY)
    assert found.inner.weight.shape == (32, WIDTH), "24 alive, filled up to a multiple of 16"
    assert found.outer.weight.shape == (WIDTH, 32)
    destroy(attention.value, slice(0, 16))
    found = compacted(attention, MANY)
    assert found.heads.tolist() == [1]
    assert [one.weight.shape[0] for one in (found.query, found.key, found.value)] == [16, 16, 16]
    assert found.output.weight.shape == (WIDTH, 16)


def test_nothing_is_computed_for_a_block_without_outputs(mlp, attention):
    destroy(mlp.outer, slice(None))
    destroy(attention.output, slice(None))
    assert compacted(mlp, MANY).inner.weight.shape[0] == 0
    assert len(compacted(attention, MANY).heads) == 0


def test_where_copying_costs_more_the_live_weights_are_used(mlp, attention):
    destroy(mlp.inner, slice(0, 40))
    destroy(attention.value, slice(0, 16))
    assert compacted(mlp, 1).inner.weight is mlp.inner.weight
    assert compacted(attention, 1).value.weight is attention.value.weight


def test_a_row_is_dead_only_if_it_is_zero_to_its_end():
    weight = torch.zeros(4, 40)
    weight[1, 39], weight[3, 0] = 1, float("nan")
    (dead,) = dead_rows([weight], [None])
    assert dead.tolist() == [True, False, True, False]


def test_however_many_blocks_a_device_is_waited_for_twice(attention, mlp, monkeypatch):
    calls, original = [], compact._to_cpu
    monkeypatch.setattr(compact, "_to_cpu", lambda masks: calls.append(masks) or original(masks))
    destroy(mlp.inner, slice(0, 40))
    destroy(attention.query, 3)
    destroy(attention.key, 4)
    found = live_units([mlp, attention] * 5)
    assert len(calls) == 2
    assert [len(one) for one in found] == [2, 4] * 5
    assert found[0][0].tolist() == [False] * 40 + [True] * 24
    assert [int((~one).nonzero()) for one in found[1][:2]] == [3, 4]

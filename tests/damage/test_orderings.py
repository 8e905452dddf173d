import threading
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesion.damage import orderings
from lesion.damage.lesion import Lesion
from lesion.damage.orderings import (
    ListedOrdering,
    SizeMatchedOrdering,
    SortedOrdering,
    from_keys,
    presort,
    select_sorted,
    share_memory,
)
from lesion.keys import random_uint32
from lesion.models.load import load_model

PINNED = [
    "f63a91b92ca021e7bce310156c8374b8",
    "6d59ea5b3ed1e0b5245673da83e36443",
    "f1399c3195c1dde5ae654a18849e8d06",
    "08cae3d1067da111aed4cb227dcb8777",
]
many_ties = st.lists(st.integers(0, 9), min_size=1, max_size=40)


@settings(deadline=None, max_examples=200)
@given(many_ties, st.data())
def test_what_lies_between_two_places_is_as_in_the_whole_ordering(keys, data):
    """Against a stable argsort, ties and all."""
    whole = np.argsort(np.array(keys), kind="stable")
    start = data.draw(st.integers(0, len(keys)))
    stop = data.draw(st.integers(start, len(keys)))
    found = select_sorted(np.array(keys, np.uint32), start, stop)
    assert found.tolist() == whole[start:stop].tolist()


@settings(deadline=None, max_examples=200)
@given(many_ties, st.integers(0, 50), st.lists(st.integers(0, 40), min_size=2, max_size=12))
def test_an_ordering_does_not_depend_on_how_and_how_far_it_was_asked_for(keys, room, places):
    whole = np.argsort(np.array(keys), kind="stable")
    asked = SortedOrdering(len(keys), lambda: np.array(keys, np.uint32))
    asked.limit(room)
    for one, other in pairwise(places):
        start, stop = sorted(min(place, len(keys)) for place in (one, other))
        assert asked.units(start, stop).tolist() == whole[start:stop].tolist()


def test_keys_that_are_too_many_are_made_again_and_not_held(monkeypatch):
    monkeypatch.setattr(orderings, "SMALL", 0)
    made = []

    def keys():
        made.append(1)
        return random_uint32(1000, 0, "test")

    free, tight = SortedOrdering(1000, keys), SortedOrdering(1000, keys)
    free.units(0, 10), free.units(10, 20), free.units(20, 900)
    assert len(made) == 1
    share_memory([tight])
    assert tight._room == 1000, "a thousand units have room"
    tight.limit(100)
    tight.units(0, 10), tight.units(10, 110)
    assert len(made) == 3


def test_the_room_is_shared_by_size(monkeypatch):
    monkeypatch.setattr(orderings, "MEMORY_UNITS", 100)
    small, large = (SortedOrdering(n, partial(random_uint32, n, 0, "test")) for n in (100, 300))
    share_memory([small, ListedOrdering(np.arange(3), np.arange(3, dtype=np.uint32)), large])
    assert (small._room, large._room) == (25, 75)


def test_a_matched_ordering_takes_the_units_of_one_and_the_counts_of_another():
    targeted, drawn = (
        from_keys(np.array([5, 1, 9], np.uint32)),
        from_keys(np.array([2, 8, 0], np.uint32)),
    )
    both = SizeMatchedOrdering(targeted, drawn)
    assert (both.count, both.units(0, 2).tolist()) == (3, [2, 0])
    assert [both.count_below(border) for border in (0, 2, 9, 10, 2**32)] == [0, 1, 2, 3, 3]


def test_looking_ahead_sorts_beside_this_thread_and_only_once(monkeypatch):
    monkeypatch.setattr(orderings, "SMALL", 0)
    where = []

    def keys(count):
        where.append(threading.current_thread())
        return random_uint32(count, 0, "test")

    random = [SortedOrdering(count, partial(keys, count)) for count in (500, 900)]
    listed = ListedOrdering(np.arange(9), np.arange(9, dtype=np.uint32))
    presort([(listed, 0, 4), *((one, 10, 200) for one in random)])
    found = [one.units(10, 200).tolist() for one in random]
    assert len(where) == 2 and threading.current_thread() not in where
    assert found == [
        from_keys(random_uint32(n, 0, "test")).units()[10:200].tolist() for n in (500, 900)
    ]


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize(("room", "small"), [(2**24, 2**16), (2**24, 0), (500, 0)])
def test_damage_is_what_it_always_was(tiny_bert, room, small, far, monkeypatch):
    """Pinned: records hold these digests. They were taken when orderings were sorted whole."""
    monkeypatch.setattr(orderings, "SMALL", small)
    monkeypatch.setattr(orderings, "MEMORY_UNITS", room)
    model = load_model(str(tiny_bert))
    with Lesion().opened(model, draw=3) as wound:
        wound._on_accelerator = far  # as on a GPU
        found = [wound.deepen(dose).digest for dose in (0.05, 0.3, 0.9, 0.2)]
    assert found == PINNED

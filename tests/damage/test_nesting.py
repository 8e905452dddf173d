"""Lesions of one model that are open at once: in order, or refused with the model whole."""

import threading
from contextlib import ExitStack

import pytest

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from tests import families
from tests.families import same, state

QUERIES, KEYS = Lesion(parts=("query",)), Lesion(parts=("key",))
ORDER = (
    "A lesion was left while one that was opened after it on the same tensors was still open. "
    "Both are undone, and the model is whole; what was measured since then is of no use. Leave "
    "lesions in the reverse order of opening, as nested with blocks do."
)


@pytest.fixture(params=["bert", "gpt2"])
def model(request, tmp_path):
    return load_model(str(families.build(request.param, tmp_path)))


def test_nested_in_order_each_gives_back_what_it_found(model):
    before = state(model)
    with Lesion().opened(model) as outer:
        outer.deepen(0.3)
        between = state(model)
        with Lesion(units="neurons", effect="noise").opened(model) as inner:
            inner.deepen(0.5)
            assert not same(between, model)
        assert same(between, model)
        outer.deepen(0.4)
    assert same(before, model)


def test_left_out_of_order_the_model_is_whole_and_it_is_an_error(model):
    before = state(model)
    first, second = Lesion().opened(model), Lesion(units="neurons").opened(model)
    first.__enter__().deepen(0.2)
    two = second.__enter__()
    two.deepen(0.4)
    with pytest.raises(LesionError) as caught:
        first.__exit__(None, None, None)
    assert str(caught.value) == ORDER
    assert same(before, model)
    with pytest.raises(LesionError) as caught:
        two.deepen(0.5)
    assert str(caught.value) == (
        "This lesion is no longer open: its model was given back. Open it again."
    )
    second.__exit__(None, None, None)
    assert same(before, model)
    with Lesion().applied(model, 0.5) as receipt:
        assert receipt.destroyed > 0


def test_what_stands_on_what_stands_on_a_lesion_is_undone_with_it(model):
    before = state(model)
    both = Lesion(parts=("query", "key"))
    first = QUERIES.opened(model)
    first.__enter__().deepen(0.5)
    with ExitStack() as stack:
        for one in (both, KEYS):
            stack.enter_context(one.opened(model)).deepen(0.5)
        with pytest.raises(LesionError, match="Both are undone"):
            first.__exit__(None, None, None)
        assert same(before, model)
    assert same(before, model)


def test_lesions_of_different_tensors_may_be_deepened_and_left_in_any_order(model):
    """Fused projections too: query and key of GPT-2 are columns of one tensor."""
    before = state(model)
    first, second = QUERIES.opened(model), KEYS.opened(model)
    one, two = first.__enter__(), second.__enter__()
    for dose in (0.2, 0.6):
        one.deepen(dose)
        two.deepen(dose)
    first.__exit__(None, None, None)
    with KEYS.applied(load_like(model, before), 0.6) as alone:
        assert two.deepen(0.6) == alone
    second.__exit__(None, None, None)
    assert same(before, model)


def load_like(model, before):
    import copy

    other = copy.deepcopy(model)
    other.load_state_dict(before)
    return other


def test_a_lesion_under_another_one_cannot_be_deepened(model):
    with Lesion().opened(model) as outer:
        outer.deepen(0.2)
        with Lesion(units="neurons").opened(model) as inner:
            inner.deepen(0.2)
            with pytest.raises(LesionError) as caught:
                outer.deepen(0.3)
            assert str(caught.value) == (
                "Another lesion was opened on the same tensors after this one, and would take "
                "back what is written now. Leave that one first."
            )
        assert outer.deepen(0.3).destroyed > 0


def test_a_lesion_that_was_left_cannot_be_deepened(model):
    before = state(model)
    with Lesion().opened(model) as wound:
        pass
    with pytest.raises(LesionError, match="This lesion is no longer open"):
        wound.deepen(0.5)
    assert same(before, model)


def test_another_thread_cannot_open_a_lesion_of_a_model_that_is_open(model):
    before, found = state(model), []

    def other():
        try:
            with KEYS.applied(model.base_model, 0.5):
                found.append("opened")
        except LesionError as error:
            found.append(str(error))

    with QUERIES.applied(model, 0.5):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == [
        "This model is damaged by a lesion that is open in another thread, so that neither would "
        "measure its own damage. Load the model once for each thread, or take turns."
    ]
    assert same(before, model)
    found.clear()
    other()
    assert found == ["opened"]


def test_a_lesion_that_could_not_be_opened_is_in_nobodys_way(model):
    with pytest.raises(LesionError), Lesion(effect="mean", units="heads").applied(model, 0.5):
        pass
    found = []
    thread = threading.Thread(
        target=lambda: found.append(QUERIES.applied(model, 0.5).__enter__().destroyed)
    )
    thread.start()
    thread.join()
    assert found and found[0] > 0


def test_what_was_left_is_not_kept_in_memory_by_what_is_open_beneath(model):
    import gc
    import weakref

    with Lesion().opened(model):
        with Lesion(units="neurons").opened(model) as inner:
            kept = weakref.ref(inner)
        del inner
        gc.collect()
        assert kept() is None

import numpy as np

from lesion.damage import spill
from lesion.damage.lesion import Lesion
from lesion.damage.spill import Spill, Spilled
from lesion.models.load import load_model


def test_an_array_on_disk_is_read_like_one_in_memory():
    file, numbers = Spill(), np.random.default_rng(0).integers(2**32, size=(2, spill.LONG + 7))
    arrays = [row.astype(np.uint32) for row in numbers]
    for array, kept in zip(arrays, [file.put(array) for array in arrays], strict=True):
        assert isinstance(kept, Spilled)
        assert len(kept) == len(array)
        for part in (slice(None), slice(0, 0), slice(5, 9), slice(spill.LONG, None), slice(9, 5)):
            assert np.array_equal(kept[part], array[part])


def test_a_short_array_stays_where_it_is():
    values = np.arange(10, dtype=np.uint32)
    assert Spill().put(values) is values


def test_a_lesion_is_the_same_with_its_orderings_on_disk(tiny_bert, monkeypatch):
    def receipts(scope):
        with Lesion(scope=scope).opened(load_model(str(tiny_bert)), 2) as wound:
            return [wound.deepen(dose) for dose in (0.1, 0.5, 0.3, 1)]

    in_memory = [receipts(scope) for scope in ("site", "model")]
    monkeypatch.setattr(spill, "LONG", 1)
    assert [receipts(scope) for scope in ("site", "model")] == in_memory

import pytest
import torch

from lesion.damage.lesion import Lesion
from lesion.damage.originals import ALWAYS_COPY, Originals
from lesion.models.load import load_model


def test_a_wound_is_the_same_and_heals_the_same_with_originals_as_with_copies(tiny_bert):
    model, other = load_model(str(tiny_bert)), load_model(str(tiny_bert))
    originals = Originals(model, lambda: load_model(str(tiny_bert)))
    cut = Lesion(effect="noise")
    with cut.opened(model, 1, (), originals) as wound, cut.opened(other, 1) as reference:
        for dose in (0.4, 0.9, 0.2):  # the last one heals first
            assert wound.deepen(dose) == reference.deepen(dose)
            for one, two in zip(model.parameters(), other.parameters(), strict=True):
                assert torch.equal(one, two)
    unharmed = load_model(str(tiny_bert))
    for one, two in zip(model.parameters(), unharmed.parameters(), strict=True):
        assert torch.equal(one, two)


def test_an_original_is_read_from_the_file_and_not_copied(tiny_bert):
    model = load_model(str(tiny_bert))
    originals = Originals(model, lambda: load_model(str(tiny_bert)))
    tensor = model.get_parameter("bert.encoder.layer.1.output.dense.weight")
    first, again = originals.intact(tensor), originals.intact(tensor)
    assert torch.equal(first, tensor)
    assert first.data_ptr() == again.data_ptr() != tensor.data_ptr()
    view = tensor.detach()[3:5, ::2].t()
    assert torch.equal(originals.intact(view), view)
    assert originals.intact(view).untyped_storage().data_ptr() == first.untyped_storage().data_ptr()


def test_what_has_changed_since_it_was_read_is_copied(tiny_bert):
    """A lesion in a model that is damaged already is healed to that damage."""
    model = load_model(str(tiny_bert))
    originals = Originals(model, lambda: load_model(str(tiny_bert)))
    tensor = model.get_parameter("bert.encoder.layer.0.attention.self.key.weight")
    with torch.no_grad():
        tensor[0, 0] += 1
    kept = originals.intact(tensor)
    assert torch.equal(kept, tensor)
    with torch.no_grad():
        tensor.zero_()
    assert bool(kept.any())


def test_a_model_in_memory_is_copied_and_not_loaded_twice():
    model = torch.nn.Linear(3, 3)
    originals = Originals(model, lambda: pytest.fail("loaded twice"))
    assert originals.intact(model.weight).equal(model.weight)
    assert ALWAYS_COPY.intact(model.weight).data_ptr() != model.weight.data_ptr()

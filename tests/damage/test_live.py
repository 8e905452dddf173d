"""What happens to a model's tensors while a wound is open: healed to the bit, or refused."""

import copy

import pytest
import torch
from torch import nn

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from tests import families
from tests.families import same, state

FUSED = {"bert": "encoder.layer.0.attention.self.query", "gpt2": "h.0.attn.c_attn[0/3]",
         "modernbert": "layers.0.attn.Wqkv[0/3]"}  # fmt: skip


@pytest.fixture(params=FUSED)
def model(request, tmp_path):
    return load_model(str(families.build(request.param, tmp_path)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_cast_in_an_open_wound_is_healed_as_the_whole_model_would_have_been_cast(model, dtype):
    expected = state(copy.deepcopy(model).to(dtype))
    with Lesion(effect="noise").applied(model, 0.4):
        model.to(dtype)
        assert not same(expected, model)
    assert same(expected, model)


def test_a_dose_after_a_cast_is_refused(model):
    expected = state(copy.deepcopy(model).half())
    path = FUSED[model.config.model_type]
    with Lesion().opened(model) as wound:
        wound.deepen(0.2)
        model.half()
        for dose in (0.3, 0.1):
            with pytest.raises(LesionError) as caught:
                wound.deepen(dose)
            assert str(caught.value) == (
                f"layer 0 query ({path}): its weight was cast, moved or replaced while the lesion "
                "was open, so that what is written now would not reach the model. Leave the "
                "lesion, and open it again."
            )
    assert same(expected, model)


def test_damaged_values_that_were_assigned_anew_are_healed(model):
    before = state(model)
    with Lesion(effect="noise").applied(model, 0.4):
        model.load_state_dict(state(model), assign=True)
        assert not same(before, model)
    assert same(before, model)


def test_whole_values_that_were_assigned_are_left(model):
    before = state(model)
    with Lesion().applied(model, 0.4):
        model.load_state_dict({n: t.clone() for n, t in before.items()}, assign=True)
    assert same(before, model)


def test_other_values_that_were_assigned_are_left_and_it_is_an_error(model):
    other = {name: torch.randn_like(tensor) for name, tensor in state(model).items()}
    path = FUSED[model.config.model_type]
    with pytest.raises(LesionError) as caught, Lesion().applied(model, 0.4):
        model.load_state_dict({n: t.clone() for n, t in other.items()}, assign=True)
    message = str(caught.value)
    assert message.startswith(
        f"layer 0 query ({path}): its weight was replaced while the lesion was open, by numbers "
        "that are neither the damaged nor the intact ones. They were left as they are, and may "
        "hold damage; so were those of "
    )
    assert message.endswith("Load the model again before it is used.")
    assert same(other, model)


def test_a_parameter_given_new_data_is_no_longer_what_was_damaged(model):
    site = model.base_model.get_submodule(
        {"bert": "encoder.layer.0.output.dense", "gpt2": "h.0.mlp.c_proj",
         "modernbert": "layers.0.mlp.Wo"}[model.config.model_type]
    )  # fmt: skip
    with (
        pytest.raises(LesionError, match="was replaced while the lesion was open"),
        Lesion().applied(model, 0.4),
    ):
        site.weight.data = site.weight.detach() * 2


def test_what_was_written_into_a_damaged_tensor_is_healed(model):
    before = state(model)
    with Lesion().applied(model, 0.4):
        model.load_state_dict({n: torch.zeros_like(t) for n, t in before.items()})
        model.load_state_dict(before)
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.Linear):
                    module.weight.add_(0)
    assert same(before, model)

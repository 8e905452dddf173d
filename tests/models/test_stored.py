"""How a checkpoint's numbers are stored, whatever they are loaded as."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.models.stored import memory_format, number_of, stored_format
from tests import labs

FORMATS = ("float32", "bfloat16", "float16")


@pytest.mark.parametrize("how", ["safe", "torch", "parts"])
@pytest.mark.parametrize("name", FORMATS)
def test_the_format_is_read_from_the_files_and_not_from_the_configuration(
    name, how, tmp_path, tiny_bert
):
    folder = labs.store(tiny_bert, tmp_path / "model", name, how)
    assert "bfloat16" not in (folder / "config.json").read_text()
    assert stored_format(str(folder), None) == name
    model = load_model(str(folder))
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}
    assert memory_format(model) == (None if name == "float32" else name)


def test_of_several_formats_that_of_most_numbers_counts(tmp_path, tiny_bert):
    folder = labs.store(tiny_bert, tmp_path / "model", "bfloat16")
    weights = load_file(folder / "model.safetensors")
    weights = {key: value if value.dim() > 1 else value.float() for key, value in weights.items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert sum(value.dim() <= 1 for value in weights.values()) > len(weights) / 2
    assert stored_format(str(folder), None) == "bfloat16"


@pytest.mark.parametrize("name", FORMATS)
def test_a_model_can_be_loaded_as_it_is_stored(name, tmp_path, tiny_bert):
    folder = labs.store(tiny_bert, tmp_path / "model", name)
    model = load_model(str(folder), dtype="stored")
    assert {tensor.dtype for tensor in model.parameters()} == {getattr(torch, name)}
    assert memory_format(model) is None, "it is that of its tensors"


def test_the_format_goes_with_copies_and_ends_with_a_cast(tmp_path, tiny_bert):
    model = load_model(str(labs.store(tiny_bert, tmp_path / "model", "bfloat16")))
    assert memory_format(copy.deepcopy(model)) == "bfloat16"
    assert memory_format(model.to(torch.float16)) is None


def test_a_model_that_the_user_loaded_has_the_format_of_its_tensors(tmp_path, tiny_bert):
    folder = labs.store(tiny_bert, tmp_path / "model", "bfloat16")
    own = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    assert memory_format(own) is None


def test_what_is_remembered_is_not_saved(tmp_path, tiny_bert):
    model = load_model(str(labs.store(tiny_bert, tmp_path / "model", "bfloat16")))
    model.save_pretrained(tmp_path / "again")
    assert "lesion" not in (tmp_path / "again" / "config.json").read_text()
    assert stored_format(str(tmp_path / "again"), None) == "float32"


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("bf16", "dtype: must be one of float32, stored. Got 'bf16'."),
        (
            "stored",
            "me/tiny: is stored as float8_e4m3fn, and models compute in float32, bfloat16, "
            "float16, float64. Load it as float32.",
        ),
    ],
)
def test_what_a_model_cannot_be_loaded_as_is_refused(dtype, message):
    with pytest.raises(LesionError) as caught:
        number_of("me/tiny", dtype, "float8_e4m3fn")
    assert str(caught.value) == message

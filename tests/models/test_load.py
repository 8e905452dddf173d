import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.inputs import Batcher, collate, language_id
from lesion.models.load import load_model, load_tokenizer, resolve
from tests import families, labs
from tests.hub import connected, push, serving


@pytest.fixture
def folder(tiny_bert, tmp_path) -> Path:
    """A copy of the tiny BERT that a test may spoil."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "model"))


def refused(source: str, **options: object) -> str:
    with pytest.raises(LesionError) as caught:
        load_model(source, **options)
    return str(caught.value)


def test_a_folder_loads_in_float32_and_evaluation_mode(folder):
    model = load_model(str(folder))
    assert not model.training
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}


def test_a_hub_id_is_pinned_to_the_commit_of_its_revision(folder, tmp_path):
    first = push(tmp_path / "hub", "me/tiny", folder)
    expected = load_model(str(folder)).state_dict()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-3}))
    second = push(tmp_path / "hub", "me/tiny", folder)
    with serving(tmp_path / "hub") as endpoint, connected(endpoint, tmp_path / "cache"):
        assert resolve("me/tiny").revision == second != first
        old = resolve("me/tiny", first)
        assert (old.revision, old.digest) == (first, f"me/tiny@{first}")
        model = load_model(old)
        assert model.config.layer_norm_eps == 1e-12
        assert all(torch.equal(expected[key], value) for key, value in model.state_dict().items())
        assert load_tokenizer(old)("the cat").input_ids


def test_a_model_in_the_cache_loads_where_the_hub_is_out_of_reach(folder, tmp_path):
    commit = push(tmp_path / "hub", "me/tiny", folder)
    with serving(tmp_path / "hub") as endpoint, connected(endpoint, tmp_path / "cache"):
        load_model("me/tiny", revision="main")
    with connected("http://127.0.0.1:9", tmp_path / "cache"):
        assert resolve("me/tiny", commit).revision == commit
        assert load_model("me/tiny", revision=commit).config.model_type == "bert"


def test_a_model_that_the_hub_does_not_have_is_named(tmp_path):
    (tmp_path / "hub").mkdir()
    with serving(tmp_path / "hub") as endpoint, connected(endpoint, tmp_path / "cache"):
        assert refused("me/none") == (
            "me/none: the hub has no such model or revision (main). Check the spelling, or log in "
            "if it is private."
        )


def test_without_a_hub_or_a_cache_the_remedy_is_told():
    assert refused("me/none") == (
        "me/none: is not a folder here, the hub cannot be reached and its cache does not hold the "
        "model. Give a local folder, or run once with a network."
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/nowhere/model", "/nowhere/model: no such folder. Give a model folder or a hub id."),
        ("./nowhere", "./nowhere: no such folder. Give a model folder or a hub id."),
        (
            "twin/nn-0",
            "twin/nn-0: there is no twin of this name. There are en-0, en-1, en-2, enfr-0, enfr-1, "
            "enfr-2, enfrdees-0, enfrdees-1, enfrdees-2. Did you mean 'en-0'?",
        ),
        (
            "python:no_such_package/model",
            "python:no_such_package/model: the Python package no_such_package is not installed. "
            "Install it with pip install no-such-package.",
        ),
    ],
)
def test_a_source_that_is_not_there_is_refused(source, message):
    assert refused(source) == message


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    assert refused(str(folder)) == (
        f"{folder}: holds no weights (model.safetensors, model.safetensors.index.json, "
        "pytorch_model.bin)."
    )


def test_weights_that_are_cut_short_are_refused(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert refused(str(folder)).startswith(f"{folder}: cannot be loaded as a model: ")


def test_a_pickle_that_would_run_code_is_not_run(folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    (folder / "model.safetensors").unlink()
    torch.save({"weight": Trap()}, folder / "pytorch_model.bin")
    assert refused(str(folder)).startswith(f"{folder}: cannot be loaded as a model: ")
    assert not (tmp_path / "sprung").exists()


def test_code_that_a_repository_carries_is_not_run(folder, tmp_path):
    (folder / "modeling_own.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoModelForSequenceClassification": "modeling_own.Own"}
    (folder / "config.json").write_text(
        json.dumps({**config, "model_type": "own", "auto_map": own})
    )
    assert refused(str(folder)).startswith(f"{folder}: cannot be loaded as a model: ")
    assert not (tmp_path / "sprung").exists()


def test_equal_files_have_equal_digests_and_others_not(folder, tiny_bert):
    assert resolve(str(folder)).digest == resolve(str(tiny_bert)).digest
    torch.manual_seed(5)
    other = BertForSequenceClassification(BertConfig.from_pretrained(folder))
    other.save_pretrained(folder)
    assert resolve(str(folder)).digest != resolve(str(tiny_bert)).digest


def test_a_missing_head_is_an_error_unless_it_is_to_be_trained(folder, tmp_path):
    assert refused(str(folder), head="mlm") == (
        f"{folder}: has no trained mlm head (cls.predictions.bias is missing). Choose a checkpoint "
        "that was saved with its masked language model."
    )
    assert load_model(str(folder), head="mlm", require_head=False).config.model_type == "bert"
    encoder = labs.without(folder, tmp_path / "encoder", "classifier.")
    assert refused(str(encoder)) == (
        f"{encoder}: has no trained classification head (classifier.bias is missing). Fine-tune "
        "it: give the study a finetune section."
    )


@pytest.mark.parametrize("name", ["bert", "albert", "mpnet", "roberta", "xlm-roberta"])
def test_a_base_model_needs_no_pooler_and_then_has_none(name, tmp_path, untouched_randomness):
    """A masked language model is saved without one."""
    folder = families.build(name, tmp_path, "mlm")
    model = load_model(str(folder), head="base")
    assert model.pooler is None
    ids = {"input_ids": torch.tensor([[5, 6, 7]])}
    states = load_model(str(folder), head="mlm").base_model(**ids).last_hidden_state
    found = model(**ids)
    assert torch.equal(found.last_hidden_state, states)
    assert found.pooler_output is None
    with pytest.raises(LesionError, match="has no pooler in the selected layers"):
        Lesion("neurons", parts=("pooler",)).opened(model).__enter__()


def test_a_base_model_keeps_the_pooler_that_it_has(folder):
    assert load_model(str(folder), head="base").pooler is not None


def test_a_classifier_that_reads_a_pooler_needs_it(folder, tmp_path):
    encoder = labs.without(folder, tmp_path / "encoder", "bert.pooler.")
    assert refused(str(encoder)) == (
        f"{encoder}: has no trained classification head (bert.pooler.dense.bias is missing). "
        "Fine-tune it: give the study a finetune section."
    )


@pytest.mark.parametrize("head", ["base", "classification", "mlm"])
def test_an_encoder_whose_weights_have_other_names_is_never_filled_with_random_ones(
    head, folder, tmp_path
):
    weights = load_file(folder / "model.safetensors")
    weights = {key.replace("encoder.layer", "encoder.block"): weights[key] for key in weights}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    for require_head in (True, False):
        message = refused(str(folder), head=head, require_head=require_head)
        assert message.startswith(f"{folder}: lacks weights of the bert that its config.json ")
        assert message.endswith(
            "is missing, 48 in all), which would be random. Save the whole model, or choose "
            "another checkpoint."
        )


def test_a_batcher_gives_rows_the_language_of_its_task(tiny_xlm):
    tokenizer = AutoTokenizer.from_pretrained(tiny_xlm)
    config = load_model(str(tiny_xlm)).config
    rows = [{"input_ids": [5, 6, 7]}, {"input_ids": [8]}]
    tensors = Batcher(tokenizer, config, "fr", torch.device("cpu"))(rows)
    assert tensors["langs"].tolist() == [[1, 1, 1], [1, 1, 1]]
    expected = collate(rows, tokenizer, 1, torch.device("cpu"))
    assert {key: tensor.tolist() for key, tensor in tensors.items()} == {
        key: tensor.tolist() for key, tensor in expected.items()
    }


def test_padding_and_masks(tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    rows = [{"input_ids": [5, 6, 7], "positions": [1]}, {"input_ids": [8], "positions": [0]}]
    made = collate(rows, tokenizer, None, torch.device("cpu"))
    pad = tokenizer.pad_token_id
    assert made["input_ids"].tolist() == [[5, 6, 7], [8, pad, pad]]
    assert made["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert set(made) == {"input_ids", "attention_mask"}


def test_a_language_that_an_xlm_does_not_know_is_refused(tiny_xlm):
    config = load_model(str(tiny_xlm)).config
    assert (language_id(config, "en"), language_id(config, "fr")) == (0, 1)
    with pytest.raises(LesionError) as caught:
        language_id(config, "de")
    assert str(caught.value) == (
        "the XLM model has language embeddings for en, fr. Got 'de': choose a model or a task in "
        "one of its languages."
    )

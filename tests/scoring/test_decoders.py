"""Decoders from fine-tuning to curves: classification, and the loss of running text."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import lesion
from lesion.models import load
from lesion.study.files import parse_study
from lesion.study.trials import Trial
from tests import families, labs

SIZE = 8  # of a head: 32 wide, 4 heads
# A head of layer 1, which in Llama shares its keys and values with another, and a neuron of the
# value projection of layer 0, which GPT-2 keeps in one tensor with query and key.
UNITS = {"heads": "1,heads,2", "neurons": "0,value,5"}


def destroy_by_hand(model, name: str, units: str) -> None:
    """Silence head 2 of layer 1, or value neuron 5 of layer 0, without any of Lesion's code."""
    body = model.base_model
    slices = slice(2 * SIZE, 3 * SIZE)
    with torch.no_grad():
        if name == "gpt2" and units == "heads":
            body.h[1].attn.c_proj.weight[slices] = 0
        elif name == "gpt2":
            body.h[0].attn.c_attn.weight[:, 2 * 32 + 5] = 0
            body.h[0].attn.c_attn.bias[2 * 32 + 5] = 0
        elif units == "heads":
            body.layers[1].self_attn.o_proj.weight[:, slices] = 0
        else:
            body.layers[0].self_attn.v_proj.weight[5] = 0


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_fine_tuned_decoder_is_damaged_and_scored_as_by_hand(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    source = families.build(name, tmp_path / name, "causal")
    for units, line in UNITS.items():
        (tmp_path / f"{units}.csv").write_text(f"layer,part,unit\n{line}\n")
    lesions = [
        {"name": units, "units": units, "order": "listed", "file": str(tmp_path / f"{units}.csv")}
        for units in UNITS
    ]
    finetune = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3}
    study = labs.study(source, data, lesions=lesions, finetune=finetune, doses=[0, 1], draws=1)
    watcher = labs.Watcher()
    run = lesion.run(parse_study(study), tmp_path / "run", watcher=watcher)
    why = f"{name} with a classification head has no fast forward."
    assert watcher.notes == [f"tiny on pairs is scored by the Hugging Face forward pass: {why}"]
    (folder,) = (tmp_path / "cache" / "finetuned").iterdir()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pairs = [line.split("\t")[:2] for line in data.read_text().splitlines()[1:]]
    for units in ("", *UNITS):
        with load.silence_transformers():
            plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        destroy_by_hand(plain, name, units) if units else None
        with torch.inference_mode():
            expected = [plain(**tokenizer(*pair, return_tensors="pt")).logits[0] for pair in pairs]
        trial = Trial("tiny", 0, "pairs", units, float(bool(units)), 0)
        np.testing.assert_allclose(run.record.outputs(trial), np.stack(expected), atol=1e-5)


def test_an_empty_text_is_the_token_that_begins_one(tmp_path):
    """All words dropped: a decoder's tokenizer adds nothing, and no model reads nothing."""
    folder = families.build("llama", tmp_path / "llama")
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    drop = {"name": "drop", "distraction": "drop", "doses": [0, 1]}
    study = labs.study(folder, data, lesions=[drop], draws=1)
    run = lesion.run(parse_study(study), tmp_path / "run")
    model = load.load_model(str(folder))
    with torch.inference_mode():
        expected = model(input_ids=torch.tensor([[0]])).logits.numpy()
    assert AutoTokenizer.from_pretrained(folder).bos_token_id == 0
    found = run.record.outputs(Trial("tiny", 0, "pairs", "drop", 1.0, 0))
    np.testing.assert_allclose(found, np.repeat(expected, 24, axis=0), atol=1e-5)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A tiny GPT-2 that has learned a text, and the text."""
    root = tmp_path_factory.mktemp("reader")
    text = labs.write_prose(root / "prose.txt", lines=60)
    folder = families.build("gpt2", root / "gpt2", "causal")
    model = load.load_model(str(folder), head="causal")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text.read_text(), return_tensors="pt")["input_ids"]
    batch = torch.nn.functional.pad(ids[:, : ids.shape[1] // 14 * 14].reshape(-1, 14), (1, 0))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        model(input_ids=batch, labels=batch).loss.backward()
        optimiser.step()
    model.save_pretrained(folder)
    return folder, text


def test_running_text_gives_curves_from_unharmed_to_chance(reader, tmp_path):
    folder, text = reader
    task = {"name": "prose", "kind": "lm", "file": str(text), "length": 14}
    every = {"name": "everything", "where": {"parts": ["embeddings", "mlp_in", "mlp_out", "norms"]}}
    study = parse_study({
        "name": "s", "models": [{"name": "gpt2", "source": str(folder)}], "tasks": [task],
        "lesions": [every], "doses": [0, 0.1, 1], "draws": 3,
    })  # fmt: skip
    run = lesion.run(study, tmp_path / "run")
    (analysis,) = run.analyses
    assert not analysis.diagnoses
    curves = run.curves()
    assert curves["skill"].iloc[0] == 1 and 0 < curves["skill"].iloc[1] < 1
    # Without embeddings, a model says the same everywhere: every token is as likely as any other.
    words = len(AutoTokenizer.from_pretrained(folder))
    assert curves["nats_per_token"].iloc[2] == pytest.approx(np.log(words), rel=1e-5)
    assert curves["perplexity"].iloc[2] == pytest.approx(words, rel=1e-4)
    assert curves["skill"].iloc[2] < 0, "the best constant answer knows how frequent words are"

"""The shipped studies of others' experiments are what their authors did."""

import json
from dataclasses import replace

import pytest
import torch

from lesion.damage.lesion import Lesion
from lesion.models.load import load_model
from lesion.models.parts import SIX_MATRICES
from lesion.report.preview import preview_lines
from lesion.running.check import preview
from lesion.study.damages import build
from lesion.study.files import find_study
from lesion.study.variants import on_models, quick
from tests import families, labs

DARAS, PRASANNA = "neighbours/daras-2022", "neighbours/prasanna-2020"
ATTENTION = ("query", "key", "value", "attention_output")


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A tiny GPT-2 that reads as many tokens as the real one."""
    folder = tmp_path_factory.mktemp("gpt2")
    families.build("gpt2", folder, "causal", max_position_embeddings=1024)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings["model_max_length"] = 1024
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


@pytest.fixture
def data(tmp_path):
    """MRPC, RTE and WNLI in GLUE's own layout, and a text."""
    labs.write_glue(tmp_path / "data")
    labs.write_prose(tmp_path / "data" / "imdb.txt", lines=120)
    return tmp_path / "data"


def attention_of(model) -> set[str]:
    """What their code damages: every parameter with attn in its name."""
    return {name for name, _ in model.named_parameters() if "attn" in name}


@pytest.mark.parametrize("name", ["deletion", "magnitude", "noise"])
def test_daras_damages_every_parameter_of_the_attention_blocks_and_no_other(name, gpt2):
    spec = next(one for one in find_study(DARAS).lesions if one.name == name)
    model = load_model(str(gpt2), head="causal")
    before = {key: tensor.detach().clone() for key, tensor in model.named_parameters()}
    with build(spec, 0).applied(model, 0.9):
        after = dict(model.named_parameters())
        hit = {key for key in before if not torch.equal(before[key], after[key])}
    assert hit == attention_of(model)


def test_daras_prunes_the_smallest_of_every_tensor_that_gpt2_keeps(gpt2):
    spec = next(one for one in find_study(DARAS).lesions if one.name == "magnitude")
    model = load_model(str(gpt2), head="causal")
    expected = {}
    for name in attention_of(model):
        flat = model.get_parameter(name).detach().abs().flatten()
        kept = torch.ones(len(flat), dtype=torch.bool)
        kept[flat.argsort(stable=True)[: round(0.5 * len(flat))]] = False
        expected[name] = kept
    with build(spec, 0).applied(model, 0.5):
        for name, kept in expected.items():
            assert torch.equal(model.get_parameter(name).flatten() != 0, kept), name


def test_daras_takes_their_grids_and_draws():
    study = find_study(DARAS)
    deletion, magnitude, noise = study.lesions
    assert deletion.doses == (0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08)
    assert deletion.damage == Lesion(parts=ATTENTION)
    assert noise.damage == Lesion(effect="noise", dose_is="strength", parts=ATTENTION)
    assert not magnitude.random and study.draws == 10
    assert [(task.name, task.kind) for task in study.tasks] == [
        ("imdb", "lm"),
        ("mrpc", "classify"),
    ]
    assert study.finetune.epochs == 10 and study.finetune.batch_size == 2


def test_daras_passes_check(data, gpt2):
    found = preview(on_models(find_study(DARAS), str(gpt2)), data)
    trials = 1 + 8 * 10 + 9 + 10 * 10
    assert [(row.model, row.task, row.trials) for row in found.rows] == [
        (model, task, trials) for model in ("GPT-2", "bilingual GPT-2") for task in ("imdb", "mrpc")
    ]
    assert found.problems == ()
    why = (
        "GPT-2 on imdb is scored by the Hugging Face forward pass: gpt2 with a causal head has no "
        "fast forward."
    )
    assert why in preview_lines(found)


def test_prasanna_ranks_all_weights_and_biases_of_the_six_matrices_together():
    study = find_study(PRASANNA)
    for lesion, order in zip(study.lesions, ("magnitude", "random"), strict=True):
        assert lesion.damage == Lesion("weights", order, "model")
        assert lesion.damage.selected_parts == SIX_MATRICES
    assert len(study.finetune.seeds) == study.draws == 5


def finished(study, data, folder) -> None:
    import lesion

    run = lesion.run(study, folder, data=data)
    done, total = run.progress()
    assert done == total > 0
    assert len(run.analyses) == len(study.models) * len(study.tasks) * len(study.lesions)
    assert run.write_report()


@pytest.mark.slow
def test_daras_runs_in_quick_form_on_stand_ins(tmp_path, gpt2, data, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    finished(on_models(quick(find_study(DARAS)), str(gpt2)), data, tmp_path / "run")


@pytest.mark.slow
def test_prasanna_runs_in_quick_form_on_stand_ins(tmp_path, tiny_bert, data, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    study = on_models(quick(find_study(PRASANNA)), str(tiny_bert))
    finished(replace(study, tasks=study.tasks[:3]), data, tmp_path / "run")

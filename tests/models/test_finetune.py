import contextlib
import json
import shutil
import sqlite3

import numpy as np
import pytest
import torch

import lesion
from lesion.atomic import publish
from lesion.errors import LesionError
from lesion.models import finetune
from lesion.models.load import load_model, resolve
from lesion.models.recipes import Finetuning
from lesion.study.files import parse_study
from tests import labs

RECIPE = {"seeds": [0, 1], "epochs": 2, "learning_rate": 1e-3, "batch_size": 8}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "finetuned"


def run(tmp_path, model, out="run", **changes):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    recipe = changes.pop("finetune", RECIPE)
    value = labs.study(model, data, finetune=recipe, draws=1, doses=[0, 0.5])
    return lesion.run(parse_study(value), tmp_path / out, **changes)


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_xlm"])
def test_every_seed_is_trained_once_and_kept(fixture, tmp_path, cache, request, monkeypatch):
    first = run(tmp_path, request.getfixturevalue(fixture))
    assert len(list(cache.iterdir())) == 2
    names, rows = first.record.rows("models")
    digests = [dict(zip(names, row, strict=True))["digest"] for row in rows]
    assert len(set(digests)) == 2
    monkeypatch.setattr(finetune, "_train", lambda *a: pytest.fail("trained again"))
    second = run(tmp_path, request.getfixturevalue(fixture), out="again")
    assert second.record.rows("trials") == first.record.rows("trials")


def test_training_again_gives_the_same_weights(tmp_path, tiny_bert, monkeypatch):
    states = []
    for name in ("one", "two"):
        monkeypatch.setenv("LESION_CACHE", str(tmp_path / name))
        run(tmp_path, tiny_bert, out=f"run-{name}")
        folders = sorted((tmp_path / name / "finetuned").iterdir())
        states += [load_model(str(folder)).state_dict() for folder in folders]
    half = len(states) // 2
    for before, after in zip(states[:half], states[half:], strict=True):
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_training_learns(tmp_path, tiny_bert, cache):
    """On labels that a word gives away, the loss falls below the prior's entropy."""
    lines = ["s1\ts2\tsame"]
    for n in range(64):
        word, same = ("cat", "yes") if n % 2 else ("dog", "no")
        lines.append(f"the {word} sat .\ta {word} ran .\t{same}")
    (tmp_path / "easy.tsv").write_text("\n".join(lines))
    recipe = {"epochs": 30, "learning_rate": 3e-3, "batch_size": 16}
    value = labs.study(tiny_bert, tmp_path / "easy.tsv", finetune=recipe, draws=1, doses=[0, 1])
    summary = lesion.run(parse_study(value), tmp_path / "run").analyses[0]
    assert summary.intact.value == 1.0
    assert summary.curves["cross_entropy"].value[0] < np.log(2) / 2


def test_the_global_generators_are_given_back(tmp_path, tiny_bert, cache, untouched_randomness):
    run(tmp_path, tiny_bert)


def test_a_killed_training_leaves_nothing_that_looks_finished(
    tmp_path, tiny_bert, cache, monkeypatch
):
    def killed(*arguments):
        work = arguments[9]
        (work / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(finetune, "_train", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, tiny_bert)
    assert list(cache.iterdir()) == []


def test_the_cache_says_what_it_holds(tmp_path, tiny_bert, cache):
    run(tmp_path, tiny_bert)
    held = [json.loads((folder / finetune.METADATA).read_text()) for folder in cache.iterdir()]
    assert sorted(one["seed"] for one in held) == [0, 1]
    assert all(one["recipe"]["learning_rate"] == 1e-3 for one in held)


def test_two_processes_that_finish_at_once_keep_one_result(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / finetune.METADATA).write_text("{}")
    work = tmp_path / "work"
    work.mkdir()
    (work / finetune.METADATA).write_text("{}")
    publish(work, target, finetune.METADATA)
    assert (target / finetune.METADATA).is_file()
    assert not (target / "work").exists()


def other_versions(patch, **changed):
    """Pretend that something else is installed."""
    versions = {**finetune._versions(), **changed}
    patch.setattr(finetune, "_versions", lambda: versions)


@pytest.mark.parametrize("name", ["torch", "transformers", "accelerate", "training"])
def test_other_versions_train_heads_of_their_own(name, tmp_path, tiny_bert, cache, monkeypatch):
    run(tmp_path, tiny_bert)
    other_versions(monkeypatch, **{name: "0.0.1"})
    watcher = labs.Watcher()
    run(tmp_path, tiny_bert, out="again", watcher=watcher)
    assert len(list(cache.iterdir())) == 4
    assert watcher.notes == []


def test_heads_of_another_language_or_device_are_others(tmp_path, tiny_xlm, cache, monkeypatch):
    trained = []

    def train(*arguments):
        trained.append(arguments[7:9])
        (arguments[9] / "config.json").write_text(json.dumps({"model": len(trained)}))
        (arguments[9] / "model.safetensors").write_bytes(b"")
        return ()

    monkeypatch.setattr(finetune, "_train", train)
    base, rows, labels = resolve(str(tiny_xlm)), [{"input_ids": [1, 2]}], np.array([0])
    for language, device in [("en", "cpu"), ("fr", "cpu"), ("en", "cuda:0"), ("en", "cuda:1")] * 2:
        finetune.finetuned_checkpoint(
            base, None, rows, labels, ["a", "b"], Finetuning(), 0, language=language, device=device
        )
    assert trained == [("en", "cpu"), ("fr", "cpu"), ("en", "cuda:0")]


@pytest.fixture
def begun(tmp_path, tiny_bert, cache):
    """A run of one head that was interrupted, and its study."""
    once = {**RECIPE, "seeds": [0]}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, tiny_bert, finetune=once, watcher=labs.crash_after(1))
    return once


def test_a_run_goes_on_with_the_head_that_it_began_with(
    tmp_path, tiny_bert, cache, monkeypatch, begun
):
    other_versions(monkeypatch, torch="0.0.1")
    monkeypatch.setattr(finetune, "_train", lambda *a: pytest.fail("trained again"))
    watcher = labs.Watcher()
    assert run(tmp_path, tiny_bert, finetune=begun, watcher=watcher).progress() == (3, 3)
    assert watcher.notes == [
        f"{tiny_bert}: the head that this run began with is used again; it was trained with "
        f"torch {torch.__version__}."
    ]


def test_a_run_that_began_with_the_cache_of_an_earlier_release_goes_on(
    tmp_path, tiny_bert, cache, monkeypatch, begun
):
    """There the address had no second half, and the folder said less of how it was trained."""
    (head,) = cache.iterdir()
    about = json.loads((head / finetune.METADATA).read_text())
    del about["drawn"]
    about["versions"] = {key: about["versions"][key] for key in ("torch", "transformers")}
    (head / finetune.METADATA).write_text(json.dumps(about))
    head = head.rename(cache / head.name.partition("-")[0])
    with contextlib.closing(sqlite3.connect(tmp_path / "run" / "record.sqlite")) as base, base:
        base.execute("UPDATE models SET digest = ?", (resolve(str(head)).digest,))
    monkeypatch.setattr(finetune, "_train", lambda *a: pytest.fail("trained again"))
    watcher = labs.Watcher()
    assert run(tmp_path, tiny_bert, finetune=begun, watcher=watcher).progress() == (3, 3)
    assert watcher.notes == []


def test_a_run_whose_head_is_gone_is_not_continued_with_another(
    tmp_path, tiny_bert, cache, monkeypatch, begun
):
    (head,) = cache.iterdir()
    shutil.rmtree(head)
    other_versions(monkeypatch, training="0")
    with pytest.raises(LesionError, match="its weights changed since this run began"):
        run(tmp_path, tiny_bert, finetune=begun)


def test_a_head_on_an_encoder_without_a_pooler_is_trained_and_that_is_said(
    tmp_path, tiny_bert, cache
):
    encoder = labs.without(tiny_bert, tmp_path / "encoder", "bert.pooler.", "classifier.")
    for out in ("run", "again"):  # trained now, and from the cache
        watcher = labs.Watcher()
        run(tmp_path, encoder, out=out, watcher=watcher)
        assert watcher.notes == [
            f"{encoder}: has no pooler, so one was drawn at random and trained with the head."
        ]


def test_an_encoder_that_lacks_a_layer_is_not_trained(tmp_path, tiny_bert, cache):
    encoder = labs.without(tiny_bert, tmp_path / "encoder", "bert.encoder.layer.2.")
    with pytest.raises(LesionError) as caught:
        run(tmp_path, encoder)
    assert str(caught.value) == (
        f"{encoder}: lacks weights of the bert that its config.json describes "
        "(bert.encoder.layer.2.attention.output.LayerNorm.bias is missing, 16 in all), which "
        "would be random. Save the whole model, or choose another checkpoint."
    )


def test_every_step_says_which_model_it_trains(tmp_path, tiny_bert, cache):
    steps = []

    class Steps(labs.Watcher):
        def finetuning(self, *step):
            steps.append(step)

    run(tmp_path, tiny_bert, watcher=Steps(), workers=2)
    assert set(steps) == {
        ("tiny", seed, "pairs", step, 6) for seed in (0, 1) for step in range(1, 7)
    }

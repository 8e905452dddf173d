import json

import numpy as np
import pytest
import torch
from tests import labs

import lesion
from lesion.models import finetune
from lesion.models.load import load_model
from lesion.study import parse_study

RECIPE = {"seeds": [0, 1], "epochs": 2, "learning_rate": 1e-3, "batch_size": 8}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "finetuned"


def run(tmp_path, model, out="run", **changes):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = labs.study(model, data, finetune=RECIPE, draws=1, doses=[0, 0.5], **changes)
    return lesion.run(parse_study(value), tmp_path / out)


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
    held = [json.loads((folder / finetune.RECORD).read_text()) for folder in cache.iterdir()]
    assert sorted(one["seed"] for one in held) == [0, 1]
    assert all(one["recipe"]["learning_rate"] == 1e-3 for one in held)


def test_two_processes_that_finish_at_once_keep_one_result(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / finetune.RECORD).write_text("{}")
    work = tmp_path / "work"
    work.mkdir()
    (work / finetune.RECORD).write_text("{}")
    finetune._publish(work, target)
    assert (target / finetune.RECORD).is_file()
    assert not (target / "work").exists()

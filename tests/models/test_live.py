"""A model in memory gives the scores of the folder that it would be saved to."""

import pytest
import torch
from transformers import AutoTokenizer, BertForSequenceClassification

import lesion
from lesion.errors import LesionError
from lesion.models import live
from lesion.models.load import load_model
from tests import labs


class Doubled(BertForSequenceClassification):
    """A class that no Auto class makes: its logits are those of its parent, doubled."""

    def forward(self, *arguments, **named):
        output = super().forward(*arguments, **named)
        output.logits = output.logits * 2
        return output


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(live, "_HELD", {})
    return tmp_path / "cache"


def given(folder, kind=BertForSequenceClassification) -> dict:
    return {
        "name": "tiny",
        "model": kind.from_pretrained(folder),
        "tokenizer": AutoTokenizer.from_pretrained(folder),
    }


def study(tmp_path, folder, model) -> dict:
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    return {**labs.study(folder, data, lesions=[{"name": "w"}]), "models": [model]}


def trials(run) -> list:
    return run.record.rows("trials")[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_live_model_is_saved_once_and_scored_like_its_folder(workers, tmp_path, tiny_bert, cache):
    model = given(tiny_bert)
    before = {name: tensor.clone() for name, tensor in model["model"].state_dict().items()}
    run = lesion.run(study(tmp_path, tiny_bert, model), tmp_path / "live", workers=workers)
    plain = labs.study(tiny_bert, tmp_path / "pairs.tsv", lesions=[{"name": "w"}])
    assert trials(run) == trials(lesion.run(plain, tmp_path / "folder", workers=1))
    (folder,) = (cache / "live").iterdir()
    assert folder.name.startswith("BertForSequenceClassification-")
    names, ((*row,),) = run.record.rows("models")
    assert dict(zip(names, row, strict=True))["source"] == str(folder)
    assert (folder / "model.safetensors").is_file()
    lesion.run(study(tmp_path, tiny_bert, given(tiny_bert)), tmp_path / "live", workers=1)
    assert [path.name for path in (cache / "live").iterdir()] == [folder.name]
    assert all(torch.equal(before[name], one) for name, one in model["model"].state_dict().items())


def test_a_run_is_not_resumed_with_other_weights(tmp_path, tiny_bert):
    value = study(tmp_path, tiny_bert, given(tiny_bert))
    with pytest.raises(KeyboardInterrupt):
        lesion.run(value, tmp_path / "run", watcher=labs.crash_after(2))
    other = given(tiny_bert)
    with torch.no_grad():
        other["model"].classifier.bias += 1
    with pytest.raises(LesionError, match=r"source of model tiny\) differs from .*live"):
        lesion.run({**value, "models": [other]}, tmp_path / "run")
    assert lesion.run(value, tmp_path / "run").progress() == (7, 7)


def test_a_class_that_transformers_does_not_load_runs_in_this_process(
    tmp_path, tiny_bert, monkeypatch
):
    monkeypatch.setenv("LESION_WORKERS", "2")
    watcher = labs.Watcher()
    value = study(tmp_path, tiny_bert, given(tiny_bert, Doubled))
    run = lesion.run(value, tmp_path / "run", watcher=watcher)
    plain = lesion.run(study(tmp_path, tiny_bert, given(tiny_bert)), tmp_path / "plain", workers=1)
    intact = next(run.study.trials())
    found, once = run.record.outputs(intact), plain.record.outputs(intact)
    torch.testing.assert_close(torch.tensor(found), 2 * torch.tensor(once), atol=1e-5, rtol=1e-5)
    reason = (
        "tiny is a model in memory of the class tests.models.test_live.Doubled, which transformers "
        "does not load"
    )
    assert f"This run uses one process: {reason}." in watcher.notes
    with pytest.raises(LesionError) as caught:
        lesion.run(value, tmp_path / "more", workers=2)
    assert str(caught.value) == f"--workers: {reason}: run it with --workers 1."


def test_another_process_does_not_load_such_a_folder_as_something_else(
    tmp_path, tiny_bert, monkeypatch
):
    model = given(tiny_bert, Doubled)
    folder = live.save_live(model["model"], model["tokenizer"])
    assert isinstance(load_model(str(folder)), Doubled)
    monkeypatch.setattr(live, "_HELD", {})
    with pytest.raises(LesionError) as caught:
        load_model(str(folder))
    assert str(caught.value) == (
        f"{folder}: was saved from a model in memory of the class tests.models.test_live.Doubled, "
        "which transformers does not load. Run the study from Python with this model again."
    )


def test_what_is_no_model_of_transformers_is_refused_with_its_place(tmp_path, tiny_bert):
    wrong = {
        "models[0].model: must be a model of transformers (PreTrainedModel). Got Linear.": {
            "model": torch.nn.Linear(2, 2)
        },
        "models[0].tokenizer: a model in memory needs its tokenizer beside it, one of "
        "transformers. Got NoneType.": {**given(tiny_bert), "tokenizer": None},
        "models[0]: has a source and a model in memory; give one of them.": {
            **given(tiny_bert), "source": "a/b",
        },
    }  # fmt: skip
    for message, model in wrong.items():
        with pytest.raises(LesionError) as caught:
            lesion.parse_study(study(tmp_path, tiny_bert, model))
        assert str(caught.value) == f"study: {message}"

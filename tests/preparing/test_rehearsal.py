import json
import shutil
from dataclasses import replace

import pytest

import lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.models.recipes import Finetuning
from lesion.preparing import rehearsal
from lesion.running import sweep, worker
from lesion.running.jobs import RehearsalQueue
from lesion.study.files import parse_study
from tests import labs


@pytest.fixture
def data(tmp_path):
    return labs.write_pairs(tmp_path / "pairs.tsv")


@pytest.fixture
def scored(monkeypatch):
    """The trials that were begun."""
    found = []
    run_trial = worker._run_trial
    monkeypatch.setattr(worker, "_run_trial", lambda *a: found.append(a[0]) or run_trial(*a))
    return found


def refused(value, out, **options) -> str:
    with pytest.raises(LesionError) as caught:
        lesion.run(parse_study(value), out, **options)
    assert not out.exists(), "what cannot run leaves no run behind"
    return str(caught.value)


def three_classes(model, folder):
    """A copy of a model whose head has three classes."""
    load_model(str(model), require_head=False, num_labels=3).save_pretrained(folder)
    for path in model.iterdir():
        if not (folder / path.name).exists():
            shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_all_models_that_cannot_run_are_told_before_the_first_trial(
    workers, data, tmp_path, tiny_bert, scored
):
    other = three_classes(tiny_bert, tmp_path / "three")
    value = labs.study(tiny_bert, data)
    value["models"] += [{"source": str(other)}, {"source": str(tmp_path / "gone")}]
    assert refused(value, tmp_path / "run", workers=workers) == (
        f"{other}: its head has 3 classes, but pairs has 2 (no, yes). Choose a checkpoint of this "
        "task, or give the study a finetune section.\n"
        f"{tmp_path / 'gone'}: no such folder. Give a model folder or a hub id."
    )
    assert scored == []


def test_a_lesion_without_targets_in_one_model_is_told_before_the_first_trial(
    data, tmp_path, tiny_bert, tiny_deep, scored
):
    (tmp_path / "units.csv").write_text("layer,part,unit\n7,mlp_in,0\n")
    value = labs.study(tiny_deep, data, lesions=[
        {"name": "plain", "units": "neurons"},
        {"name": "upper", "where": {"layers": "6-9"}},
        {"name": "both", "together": [{"where": {"layers": [5]}}, {"units": "neurons"}]},
        {"name": "mine", "units": "neurons", "order": "listed", "file": str(tmp_path / "units.csv"),
         "where": {"parts": ["mlp_in"]}},
        {"name": "taylor", "units": "heads", "order": "fisher", "where": {"layers": [4]}},
        {"name": "held", "effect": "mean", "units": "neurons", "where": {"parts": ["mlm_head"]}},
    ])  # fmt: skip
    value["models"].append({"name": "short", "source": str(tiny_bert)})
    there = "It has embeddings, query, key, value, attention_output, mlp_in, mlp_out, norms"
    lines = refused(value, tmp_path / "run").splitlines()
    assert [line for line in lines if not line.startswith(("held in", "mine in"))] == [
        "upper in short: where.layers: the model has layers 0-2. Got 6, 7, 8, 9.",
        "both in short: where.layers: the model has layers 0-2. Got 5.",
        "taylor in short: where.layers: the model has layers 0-2. Got 4.",
    ]
    held = "where.parts: BertForSequenceClassification has no mlm_head in the selected layers."
    assert [line for line in lines if line.startswith("held in")] == [
        f"held in {name}: {held} {there}, pooler, classifier." for name in ("tiny", "short")
    ]
    (mine,) = [line for line in lines if line.startswith("mine in")]
    assert mine.startswith("mine in short: ")
    assert scored == []


def test_importance_is_not_measured_for_it(data, tmp_path, tiny_bert, monkeypatch):
    from lesion.damage import opening

    lesions = [{"units": "heads", "order": "importance", "control": "matched"}]
    study = parse_study(labs.study(tiny_bert, data, lesions=lesions))
    monkeypatch.setattr(opening, "importances", lambda *a: pytest.fail("measured"))
    with pytest.raises(pytest.fail.Exception, match="measured"):
        lesion.run(study, tmp_path / "run")
    assert lesion.Run(tmp_path / "run").progress()[0] == 1, "it was measured after the intact trial"


def test_a_new_head_is_tried_on_two_training_examples(data, tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setattr(worker, "find_weights", lambda *a, **k: pytest.fail("trained before"))
    value = labs.study(tiny_bert, data, finetune={"epochs": 1})
    seen = []
    learn = rehearsal._learn
    monkeypatch.setattr(rehearsal, "_learn", lambda patient: seen.append(1) or learn(patient))
    with pytest.raises(pytest.fail.Exception, match="trained before"):
        lesion.run(parse_study(value), tmp_path / "run")
    assert seen == [1]
    value["tasks"][0]["train"] = str(tmp_path / "other.tsv")
    lines = (tmp_path / "pairs.tsv").read_text().splitlines()
    (tmp_path / "other.tsv").write_text("\n".join([*lines, "a " * 80 + "\tb\tyes"]) + "\n")
    assert refused(value, tmp_path / "second") == (
        "tiny on pairs: Task 'pairs': an example has 84 tokens, but the model reads at most 64. "
        "Set max_length to 64 or less. Got 128."
    )


def test_a_fault_that_nobody_foresaw_is_told_with_the_others(data, tmp_path, tiny_bert):
    folder = tmp_path / "odd"
    shutil.copytree(tiny_bert, folder)
    words = (folder / "tokenizer.json").read_text()
    about = json.loads(words)
    about["model"]["vocab"] = {word: 5000 + n for word, n in about["model"]["vocab"].items()}
    (folder / "tokenizer.json").write_text(json.dumps(about))
    value = labs.study(folder, data)
    value["models"].append({"source": str(tmp_path / "gone")})
    first, second = refused(value, tmp_path / "run").splitlines()
    assert first.startswith("tiny on pairs: cannot run (")
    assert second.startswith(f"{tmp_path / 'gone'}: no such folder.")


def test_what_is_done_is_not_tried_again(data, tmp_path, tiny_bert, monkeypatch):
    study = parse_study(labs.study(tiny_bert, data))
    with pytest.raises(KeyboardInterrupt):
        lesion.run(study, tmp_path / "run", watcher=labs.crash_after(7))
    tried = []
    rehearse = worker.rehearse
    monkeypatch.setattr(
        worker, "rehearse", lambda *a, **k: tried.append((a[0].name, *a[2])) or rehearse(*a, **k)
    )
    lesion.run(study, tmp_path / "run")
    assert tried == [("tiny", "neurons by magnitude")]
    lesion.run(study, tmp_path / "run")
    assert len(tried) == 1


def test_a_cluster_is_not_asked_for_its_workers_may_see_other_files(
    data, tmp_path, tiny_bert, monkeypatch
):
    from contextlib import contextmanager

    from lesion.running import backends
    from lesion.running.worker import InProcessPool

    @contextmanager
    def open_pool(context, options, note):
        yield InProcessPool(context)

    monkeypatch.setattr(backends, "open_pool", open_pool)
    monkeypatch.setattr(sweep, "rehearse", lambda *a: pytest.fail("tried"))
    study = parse_study(labs.study(tiny_bert, data))
    assert lesion.run(study, tmp_path / "run", engine="ray").progress() == (10, 10)


def test_every_model_is_tried_once_a_task_whatever_its_seeds(data, tiny_bert):
    study = parse_study(labs.study(tiny_bert, data, finetune={"seeds": [3, 4]}))
    queue = RehearsalQueue(study.trials())
    job = queue.take()
    assert (*job.patient, job.rehearsed) == (
        "tiny",
        3,
        "pairs",
        ("weights", "neurons by magnitude"),
    )
    assert queue.take() is None
    queue.requeue(job)
    assert len(queue) == 1


def test_trying_moves_no_global_generator(data, tiny_bert, untouched_randomness):
    study = parse_study(labs.study(tiny_bert, data))
    from lesion.tasks.load import load_task

    task, (spec,) = load_task(study.tasks[0]), study.models
    assert rehearsal.rehearse(spec, task, {}, Finetuning()) == []
    assert rehearsal.rehearse(spec, replace(task, max_length=9), {}) == []

"""Fine-tuned heads whose classes stand in another order than the task's, or have other names."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import lesion
from lesion.errors import LesionError
from lesion.report.preview import preview_lines
from lesion.running.check import preview
from lesion.study.files import parse_study
from tests import labs

LESIONS = [
    {"name": "weights", "units": "weights"},
    {"name": "importance", "units": "neurons", "order": "importance"},
    {"name": "healed", "units": "neurons", "retrained": {"steps": 3, "learning_rate": 1e-3}},
]


def renamed(model: Path, folder: Path, names: tuple[str, ...], rows: tuple[int, ...]) -> Path:
    """A copy whose head has its rows in another order, and names for them."""
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(number): name for number, name in enumerate(names)}
    config["label2id"] = {name: number for number, name in enumerate(names)}
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    for key in ("classifier.weight", "classifier.bias"):
        weights[key] = weights[key][list(rows)].contiguous()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def study(tmp_path, model, lesions=LESIONS, **changes):
    data = labs.write_pairs(tmp_path / "pairs.tsv")  # its classes are no, yes
    return parse_study(labs.study(model, data, lesions=lesions, **changes))


def test_a_head_in_another_order_gives_the_scores_of_one_in_the_tasks_order(tmp_path, tiny_bert):
    plain = renamed(tiny_bert, tmp_path / "plain", ("no", "yes"), (0, 1))
    swapped = renamed(tiny_bert, tmp_path / "swapped", ("Yes", "No"), (1, 0))
    found = {}
    for folder in (plain, swapped):
        watcher = labs.Watcher()
        run = lesion.run(study(tmp_path, folder), tmp_path / f"run-{folder.name}", watcher=watcher)
        assert watcher.notes == []
        names, rows = run.record.rows("trials")
        found[folder.name] = [dict(zip(names, row, strict=True)) for row in rows]
    assert len(found["plain"]) == 1 + 2 * 3 + 3 + 2 * 3
    for one, other in zip(found["plain"], found["swapped"], strict=True):
        assert (one["lesion"], one["damage"]) == (other["lesion"], other["damage"])
        outputs = [np.frombuffer(trial["outputs"], "<f4") for trial in (one, other)]
        np.testing.assert_allclose(*outputs, atol=1e-5, err_msg=one["lesion"])


def test_a_head_that_names_nothing_is_taken_in_its_order_and_that_is_noted_once(
    tmp_path, tiny_bert
):
    watcher = labs.Watcher()
    made = study(tmp_path, tiny_bert, LESIONS[:1])
    lesion.run(made, tmp_path / "run", watcher=watcher, workers=2)
    sentence = (
        "tiny on pairs: its head only numbers its classes (LABEL_0, LABEL_1), so their order is "
        "assumed to be that of the task (no, yes)."
    )
    assert watcher.notes == [sentence]
    assert sentence in preview_lines(preview(made))


def test_a_head_with_names_is_taken_in_its_order_where_the_task_has_only_numbers(
    tmp_path, tiny_bert
):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    data.write_text(data.read_text().replace("\tno\n", "\t0\n").replace("\tyes\n", "\t1\n"))
    named = renamed(tiny_bert, tmp_path / "named", ("different", "same"), (0, 1))
    watcher = labs.Watcher()
    made = parse_study(labs.study(named, data, lesions=LESIONS[:1]))
    lesion.run(made, tmp_path / "run", watcher=watcher)
    assert watcher.notes == [
        "tiny on pairs: the task only numbers its classes (0, 1), so their order is assumed to be "
        "that of the head (different, same)."
    ]


def test_names_that_conflict_are_refused_with_both_sets_of_them(tmp_path, tiny_bert):
    other = renamed(tiny_bert, tmp_path / "other", ("paraphrase", "different"), (0, 1))
    made = study(tmp_path, other, LESIONS[:1])
    with pytest.raises(LesionError) as caught:
        lesion.run(made, tmp_path / "run")
    message = (
        f"{other}: its head names its classes paraphrase, different, but the classes of pairs are "
        "no, yes. Which is which cannot be told. Choose a checkpoint of this task, name its "
        "classes as the task does (id2label in its config.json), or give the study a finetune "
        "section."
    )
    assert str(caught.value) == message
    assert preview(made).problems == (message,)


def test_a_record_with_another_order_of_columns_is_not_continued(tmp_path, tiny_bert, monkeypatch):
    swapped = renamed(tiny_bert, tmp_path / "swapped", ("yes", "no"), (1, 0))
    made = study(tmp_path, swapped, LESIONS[:1])
    with monkeypatch.context() as patch:  # a record of the time when names were not read
        for module in ("weights", "prepared"):
            patch.setattr(f"lesion.preparing.{module}.columns_of", lambda *a: None)
        with pytest.raises(KeyboardInterrupt):
            lesion.run(made, tmp_path / "run", watcher=labs.crash_after(2))
    with pytest.raises(LesionError, match="its weights changed since this run began"):
        lesion.run(made, tmp_path / "run")


def test_a_trained_head_has_the_names_of_the_task_and_nothing_is_assumed(
    tmp_path, tiny_bert, monkeypatch
):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    watcher = labs.Watcher()
    recipe = {"seeds": [0], "epochs": 0.1, "batch_size": 8}
    lesion.run(study(tmp_path, tiny_bert, LESIONS[:1], finetune=recipe), tmp_path / "run",
               watcher=watcher)  # fmt: skip
    assert watcher.notes == []


def test_a_head_that_is_always_right_is_so_in_every_order_of_its_rows(tmp_path, tiny_bert):
    plain = renamed(tiny_bert, tmp_path / "plain", ("no", "yes"), (0, 1))
    probing = lesion.run(study(tmp_path, plain, LESIONS[:1]), tmp_path / "probing")
    outputs = probing.record.outputs(next(probing.study.trials()))
    weights = load_file(plain / "model.safetensors")
    weights["classifier.bias"] -= torch.from_numpy(np.median(outputs, 0))  # half of each class
    save_file(weights, plain / "model.safetensors", {"format": "pt"})
    answers = (outputs - np.median(outputs, 0)).argmax(1)
    header, *lines = (tmp_path / "pairs.tsv").read_text().splitlines()
    right = [
        "\t".join([*line.split("\t")[:2], ("no", "yes")[answer]])
        for line, answer in zip(lines, answers, strict=True)
    ]
    (tmp_path / "right.tsv").write_text("\n".join([header, *right]) + "\n")
    swapped = renamed(plain, tmp_path / "swapped", ("yes", "no"), (1, 0))
    for folder in (plain, swapped):
        made = parse_study(labs.study(folder, tmp_path / "right.tsv", lesions=LESIONS[:1]))
        found = lesion.run(made, tmp_path / f"run-{folder.name}").analyses[0]
        assert found.intact.value == 1.0
    assert 0 < answers.mean() < 1


def test_a_head_of_another_size_is_trained_anew_or_refused_by_check_as_by_run(
    tmp_path, tiny_bert, monkeypatch
):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    three = renamed(tiny_bert, tmp_path / "three", ("a", "b", "c"), (0, 1, 0))
    made = study(tmp_path, three, LESIONS[:1])
    with pytest.raises(LesionError) as caught:
        lesion.run(made, tmp_path / "refused")
    assert str(caught.value) == (
        f"{three}: its head has 3 classes, but pairs has 2 (no, yes). Choose a checkpoint of this "
        "task, or give the study a finetune section."
    )
    assert preview(made).problems == (str(caught.value),)
    recipe = {"seeds": [0], "epochs": 0.1, "batch_size": 8}
    trained = study(tmp_path, three, LESIONS[:1], finetune=recipe)
    assert preview(trained).problems == ()
    assert lesion.run(trained, tmp_path / "trained").progress() == (7, 7)


def test_a_preview_names_a_head_that_is_missing(tmp_path, tiny_bert):
    encoder = labs.without(tiny_bert, tmp_path / "encoder", "classifier.")
    made = study(tmp_path, encoder, LESIONS[:1])
    assert (
        f"{encoder}: has no trained classification head (classifier.bias is missing). Fine-tune "
        "it: give the study a finetune section."
    ) in preview(made).problems

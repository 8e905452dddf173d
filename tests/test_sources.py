"""Sources that change after they were scored: refused by a run, named by what reads it."""

import json
import shutil
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lesion
from lesion.errors import LesionError
from lesion.results import Run
from lesion.study.files import parse_study, read_study
from tests import labs
from tests.test_cli import lesion as command

ONE = {"lesions": [{"name": "weights"}], "doses": [1], "draws": 1}


def digest(path: Path) -> str:
    """Of a file, as records have it."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()


def other_weights(folder: Path) -> None:
    """One number of a model becomes another."""
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    weights[name] = weights[name] + np.float32(1)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.fixture
def lab(tmp_path, tiny_bert):
    """A folder with a model, training and test data, units and words, a study and its run."""
    model = shutil.copytree(tiny_bert, tmp_path / "model")
    data, train = (labs.write_pairs(tmp_path / name) for name in ("test.tsv", "train.tsv"))
    (tmp_path / "words.txt").write_text("sailor\nbird\n")
    (tmp_path / "units.csv").write_text("layer,part,unit\n0,mlp_in,3\n")
    lesions = [
        {"name": "listed", "units": "neurons", "order": "listed", "file": "units.csv"},
        {"name": "inserted", "distraction": "insert", "words": "words.txt"},
    ]
    value = labs.study(model, data, **ONE | {"lesions": lesions})
    value["tasks"][0]["train"] = str(train)
    labs.write_study(tmp_path / "small.yaml", value)
    assert command("run", tmp_path / "small.yaml", "--out", tmp_path / "run").returncode == 0
    return tmp_path


CHANGES = {
    "test.tsv": "dev of task pairs",
    "train.tsv": "train of task pairs",
    "words.txt": "words of lesion inserted",
    "units.csv": "file of lesion listed",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_finished_run_is_refused_when_one_of_its_files_has_changed(lab, name):
    path = lab / name
    was = digest(path)
    path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-1])
    ran = command("run", lab / "small.yaml", "--out", lab / "run")
    assert ran.returncode == 2
    if name == "test.tsv":
        assert f"{lab / 'run'}: pairs: its examples changed since this run began (" in ran.stderr
    else:
        assert ran.stderr.endswith(
            f"lesion: {lab / 'run'}: {path} ({CHANGES[name]}) changed since this run began ({was} "
            f"-> {digest(path)}). Put it back as it was, or give another folder with --out.\n"
        )


def test_a_finished_run_is_refused_when_its_model_has_changed(lab):
    other_weights(lab / "model")
    ran = command("run", lab / "small.yaml", "--out", lab / "run")
    assert ran.returncode == 2
    use = f"{lab / 'model'} (source of model tiny)"
    assert f"{lab / 'run'}: {use} changed since this run began (" in ran.stderr


@pytest.mark.parametrize("name", [*CHANGES, "model"])
def test_show_and_report_name_a_source_that_has_changed_and_go_on(lab, name):
    assert command("show", lab / "run").stderr == ""
    path, use = lab / name, CHANGES.get(name, "source of model tiny")
    if name == "model":
        other_weights(path)
    else:
        path.write_bytes(path.read_bytes() + path.read_bytes().splitlines(keepends=True)[-1])
    warning = (
        f"Warning: {path} ({use}) changed since it was scored; the results are of the former.\n"
    )
    shown, report = command("show", lab / "run"), command("report", lab / "run")
    assert (shown.returncode, shown.stderr) == (0, warning)
    assert (report.returncode, report.stderr) == (0, warning)
    machine = command("show", lab / "run", "--json")
    assert machine.stderr == warning and json.loads(machine.stdout)["curves"]


def test_sources_that_are_gone_or_were_only_touched_are_no_change(lab):
    (lab / "test.tsv").unlink()
    (lab / "units.csv").touch()
    shutil.rmtree(lab / "model")
    assert command("show", lab / "run").stderr == ""


def test_weights_whose_size_and_time_are_the_same_are_not_read_to_show_a_run(lab, monkeypatch):
    from lesion import digests

    def read(path: Path) -> str:
        raise AssertionError(f"{path} is read")

    monkeypatch.setattr(digests, "of_model", read)
    monkeypatch.setattr(digests, "of_file", read)
    assert Run(lab / "run").changes() == []


def test_test_data_written_otherwise_are_the_same_examples(lab):
    text = (lab / "test.tsv").read_text()
    (lab / "test.tsv").write_text(text.replace("\n", "\r\n"))
    assert command("run", lab / "small.yaml", "--out", lab / "run").returncode == 0
    assert command("show", lab / "run").stderr == "", "a run that agrees holds the file as it is"


def test_the_files_of_a_glue_folder_are_held_too(tmp_path, tiny_bert):
    data = labs.write_glue(tmp_path / "glue")
    study = parse_study(labs.study(tiny_bert, data, **ONE, tasks=["rte"]))
    run = lesion.run(study, tmp_path / "run", data=data)
    assert run.changes() == []
    path = data / "RTE" / "train.tsv"
    path.write_text(path.read_text() + "99\ta\tb\tentailment\n")
    (sentence,) = run.changes()
    assert sentence.startswith(f"{path} (train of task rte) changed since it was scored")
    with pytest.raises(LesionError, match=r"train of task rte\) changed since this run began"):
        lesion.run(study, tmp_path / "run", data=data)


def test_the_base_of_trained_heads_is_held(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    model = shutil.copytree(tiny_bert, tmp_path / "model")
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    study = parse_study(labs.study(model, data, **ONE, finetune={"seeds": [0], "epochs": 1}))
    lesion.run(study, tmp_path / "run")
    other_weights(model)
    with pytest.raises(LesionError, match=r"source of model tiny\) changed since this run began"):
        lesion.run(study, tmp_path / "run")


def test_a_record_from_before_sources_were_held_is_held_to_the_weights_that_it_scored(lab):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(lab / "run" / "record.sqlite")) as base, base:
        base.execute("DELETE FROM meta WHERE key = 'sources'")
    assert Run(lab / "run").changes() == []
    (lab / "train.tsv").write_text((lab / "test.tsv").read_text() + "a\tb\tyes\n")
    before = (lab / "model" / "model.safetensors").read_bytes()
    other_weights(lab / "model")
    with pytest.raises(LesionError, match=r"source of model tiny\) changed since this run began"):
        lesion.run(lab / "small.yaml", lab / "run")
    (lab / "model" / "model.safetensors").write_bytes(before)
    lesion.run(lab / "small.yaml", lab / "run")


def test_a_model_in_another_place_is_the_same_study_and_another_model_of_its_name_is_not(
    tmp_path, tiny_bert
):
    one, two, renamed = (tmp_path / name for name in ("a/model", "b/model", "c/other"))
    for folder in (one, two, renamed):
        shutil.copytree(tiny_bert, folder)
    other_weights(two)
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    first, second, third = (
        parse_study(labs.study(model, data, **ONE)) for model in (one, two, renamed)
    )
    run = lesion.run(first, tmp_path / "run")
    assert run.progress() == (2, 2)
    with pytest.raises(LesionError) as caught:
        lesion.run(second, tmp_path / "run")
    said = str(caught.value)
    was, now = (lesion.models.load.resolve(str(folder)).digest for folder in (one, two))
    assert said == (
        f"{tmp_path / 'run'}: {two} (source of model tiny) differs from {one}, with which this run "
        f"began ({was} -> {now}). Give the one that it began with, or another folder with --out."
    )
    shutil.rmtree(one)
    again = lesion.run(third, tmp_path / "run")
    assert again.progress() == (2, 2)
    assert again.study.models[0].source == str(renamed)


def test_the_fingerprint_is_of_contents_and_not_of_places(tmp_path, tiny_bert):
    def study(folder: str):
        model = shutil.copytree(tiny_bert, tmp_path / folder / "model")
        data = labs.write_pairs(tmp_path / folder / "pairs.tsv")
        (tmp_path / folder / "words.txt").write_text("sailor\n")
        lesions = [{"distraction": "insert", "words": str(tmp_path / folder / "words.txt")}]
        return parse_study(labs.study(model, data, lesions=lesions))

    one, two = study("one"), study("two")
    same = one.fingerprint()
    assert two.fingerprint() == same
    for change in ("words.txt", "pairs.tsv"):
        before = (tmp_path / "two" / change).read_text()
        (tmp_path / "two" / change).write_text(before + "bird\n")
        assert two.fingerprint() != same
        (tmp_path / "two" / change).write_text(before)
    other_weights(tmp_path / "two" / "model")
    assert two.fingerprint() != same and one.fingerprint() == same


def test_a_run_has_the_fingerprint_that_it_began_with_wherever_its_sources_are(lab):
    before = Run(lab / "run").as_json()["fingerprint"]
    assert before == read_study(lab / "small.yaml").fingerprint()
    shutil.rmtree(lab / "model")
    assert Run(lab / "run").as_json()["fingerprint"] == before

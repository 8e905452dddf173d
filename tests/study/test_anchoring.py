"""Names and paths in a study: what looks like a path is one, and nothing else."""

import json
import shutil

import pytest

from lesion.errors import LesionError
from lesion.models.load import resolve
from lesion.models.origins import is_path, is_word_file
from lesion.study.files import read_study
from tests import labs


def study(folder, source="a/b", words="en", **task):
    lesions = [{"name": "inserted", "distraction": "insert", "words": words}]
    value = {
        "name": "s", "models": [{"name": "m", "source": source}], "lesions": lesions, "doses": [1],
        "tasks": [{"name": "mine", "text": "s", "label": "y", **task}] if task else ["mrpc"],
    }  # fmt: skip
    return labs.write_study(folder / "mine.yaml", value)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("./model", True), ("../model", True), (".", True), ("~/model", True), ("/a", True),
        ("models/bert/one", True), (r"models\bert", True),
        ("owner/model", False), ("gpt2", False), ("owner/model-v1.5", False),
        ("twin/en-0", False), ("python:package/models/one", False),
    ],
)  # fmt: skip
def test_a_source_is_a_path_if_no_hub_id_looks_like_it(source, path):
    assert is_path(source) == path


@pytest.mark.parametrize(
    ("words", "file"),
    [("en", False), ("./en", True), ("en.txt", True), ("lists/en", True), (r"lists\en", True),
     ("~", True)],
)  # fmt: skip
def test_words_are_a_file_if_no_language_looks_like_it(words, file):
    assert is_word_file(words) == file


def test_a_file_that_is_called_like_a_language_takes_no_place_unseen(tmp_path):
    (tmp_path / "en").write_text("sailor\n")
    with pytest.raises(LesionError) as caught:
        read_study(study(tmp_path))
    assert str(caught.value) == (
        "mine.yaml:1: lesions: inserted: words: 'en' is read as a language, and a file of this "
        "name lies beside the study. Write ./en for the file, or rename it if you mean the "
        "language."
    )
    named = read_study(study(tmp_path, words="./en"))
    assert named.lesions[0].damage.given["words"] == str(tmp_path / "en")
    (tmp_path / "en").rename(tmp_path / "other")
    language = read_study(study(tmp_path))
    assert language.lesions[0].damage.given["words"] == "en"
    assert language.fingerprint() != named.fingerprint()


@pytest.mark.parametrize(
    ("source", "kind", "meant"),
    [("a/b", "a hub id", "the hub"), ("twin/en-0", "a built-in twin", "the twin")],
)
def test_a_folder_that_is_called_like_a_model_takes_no_place_unseen(tmp_path, source, kind, meant):
    (tmp_path / source).mkdir(parents=True)
    with pytest.raises(LesionError) as caught:
        read_study(study(tmp_path, source))
    assert str(caught.value) == (
        f"mine.yaml:1: models: {source!r} is read as {kind}, and a folder of this name lies beside "
        f"the study. Write ./{source} for the folder, or rename it if you mean {meant}."
    )
    assert read_study(study(tmp_path, f"./{source}")).models[0].source == str(tmp_path / source)


def test_a_folder_here_that_is_called_like_a_hub_id_is_not_loaded_unseen(
    tmp_path, tiny_bert, monkeypatch
):
    shutil.copytree(tiny_bert, tmp_path / "a" / "b")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LesionError) as caught:
        resolve("a/b")
    assert str(caught.value) == (
        "a/b: is a hub id, and a folder of this name is here. Write ./a/b for the folder, or "
        "rename the folder if you mean the hub."
    )
    assert resolve("./a/b").digest == resolve(str(tiny_bert)).digest


def test_files_of_tasks_are_files_whatever_they_are_called(tmp_path):
    (tmp_path / "mrpc").write_text("s\ty\n")
    assert read_study(study(tmp_path, dev="mrpc")).tasks[0].dev == str(tmp_path / "mrpc")


def test_a_path_in_the_home_folder_is_one(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "words.txt").write_text("sailor\n")
    (tmp_path / "model").mkdir()
    (tmp_path / "study").mkdir()
    found = read_study(study(tmp_path / "study", "~/model", "~/words.txt"))
    assert found.models[0].source == str(tmp_path / "model")
    assert found.lesions[0].damage.given["words"] == str(tmp_path / "words.txt")


def test_a_resolved_study_keeps_its_paths(tmp_path):
    folder = tmp_path / "somewhere"
    folder.mkdir()
    value = json.loads(study(tmp_path, str(folder), str(folder / "en")).read_text())
    again = read_study(labs.write_study(folder / "study.yaml", value))
    assert (again.models[0].source, again.lesions[0].damage.given["words"]) == (
        str(folder),
        str(folder / "en"),
    )

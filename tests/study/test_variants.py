"""The same study, smaller, or on other models."""

from lesion.study.files import parse_study
from lesion.study.fingerprint import differences
from lesion.study.variants import limited, on_models


def study(tasks):
    return parse_study({
        "name": "s", "models": [{"source": "a/b"}], "lesions": [{}], "doses": [1], "tasks": tasks,
    })  # fmt: skip


def test_a_limited_study_has_a_name_of_its_own_and_never_more_examples_than_before():
    tasks = [
        "mrpc",
        {"name": "few", "examples": 20, "kind": "pairs", "file": "a.tsv"},
        {"name": "many", "examples": 2000, "kind": "lm", "file": "a.txt"},
        {"name": "gaps", "kind": "cloze", "file": "a.txt"},
    ]
    found = limited(study(tasks), 50)
    assert found.name == "s-limit-50"
    assert [task.examples for task in found.tasks] == [50, 20, 50, 50]
    most = limited(study(tasks), 5000)
    assert [task.examples for task in most.tasks] == [5000, 20, 2000, 1000]
    assert differences(study(tasks), found)[0] == "name: 's' -> 's-limit-50'"


def test_stand_ins_are_found_from_any_folder(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    for given, first in (("models", "one"), ("./models", "one"), ("./models/two", "two")):
        (model,) = on_models(study([{"name": "mrpc"}]), given).models
        assert model.source == str(tmp_path / "models" / first)

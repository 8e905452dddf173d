"""What `lesion check` says of a study before it runs."""

import re
import shutil

import pytest

from lesion.cli import main
from lesion.models.load import load_model
from lesion.preparing import machine
from lesion.report.preview import preview_lines
from lesion.running.check import preview, training_examples
from lesion.study.damages import build
from lesion.study.files import parse_study, shipped_studies
from tests import labs


@pytest.fixture
def data(tmp_path):
    return labs.write_pairs(tmp_path / "pairs.tsv")


def checked(capsys, *arguments) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["check", *map(str, arguments)])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def test_all_that_cannot_run_is_told_with_exit_code_2_and_the_rest_of_the_plan(
    data, tmp_path, tiny_bert, tiny_deep, capsys
):
    three = tmp_path / "three"
    shutil.copytree(tiny_bert, three)
    load_model(str(tiny_bert), require_head=False, num_labels=3).save_pretrained(three)
    value = labs.study(tiny_deep, data, lesions=[
        {"name": "upper", "where": {"layers": "6-9"}},
        {"name": "words", "distraction": "drop"},
    ])  # fmt: skip
    value["models"] += [
        {"source": str(three)},
        {"name": "short", "source": str(tiny_bert)},
        {"source": str(tmp_path / "gone")},
    ]
    value["tasks"].append({"name": "tale", "kind": "cloze"})
    code, shown, said = checked(capsys, labs.write_study(tmp_path / "s.yaml", value))
    assert code == 2
    assert said.splitlines() == [
        "lesion: Task 'tale': kind is cloze, so it needs a file: add `file: PATH`.",
        f"lesion: {three}: its head has 3 classes, but pairs has 2 (no, yes). Choose a checkpoint "
        "of this task, or give the study a finetune section.",
        "lesion: upper in short: where.layers: the model has layers 0-2. Got 6, 7, 8, 9.",
        f"lesion: {tmp_path / 'gone'}: no such folder. Give a model folder or a hub id.",
    ]
    assert re.search(r"tiny +pairs +24 +0\.0% +13 +0\.\d\d +\d+ s +\d\.\d GB", shown), shown
    for name in ("three", "short", "gone"):
        assert re.search(rf"{name} +pairs +24 +unknown +13( +unknown){{3}}", shown), shown
    assert "for 1 of 8 models and tasks." in shown
    assert "What the others need is unknown." in shown


def test_where_nothing_can_run_nothing_is_said_of_time_and_memory(data, tmp_path, capsys):
    value = labs.study(tmp_path / "gone", data, finetune={"seeds": [0, 1]})
    code, shown, _ = checked(capsys, labs.write_study(tmp_path / "s.yaml", value))
    assert code == 2
    assert "small: 20 trials, time and memory unknown." in shown
    assert (
        "Before that, 2 models are fine-tuned, unless they are in the cache: time and memory "
        "unknown."
    ) in shown.replace("\n", " ")
    assert "0.0 GB" not in shown and "0 s" not in shown


def test_a_lesion_that_does_not_suit_a_task_is_told_by_check(data, tiny_bert):
    value = labs.study(tiny_bert, data, lesions=[{"name": "words", "distraction": "drop"}])
    value["tasks"].append("agreement-en")
    assert preview(parse_study(value), workers=1).problems[0] == (
        "words: a distraction needs a task of kind classify, which has labelled texts. "
        "agreement-en is of kind pairs. Give them studies of their own."
    )


def test_check_and_run_refuse_an_unsuited_lesion_in_the_same_sentence(
    data, tmp_path, tiny_bert, capsys
):
    value = labs.study(tiny_bert, data, lesions=[{"name": "words", "distraction": "drop"}])
    value["tasks"] = ["agreement-en"]
    study = labs.write_study(tmp_path / "s.yaml", value)
    code, _, said = checked(capsys, study)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(study), "--out", str(tmp_path / "run")])
    assert (code, ended.value.code) == (2, 2)
    assert capsys.readouterr().err.splitlines()[-1] == said.splitlines()[0]


def test_memory_of_fine_tuning_is_told_and_counted(data, tiny_bert, monkeypatch):
    study = parse_study(labs.study(tiny_bert, data, finetune={"epochs": 1}))
    monkeypatch.setattr(machine, "available_memory", lambda: 10**5)
    *_, training, warning = preview_lines(preview(study, workers=1))
    assert re.fullmatch(
        r"Before that, 1 models are fine-tuned, unless they are in the cache: about \d+ s on one "
        r"thread here, \d\.\d GB\.",
        training,
    )
    assert warning == "That is more than the 0.0 GB that are free here."


def test_examples_of_gradients_are_those_of_recovery_and_of_orders_by_importance():
    value = labs.study("a", "b", lesions=[
        {"name": "random"},
        {"name": "taylor", "order": "importance", "control": "matched"},
        {"name": "back", "recover": {"steps": 5, "batch_size": 4}},
    ])  # fmt: skip
    study = parse_study(value)
    found = {one.name: training_examples(study, one, build(one, 0)) for one in study.lesions}
    assert found == {
        "random": 0,
        "taylor": 128,  # one draw
        "taylor (matched control)": 2 * 128,
        "back": 0,
        "back + recovery": 2 * 3 * 5 * 4,  # draws, doses above 0, steps, batch
    }


def test_the_reach_of_every_lesion_of_units_is_told(data, tiny_bert):
    lesions = [
        {"name": "random"},
        {"name": "by importance", "order": "importance"},
        {"name": "typos", "distraction": "swap"},
    ]
    report = preview(parse_study(labs.study(tiny_bert, data, lesions=lesions)), workers=1)
    reach = report.reaches["random", "tiny"]
    assert list(report.reaches) == [("random", "tiny"), ("by importance", "tiny")]
    assert 0 < reach.selected < reach.parameters
    (line,) = [line for line in preview_lines(report) if "reach" in line]
    assert line.startswith(f"random, by importance reach {reach.share:.0%} of tiny (0.0")


def test_a_shipped_study_that_needs_nothing_has_no_problems():
    from lesion.study.files import find_study

    assert "demo" in shipped_studies()
    assert preview(find_study("demo"), workers=1).problems == ()


def test_check_tells_how_many_clusters_the_examples_of_a_task_have(data, tiny_bert):
    value = labs.study(tiny_bert, data, lesions=[{"name": "weights"}])
    plain = preview(parse_study(value), workers=1).notes
    value["tasks"][0] |= {"cluster": "s1", "strata": "label"}
    assert [note for note in preview(parse_study(value), workers=1).notes if note not in plain] == [
        "pairs: 24 examples of 8 clusters (s1), which are resampled whole, with the shares of "
        "label fixed."
    ]

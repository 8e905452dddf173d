import pytest

import lesion
from lesion.errors import LesionError
from lesion.study.files import parse_study
from lesion.study.resolve import load_tasks
from tests import labs

DROP = {"name": "words", "distraction": "drop"}
TAYLOR = {"name": "heads", "units": "heads", "order": "importance"}
BOTH = {"name": "both", "together": [{"units": "heads", "order": "fisher"}, {"units": "neurons"}]}
BACK = {"name": "back", "units": "heads", "retrained": {"steps": 1}}


def refusal(value) -> str:
    with pytest.raises(LesionError) as caught:
        load_tasks(parse_study(value))
    return str(caught.value)


def test_lesions_that_do_not_suit_a_task_are_refused_all_at_once_before_a_model_is_sought(tmp_path):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = labs.study(tmp_path / "nowhere", data, lesions=[DROP, TAYLOR, BOTH, BACK])
    assert set(load_tasks(parse_study(value))) == {"pairs"}
    value["tasks"].append("agreement-en")
    end = "agreement-en is of kind pairs. Give them studies of their own."
    lines = [
        f"words: a distraction needs a task of kind classify, which has labelled texts. {end}",
        "heads: an order by importance needs a task of kind classify, which has training examples. "
        + end,
        "both: an order by importance needs a task of kind classify, which has training examples. "
        + end,
        f"back: recovery needs a task of kind classify, which has training examples. {end}",
    ]
    assert refusal(value) == "\n".join(lines)
    with pytest.raises(LesionError) as caught:
        lesion.run(parse_study(value), tmp_path / "run")
    assert str(caught.value) == "\n".join(lines)
    assert not (tmp_path / "run").exists()


def test_what_is_trained_on_must_be_there(tmp_path):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = labs.study(tmp_path, data, lesions=[TAYLOR, BACK, DROP])
    del value["tasks"][0]["train"]
    given = "training examples, and pairs has none. Give the task a train file, or"
    assert refusal(value) == (
        f"heads: an order by importance needs {given} take another order.\n"
        f"back: recovery needs {given} leave recover out."
    )


def test_an_order_by_importance_needs_examples_of_several_classes(tmp_path):
    data = labs.write_pairs(tmp_path / "pairs.tsv", examples=384)
    header, *lines = data.read_text().splitlines()
    lines.sort(key=lambda line: line.endswith("yes"))
    data.write_text("\n".join([header, *lines]) + "\n")
    assert refusal(labs.study(tmp_path, data, lesions=[TAYLOR, DROP])) == (
        "heads: an order by importance reads the first 128 training examples, and those of pairs "
        "are all 'no': they are sorted by label. Shuffle the training file."
    )


def test_a_distraction_needs_the_columns_that_it_names(tmp_path):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = labs.study(tmp_path, data, lesions=[{**DROP, "columns": [1, 2]}])
    assert refusal(value) == (
        "words: columns must be of the 2 that the texts have, counted from 0. Got 2."
    )


def test_mistakes_in_tasks_and_lesions_are_told_together(tmp_path):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = labs.study(tmp_path, data, lesions=[{**DROP, "columns": [2]}])
    value["tasks"] += ["mrcp", {"name": "tale", "kind": "cloze"}]
    first, second, third = refusal(value).splitlines()
    assert first.startswith("Task 'mrcp': there is no registered task of this name")
    assert second == "Task 'tale': kind is cloze, so it needs a file: add `file: PATH`."
    assert third.startswith("words: columns must be of the 2")

"""`lesion list` shows everything that a study may name, each with a line."""

import subprocess
import sys

import pytest
import yaml

from lesion.damage.choosing import TABLES, word_of
from lesion.distraction.corruptions import CORRUPTIONS
from lesion.errors import LesionError
from lesion.models.families import FAMILIES
from lesion.models.recipes import Recovery
from lesion.study.catalogue import catalogue, lesion_tables
from lesion.study.damages import build
from lesion.study.files import parse, read_study, shipped_studies
from lesion.study.specs import LesionSpec
from lesion.tasks.kinds import TASK_KINDS
from lesion.tasks.load import load_task
from lesion.tasks.registered import TASKS
from lesion.tasks.spec import TaskSpec


def test_every_word_task_family_and_study_is_listed():
    assert set(catalogue("models")["families"]) == set(FAMILIES)
    assert set(catalogue("tasks")["tasks"]) == set(TASKS)
    assert set(catalogue("tasks")["kinds of tasks on files of your own"]) == set(TASK_KINDS)
    assert set(catalogue("studies")["studies"]) == set(shipped_studies())
    listed = [list(entries) for entries in catalogue("lesions").values()]
    for table in (*TABLES.values(), CORRUPTIONS):
        assert list(table) in listed


@pytest.mark.parametrize(
    ("kind", "word"), [(kind, word) for kind, table in lesion_tables().items() for word in table]
)
def test_the_snippet_of_every_word_is_a_lesion_that_can_be_built(kind, word, tmp_path):
    (tmp_path / "units.csv").write_text("layer,part,unit\n0,mlp_in,3\n")
    _, text = lesion_tables()[kind][word].splitlines()
    text = text.replace("units.csv", str(tmp_path / "units.csv"))
    spec = parse(LesionSpec, yaml.safe_load(text), "snippet")
    built = build(spec, seed=0)
    value = value_of(spec, kind)
    if kind == "recover":
        value = word if value == Recovery(**{word: 100}) else None
    assert word in (value if isinstance(value, tuple) else (value,))
    assert built.random == spec.random


def value_of(spec: LesionSpec, kind: str) -> object:
    """What a lesion has under a key of a study."""
    if kind in TABLES:
        return word_of(getattr(spec.damage, kind))
    if kind == "bits":
        return spec.damage.units.bits
    if kind == "distraction":
        return spec.damage.corruption.word
    holder = spec if kind in ("control", "recover") else spec.damage
    return getattr(holder, kind.rpartition(".")[2])


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_the_snippet_of_every_kind_is_a_task_that_can_be_loaded(kind):
    spec = parse(TaskSpec, yaml.safe_load(TASK_KINDS[kind].snippet()), "snippet")
    assert load_task(spec).kind == spec.kind == kind


@pytest.mark.parametrize("kind", ["models", "tasks", "lesions", "studies"])
def test_every_entry_has_a_line(kind):
    for entries in catalogue(kind).values():
        assert entries and all(about.strip() for about in entries.values())


def test_models_are_listed_without_torch():
    code = (
        "import sys; from lesion.study.catalogue import catalogue; catalogue('models'); "
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


def test_an_unknown_list_is_refused():
    with pytest.raises(LesionError) as caught:
        catalogue("animals")
    assert str(caught.value) == (
        "kind must be one of models, tasks, lesions, studies. Got 'animals'."
    )


@pytest.mark.parametrize("name", list(shipped_studies()))
def test_every_shipped_study_is_valid_and_named_as_its_file(name):
    assert read_study(shipped_studies()[name]).name == name

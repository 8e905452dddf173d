"""`lesion list` shows everything that a study may name, each with a line."""

import pytest

from lesion import words
from lesion.api import shipped_studies
from lesion.catalogue import catalogue
from lesion.errors import LesionError
from lesion.models.anatomy import FAMILIES
from lesion.study import read_study
from lesion.tasks import TASKS


def test_every_word_task_family_and_study_is_listed():
    assert set(catalogue("models")["families"]) == set(FAMILIES)
    assert set(catalogue("tasks")["tasks"]) == set(TASKS)
    assert set(catalogue("studies")["studies"]) == set(shipped_studies())
    lesions = catalogue("lesions")
    for table in (words.UNITS, words.ORDERS, words.SCOPES, words.EFFECTS, words.PARTS):
        assert table in lesions.values()


@pytest.mark.parametrize("kind", ["models", "tasks", "lesions", "studies"])
def test_every_entry_has_a_line(kind):
    for entries in catalogue(kind).values():
        assert entries and all(about.strip() for about in entries.values())


def test_an_unknown_list_is_refused():
    with pytest.raises(LesionError) as caught:
        catalogue("animals")
    assert str(caught.value) == (
        "kind must be one of models, tasks, lesions, studies. Got 'animals'."
    )


@pytest.mark.parametrize("name", list(shipped_studies()))
def test_every_shipped_study_is_valid_and_named_as_its_file(name):
    assert read_study(shipped_studies()[name]).name == name

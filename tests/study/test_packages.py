"""Entries of installed packages in a study: found by their word, read, written and described."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated

import pytest

from lesion.damage.effects import Effect
from lesion.errors import LesionError
from lesion.schema import entries
from lesion.schema.fields import Between, doc
from lesion.study.catalogue import catalogue
from lesion.study.files import parse_study, read_study, write_study
from lesion.study.json_schema import study_schema

STUDY = {"name": "s", "models": [{"source": "a/b"}], "tasks": ["mrpc"], "doses": [0, 1]}


@dataclass(frozen=True)
class Jitter(Effect):
    """Uniform noise."""

    word, random = "jitter", True
    size: Annotated[float, Between(0, 10), doc("half of its range")] = 1.0

    def values(self, intact, target):
        return intact


@pytest.fixture(autouse=True)
def package(monkeypatch):
    """As if a package with an effect were installed."""
    dist = SimpleNamespace(name="lesion-jitter", version="1.2")
    point = SimpleNamespace(name="jitter", dist=dist, load=lambda: Jitter)

    def points(group, name=None):
        return [point] if group == "lesion.effects" and name in (None, "jitter") else []

    monkeypatch.setattr(entries, "entry_points", points)


def lesion(**keys):
    return parse_study({**STUDY, "lesions": [keys]}).lesions[0]


def test_a_study_takes_the_word_and_the_parameters_of_a_package(tmp_path):
    study = parse_study({**STUDY, "lesions": [{"effect": "jitter", "size": 2}]})
    assert study.lesions[0].damage.effect == Jitter(2.0)
    assert study.lesions[0].name == "random weights jitter"
    (tmp_path / "s.yaml").write_text(write_study(study))
    assert read_study(tmp_path / "s.yaml") == study
    other = parse_study({**STUDY, "lesions": [{"effect": "jitter", "size": 3}]})
    assert study.fingerprint() != other.fingerprint()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"effect": "jitter", "size": 11},
         "lesions[0].size: must be between 0 and 10. Got 11.0."),
        ({"effect": "jitter", "strength": 1},
         "lesions[0].strength: belongs to effect noise, quantise, scale. Got effect jitter."),
        ({"effect": "jiter"},
         "lesions[0].effect: must be one of zero, one, mean, noise, shuffle, flip, quantise, "
         "scale, jitter. Got 'jiter'. Did you mean 'jitter'?"),
    ],
)  # fmt: skip
def test_mistakes_in_it_are_reported_as_those_of_other_effects(keys, message):
    with pytest.raises(LesionError) as caught:
        lesion(**keys)
    assert str(caught.value) == f"study: {message}"


def test_lists_and_editors_know_it():
    assert catalogue("lesions")["effect"]["jitter"] == "from lesion-jitter 1.2"
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(study_schema())
    value = {**STUDY, "lesions": [{"effect": "jitter", "size": 2}]}
    assert list(validator.iter_errors(value)) == []

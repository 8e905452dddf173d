"""A package whose entry a study uses is one of the versions that decide its scores."""

import json

import pytest

from lesion.record.record import Record
from lesion.study import packages as module
from lesion.study.files import parse_study
from lesion.study.packages import packages

STUDY = {
    "name": "s", "models": [{"source": "a/b"}], "tasks": ["mrpc"], "lesions": [{"order": "focal"}],
    "doses": [0, 1],
}  # fmt: skip


@pytest.fixture
def offering(monkeypatch):
    """Pretends that an installed package offers words."""

    def offer(version, **words):
        offered = {kind: {word: f"lesion-extra {version}"} for kind, word in words.items()}
        monkeypatch.setattr(module, "installed", lambda kind: offered.get(kind, {}))

    return offer


def test_without_packages_nothing_is_added_to_versions_or_fingerprint(tmp_path):
    study = parse_study(STUDY)
    assert packages(study) == {}
    record = Record.open(tmp_path / "run", study)
    assert set(json.loads(record.meta("versions"))) == {
        "python", "lesion", "torch", "transformers", "tokenizers", "numpy",
    }  # fmt: skip


def test_a_package_counts_only_if_the_study_uses_its_word(offering):
    study = parse_study(STUDY)
    plain = study.fingerprint()
    offering("1.0", effect="burn")
    assert packages(study) == {} and study.fingerprint() == plain
    offering("1.0", order="focal")
    assert packages(study) == {"lesion-extra": "1.0"}
    first = study.fingerprint()
    offering("2.0", order="focal")
    assert len({plain, first, study.fingerprint()}) == 3


def test_a_record_has_the_version_of_the_package(offering, tmp_path):
    offering("1.0", order="focal")
    record = Record.open(tmp_path / "run", parse_study(STUDY))
    assert json.loads(record.meta("versions"))["lesion-extra"] == "1.0"

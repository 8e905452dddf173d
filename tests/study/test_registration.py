"""A digest to cite of hypotheses, margins and design: the same on every machine."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import lesion
from lesion.study.comparison import Compare
from lesion.study.files import parse_study
from lesion.tasks.metrics import Metric
from tests import labs
from tests.test_cli import lesion as command


@pytest.fixture
def keys(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    return labs.study(tiny_bert, data)


def digest(keys, **changes):
    return lesion.register(keys | changes).digest


def test_the_digest_is_that_of_the_file_which_is_written(keys, tmp_path):
    file = tmp_path / "registered.json"
    registered = lesion.register(keys, to=file)
    assert hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest() == registered.digest
    assert registered.digest in registered.citation
    assert json.loads(file.read_text())["compare"]["between"] == "model"  # defaults are spelled out


def test_neither_folders_nor_what_is_drawn_change_the_digest(keys, tmp_path, tiny_bert):
    model = shutil.copytree(tiny_bert, tmp_path / "elsewhere")
    data = labs.write_pairs(tmp_path / "other.tsv")
    moved = labs.study(model, data) | {"figures": {"metrics": ["mcc"]}}
    assert digest(moved) == digest(keys)
    assert str(tmp_path) not in lesion.register(moved).text


@pytest.mark.parametrize(
    "change", [{"compare": {"margin": 0.05}}, {"compare": {"dose": 0.3}}, {"draws": 3}, {"seed": 1}]
)
def test_margins_hypotheses_and_design_change_the_digest(keys, change):
    assert digest(keys, **change) != digest(keys)


def test_other_examples_change_the_digest(keys, tmp_path):
    before = digest(keys)
    labs.write_pairs(tmp_path / "pairs.tsv", examples=25)
    assert digest(keys) != before


def test_the_command_prints_the_digest_and_how_to_cite_it(keys, tmp_path):
    study, file = labs.write_study(tmp_path / "s.yaml", keys), tmp_path / "registered.json"
    lines = command("register", study, "--to", file).stdout.splitlines()
    registered = lesion.register(study)
    assert lines[0] == f"Digest: {registered.digest}"
    assert lines[1] == f"Cite it as: {registered.citation}"
    assert lines[-1] == f"wrote {file}"
    assert file.read_text() == registered.text


def test_the_command_registers_the_smaller_study_that_a_run_would_have(keys, tmp_path):
    study = labs.write_study(tmp_path / "s.yaml", keys | {"doses": [n / 10 for n in range(11)]})
    whole, quick = (command("register", study, *more).stdout for more in ((), ("--quick",)))
    assert whole.splitlines()[0] != quick.splitlines()[0]


def test_a_mistake_in_the_study_or_the_place_is_a_message(keys, tmp_path):
    study = labs.write_study(tmp_path / "s.yaml", keys)
    result = command("register", study, "--to", tmp_path / "none" / "r.json")
    assert result.returncode == 2
    assert "--to" in result.stderr
    assert "there is no folder" in result.stderr


def test_a_metric_from_python_is_not_part_of_the_digest_and_a_note_says_so(keys):
    own = Metric("half", "half", "correct", np.asarray, None)
    study = replace(parse_study(keys), compare=Compare(metric=own))
    registered = lesion.register(study)
    assert registered.digest == digest(keys)
    assert registered.notes == (
        "compare.metric: was made in Python, and is not part of the digest.",
    )


def test_a_model_of_a_hub_without_a_commit_is_noted(keys):
    models = [{"source": "google-bert/bert-base-uncased"}]
    pinned = [{"source": "google-bert/bert-base-uncased", "revision": "0" * 40}]
    (note,) = lesion.register(keys | {"models": models}).notes
    assert note.startswith("bert-base-uncased: give google-bert/bert-base-uncased a commit")
    assert lesion.register(keys | {"models": pinned}).notes == ()

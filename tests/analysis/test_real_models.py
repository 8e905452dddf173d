"""Diagnoses on MRPC itself, of a MiniLM that learned it and of others that did not.

The data are GLUE's own download layout under LESION_TEST_DATA. The head is trained, in some
minutes, unless it is in the cache (LESION_CACHE).
"""

import os
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

import lesion
from lesion.models.recipes import Finetuning
from lesion.running.heads import finetune_study
from lesion.study.files import find_study
from lesion.study.specs import ModelSpec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("LESION_TEST_DATA" not in os.environ, reason="needs MRPC: LESION_TEST_DATA"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Four models of one body: trained, trained at learning rate 0, and with a head that always
    gives one class."""
    folder, data = tmp_path_factory.mktemp("mrpc"), os.environ["LESION_TEST_DATA"]
    study = find_study("mrpc-minilm")
    (learned,) = finetune_study(study, folder / "learned", data)
    standing = replace(study, finetune=Finetuning(epochs=0.02, learning_rate=0.0))
    (unlearned,) = finetune_study(standing, folder / "unlearned", data)
    sources = {"learned": learned, "unlearned": unlearned}
    for number, name in enumerate(("always different", "always same")):
        sources[name] = folder / name
        shutil.copytree(learned, sources[name])
        weights = load_file(sources[name] / "model.safetensors")
        weights["classifier.bias"] = 100 * torch.eye(2)[number]
        save_file(weights, sources[name] / "model.safetensors", metadata={"format": "pt"})
    models = tuple(ModelSpec(str(path), name) for name, path in sources.items())
    small = replace(
        study, models=models, finetune=None, lesions=study.lesions[:1], doses=(0.0, 0.1, 1.0),
        draws=3,
    )  # fmt: skip
    return lesion.run(small, folder / "run", data=data)


def diagnoses(run, model):
    (one,) = (a for a in run.analyses if a.model == model)
    return {found.name: found for found in one.diagnoses}


def test_a_trained_model_learned_and_is_constant_only_when_all_is_destroyed(run):
    found = diagnoses(run, "learned")
    assert set(found) == {"constant"}
    assert found["constant"].dose == 1.0
    assert found["constant"].severity == "note"
    assert found["constant"].evidence["trials"] == 3
    assert found["constant"].evidence["share"] == 1.0


def test_a_model_trained_at_learning_rate_0_never_learned(run):
    found = diagnoses(run, "unlearned")["never learned"]
    assert found.severity == "exclude"
    assert found.message.startswith("unlearned never learned mrpc: its intact mcc is ")


@pytest.mark.parametrize(
    ("model", "label"), [("always different", "not_equivalent"), ("always same", "equivalent")]
)
def test_a_collapse_to_each_class_is_named_with_its_class_and_share(run, model, label):
    found = diagnoses(run, model)
    assert found["never learned"].severity == "exclude"
    constant = found["constant"]
    assert (constant.dose, constant.severity) == (0.0, "warning")
    assert constant.evidence["classes"] == {label: 3}
    assert constant.evidence["share"] == 1.0
    assert "no effect" in found


def test_verdicts_leave_the_others_out_by_name(run):
    left_out = {v.b: v.left_out for v in run.verdicts if v.a == "learned"}
    assert left_out == {
        name: (f"{name}: never learned",)
        for name in ("unlearned", "always different", "always same")
    }

"""A family that an installed package describes, of an architecture that transformers lacks."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

import lesion
from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models import anatomy, families
from lesion.models.load import load_model
from lesion.scoring.scorer import Scorer
from lesion.study.catalogue import catalogue
from tests.scoring.small import Small

MODULE = '''
"""A post-norm encoder of one layer, and its family."""

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from lesion.models.families.base import Family, FastForward


class AcornConfig(PretrainedConfig):
    model_type = "acorn"

    def __init__(self, vocab_size=99, hidden_size=16, **rest):
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.num_hidden_layers, self.num_attention_heads = 1, 2
        self.max_position_embeddings, self.hidden_act = 64, "gelu"
        super().__init__(**rest)


class AcornLayer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 24), nn.Linear(24, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, mask):
        q, k, v = (f(x).unflatten(2, (2, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        attended = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.norm1(x + self.o(attended.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))


class AcornModel(PreTrainedModel):
    config_class, base_model_prefix = AcornConfig, "acorn"

    def __init__(self, config):
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([AcornLayer(config.hidden_size)])
        self.post_init()

    def forward(self, input_ids, attention_mask):
        return self.layers[0](self.words(input_ids), attention_mask[:, None, None, :].bool())


class AcornForSequenceClassification(PreTrainedModel):
    config_class, base_model_prefix = AcornConfig, "acorn"

    def __init__(self, config):
        super().__init__(config)
        self.acorn = AcornModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask, **rest):
        states = self.acorn(input_ids, attention_mask)
        return SequenceClassifierOutput(logits=self.classifier(states[:, 0]))


def register():
    from transformers import AutoConfig, AutoModelForSequenceClassification

    AutoConfig.register("acorn", AcornConfig, exist_ok=True)
    AutoModelForSequenceClassification.register(
        AcornConfig, AcornForSequenceClassification, exist_ok=True
    )


ACORN = Family(
    "acorn",
    body={
        "embeddings": ("words",),
        "query": ("layers.{n}.q",),
        "key": ("layers.{n}.k",),
        "value": ("layers.{n}.v",),
        "attention_output": ("layers.{n}.o",),
        "mlp_in": ("layers.{n}.up",),
        "mlp_out": ("layers.{n}.down",),
        "norms": ("layers.{n}.norm1", "layers.{n}.norm2"),
    },
    head={"classifier": ("classifier",)},
    fast=FastForward(
        lambda base, inputs: base.words(inputs["input_ids"]),
        {"classification": lambda model, states: model.classifier(states[:, 0])},
    ),
    register=register,
)
OTHER = ACORN.word
'''


def install(folder: Path, name: str, value: str, word: str = "acorn") -> None:
    """What pip leaves of a package that offers a family: its metadata."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[lesion.families]\n{word} = {value}\n")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder on the path, with the module of the package but without its metadata."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "lesion_acorn.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder)
    families._installed_family.cache_clear()
    yield folder
    families._installed_family.cache_clear()
    sys.modules.pop("lesion_acorn", None)


@pytest.fixture
def acorn(package, tiny_bert, tmp_path):
    """A saved model of the family, its package installed but not loaded."""
    module = importlib.import_module("lesion_acorn")
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    config = module.AcornConfig(vocab_size=len(tokenizer), num_labels=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = module.AcornForSequenceClassification(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
    folder = tmp_path / "acorn"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    del sys.modules["lesion_acorn"]
    install(package, "lesion-acorn", "lesion_acorn:ACORN")
    return folder


def test_a_package_is_listed_without_being_loaded(package):
    install(package, "lesion-acorn", "lesion_acorn:ACORN")
    assert catalogue("models")["families"]["acorn"] == (
        "any checkpoint with model_type acorn, from a hub or a folder; "
        "described by lesion-acorn 1.0"
    )
    assert "lesion_acorn" not in sys.modules


def test_a_model_is_loaded_damaged_and_scored_by_its_fast_forward(acorn):
    model, tokenizer = load_model(str(acorn)), AutoTokenizer.from_pretrained(acorn)
    held = {id(t) for site in anatomy.sites(model) for t in (site.weight, site.bias)}
    assert {id(parameter) for parameter in model.parameters()} <= held
    fast, own = (Scorer(model, tokenizer, Small(), fast=fast) for fast in (True, False))
    assert not fast.fallback_reason
    intact = fast()
    for units in ("weights", "neurons", "heads", "dimensions"):
        with Lesion(units).applied(model, 0.5):
            assert np.abs(fast() - own()).max() <= 1e-5
            assert np.abs(fast() - intact).max() > 1e-3
    assert np.array_equal(fast(), intact)


def test_a_study_of_such_a_model_runs(acorn, tmp_path):
    (tmp_path / "dev.tsv").write_text(
        "sentence\tlabel\n" + "".join(f"the cat sat {n}\t{n % 2}\n" for n in range(6))
    )
    study = tmp_path / "study.yaml"
    study.write_text(
        f"""
name: acorns
models: [{{source: {acorn}, name: acorn}}]
tasks: [{{name: mine, dev: {tmp_path / "dev.tsv"}, text: [sentence], label: label}}]
lesions: [{{units: neurons}}]
doses: [0.5, 1]
draws: 1
"""
    )
    run = lesion.run(study, tmp_path / "run", workers=1)
    assert len(run.table("curves")) > 0


def test_a_package_cannot_take_the_word_of_a_built_in_family(package):
    install(package, "lesion-bert", "lesion_acorn:ACORN", "bert")
    assert families.find_family("bert") is families.FAMILIES["bert"]
    assert catalogue("models")["families"]["bert"] == (
        "any checkpoint with model_type bert, from a hub or a folder"
    )


def test_what_is_no_family_of_its_word_is_refused(package):
    install(package, "lesion-acorn", "lesion_acorn:OTHER")
    with pytest.raises(LesionError) as caught:
        families.find_family("acorn")
    assert str(caught.value) == (
        "family: lesion-acorn 1.0 offers 'acorn', which must be a Family of this word. "
        "Got 'acorn'. Repair or uninstall the package."
    )

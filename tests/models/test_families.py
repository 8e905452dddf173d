"""What a family declares, held against the model's own forward, for every family."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoTokenizer

from lesion.errors import LesionError
from lesion.models import anatomy, load
from lesion.models.families import FAMILIES
from lesion.models.hush import silence_transformers
from lesion.models.inputs import collate
from lesion.models.parts import PARTS, SIX_MATRICES
from lesion.scoring.scorer import Scorer
from lesion.tasks.base import Encoded
from lesion.tasks.tokens import has_token_types, longest_input
from lesion.testing import check_family
from tests import families

TEXTS = (
    ("the cat sat on the mat .", "rain fell on the quiet town all night .", "she reads .", "a dog"),
    ("a dog ran .", "the old sailor told a long story .", "he sold the house .", "le chat dort"),
)
HEADED = [(name, "classification") for name in families.NAMES]
HEADED += [(name, "mlm") for name in families.MASKED]
HEADED += [(name, "causal") for name in families.CAUSAL]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of the models, built when they are asked for."""
    root, made = tmp_path_factory.mktemp("families"), {}

    def folder(name: str, head: str = "classification") -> Path:
        if (name, head) not in made:
            made[name, head] = families.build(name, root / f"{name}-{head}", head)
        return made[name, head]

    return folder


@pytest.fixture(scope="module")
def loaded(folders):
    """A model that the test may change."""
    models = {}

    def fresh(name: str, head: str = "classification") -> torch.nn.Module:
        if (name, head) not in models:
            models[name, head] = load.load_model(str(folders(name, head)), head=head)
        return copy.deepcopy(models[name, head])

    return fresh


@pytest.fixture
def asked(folders):
    """One example as the model's forward takes it."""

    def inputs(name: str, text: str = TEXTS[0][1], head: str = "classification") -> dict:
        made = AutoTokenizer.from_pretrained(folders(name, head))(text, return_tensors="pt")
        ids = made["input_ids"]
        return {"input_ids": ids, **families.language(name, ids)}

    return inputs


def of(model, part, layers="all"):
    return anatomy.select_sites(model, layers, (part,))


def logits(model, inputs) -> torch.Tensor:
    with torch.inference_mode():
        return model(**inputs).logits.clone()


@torch.no_grad()
def erase(sites) -> None:
    for site in sites:
        for tensor in (site.weight, site.bias):
            if tensor is not None:
                tensor.zero_()


def seen(model, module, inputs, side: str) -> torch.Tensor:
    """What enters ("in") or leaves ("out") a module, of the one example: (tokens, features)."""
    caught = []
    hook = module.register_forward_hook(
        lambda _, given, made: caught.append(given[0] if side == "in" else made)
    )
    logits(model, inputs)
    hook.remove()
    return caught[0].reshape(-1, caught[0].shape[-1])


class Pairs:
    """The smallest classification task: four pairs of sentences."""

    name, kind, head, metrics, classes = "pairs", "classify", "classification", (), ("0", "1")
    labels, language, digest = np.array([0, 1, 0, 1]), "en", "none"

    def encode(self, tokenizer, config):
        made = tokenizer(*(list(column) for column in TEXTS))
        typed = "token_type_ids" in made and has_token_types(config)
        names = ["input_ids"] + ["token_type_ids"] * typed
        rows = zip(*(made[name] for name in names), strict=True)
        return Encoded([dict(zip(names, row, strict=True)) for row in rows])

    def reduce(self, logits, rows):
        return logits

    def gather(self, outputs, encoded):
        return outputs


def test_a_tiny_model_of_every_family_is_tested():
    made = {families.CONFIGS[name][0] for name in families.NAMES}
    assert {getattr(transformers, kind).model_type for kind in made} == set(FAMILIES)


def test_the_table_uses_only_known_parts_and_has_the_six_matrices():
    for family in FAMILIES.values():
        assert set(family.body) | set(family.head) <= set(PARTS)
        assert set(SIX_MATRICES) <= set(family.body)


def test_the_table_names_every_family_by_its_model_type():
    assert {word: family.word for word, family in FAMILIES.items()} == {w: w for w in FAMILIES}


@pytest.mark.parametrize("name", families.NAMES)
def test_every_family_keeps_its_contract(name, folders):
    other = "causal" if name in families.CAUSAL else "mlm"
    models = {head: folders(name, head) for head in ("classification", other)}
    family = FAMILIES[families._model_type(name)]
    check_family(family, models, module="lesion.models.families")


@pytest.mark.parametrize("name", families.NAMES)
@pytest.mark.parametrize("batch_tokens", [40, 4096])
def test_scores_equal_the_plain_forward_of_single_examples(name, batch_tokens, folders):
    tokenizer = AutoTokenizer.from_pretrained(folders(name))
    auto = transformers.AutoModelForSequenceClassification
    with silence_transformers():
        plain = auto.from_pretrained(folders(name)).eval()
    expected = []
    for first, second in zip(*TEXTS, strict=True):
        inputs = tokenizer(first, second, return_tensors="pt")
        if not has_token_types(plain.config):
            inputs.pop("token_type_ids", None)
        inputs.update(families.language(name, inputs["input_ids"]))
        expected.append(logits(plain, inputs)[0].numpy())
    model = load.load_model(str(folders(name)))
    found = Scorer(model, tokenizer, Pairs(), batch_tokens)()
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5, rtol=0)
    assert np.ptp(found, axis=0).min() > 1e-2, "examples that differ score alike"


@pytest.mark.parametrize(("name", "head"), [pair for pair in HEADED if pair[1] != "classification"])
def test_padding_leaves_the_predicted_words_alone(name, head, folders, loaded, asked):
    tokenizer = AutoTokenizer.from_pretrained(folders(name, head))
    model = loaded(name, head)
    rows = [{"input_ids": tokenizer(text)["input_ids"]} for text in TEXTS[0]]
    spoken = 0 if name == "xlm" else None
    together = logits(model, collate(rows, tokenizer, spoken, torch.device("cpu")))
    for row, text in zip(together, TEXTS[0], strict=True):
        alone = logits(model, asked(name, text, head))[0]
        torch.testing.assert_close(row[: len(alone)], alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", families.NAMES)
def test_every_layer_has_its_six_matrices(name, loaded):
    model = loaded(name)
    depth = 1 if name == "albert" else 3
    assert anatomy.layer_count(model) == depth
    twice = {"deberta-v2": ("query", "key")}
    twice |= dict.fromkeys(("modernbert", "llama", "mistral", "qwen2"), ("mlp_in",))
    for layer in range(depth):
        for part in SIX_MATRICES:
            found = of(model, part, (layer,))
            assert [site.index for site in found] == (
                [0, 1] if part in twice.get(name, ()) else [0]
            )
            assert {site.layer for site in found} == {layer}


@pytest.mark.parametrize("name", families.NAMES)
def test_sites_say_where_their_units_and_heads_are(name, loaded):
    model = loaded(name)
    grouped = 2 if name in ("llama", "mistral", "qwen2") else 4
    expected = {"query": 4, "key": grouped, "value": grouped, "attention_output": 4}
    inner = 128 if name == "xlm" else 48
    width = {"mlp_in": inner, "mlp_out": 32, "attention_output": 32, "query": 32}
    for site in anatomy.sites(model):
        assert site.heads == expected.get(site.part)
        if site.part in width:
            assert site.weight.shape[site.axis] == width[site.part]
            assert site.weight.shape[site.in_axis] == (inner if site.part == "mlp_out" else 32)
            assert site.bias is None or site.bias.shape == (width[site.part],)


@pytest.mark.parametrize("name", families.NAMES)
def test_without_queries_a_model_attends_as_without_keys(name, loaded, asked):
    intact = loaded(name)
    scores = {"intact": logits(intact, asked(name))}
    for part in ("query", "key", "value"):
        model = copy.deepcopy(intact)
        erase(of(model, part))
        scores[part] = logits(model, asked(name))
    torch.testing.assert_close(scores["query"], scores["key"], atol=1e-5, rtol=0)
    for part in ("intact", "value"):
        assert not torch.allclose(scores["query"], scores[part], atol=1e-3)


@pytest.mark.parametrize("name", [n for n in families.NAMES if n[:7] not in ("albert", "deberta")])
def test_queries_are_not_keys(name, loaded, asked):
    """In the last layer, only the query of the token that the head reads matters."""
    intact, read = loaded(name), -1 if name in families.CAUSAL else 0
    state = seen(intact, of(intact, "query", "last")[0].module, asked(name), "in")[read]
    generator = torch.Generator().manual_seed(0)
    for part, same in (("query", True), ("key", False)):
        model = copy.deepcopy(intact)
        site = of(model, part, "last")[0]
        across = torch.randn(32, generator=generator)
        across -= state * (across @ state) / (state @ state)
        added = torch.outer(torch.ones(site.weight.shape[site.axis]), across)
        with torch.no_grad():
            site.weight.add_(added if site.axis == 0 else added.T)
        found = logits(model, asked(name))
        assert torch.allclose(found, logits(intact, asked(name)), atol=1e-4) == same


@pytest.mark.parametrize("name", [name for name in families.NAMES if name != "deberta-v2"])
def test_a_model_does_not_know_the_order_of_its_hidden_dimensions(name, loaded, asked):
    """Renumbering the stream in all that reads and writes it changes nothing."""
    model = loaded(name)
    expected = logits(model, asked(name))
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for site in anatomy.sites(model):
            for key, axis in site.stream_axes.items():
                tensor = getattr(site, key)
                tensor.copy_(tensor.index_select(axis, order))
    torch.testing.assert_close(logits(model, asked(name)), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", families.NAMES)
def test_a_hidden_dimension_that_nothing_writes_is_zero_in_every_layer(name, loaded, asked):
    model = loaded(name)
    with torch.no_grad():
        for site in anatomy.sites(model):
            for key, axis in site.stream_axes.items():
                getattr(site, key).select(axis, 7).zero_()
    with torch.inference_mode():
        states = model(**asked(name), output_hidden_states=True).hidden_states
    assert len(states) == 4
    for state in states:
        assert (state[0] == 0).all(0).nonzero().flatten().tolist() == [7]


def test_stream_axes_leave_out_what_the_stream_does_not_reach(loaded):
    def axes(name, head="classification"):
        return {
            (site.part, site.index): site.stream_axes
            for site in anatomy.sites(loaded(name, head))
            if site.layer in (None, 0)
        }

    bert = axes("bert")
    assert bert["query", 0] == bert["mlp_in", 0] == bert["pooler", 0] == {"weight": 1}
    assert bert["mlp_out", 0] == bert["norms", 0] == {"weight": 0, "bias": 0}
    assert bert["embeddings", 0] == {"weight": 1}
    assert bert["classifier", 0] == {}, "it reads the pooler"
    electra, roberta = axes("electra"), axes("roberta", "mlm")
    assert electra["embeddings", 0] == electra["norms", 0] == {}, "narrow tables"
    assert electra["embeddings", 3] == {"weight": 0, "bias": 0}, "embeddings_project"
    assert electra["classifier", 0] == {"weight": 1}
    assert electra["classifier", 1] == {}
    assert roberta["mlm_head", 0] == {"weight": 1}
    assert roberta["mlm_head", 1] == roberta["mlm_head", 2] == {}
    gpt2 = axes("gpt2")
    assert gpt2["query", 0] == gpt2["mlp_in", 0] == {"weight": 0}, "kept as (in, out)"
    assert gpt2["mlp_out", 0] == {"weight": 1, "bias": 0}
    assert axes("mpnet")["embeddings", 2] == {}, "relative_attention_bias"
    assert axes("llama", "causal")["mlm_head", 0] == {"weight": 1}


@pytest.mark.parametrize("name", ["gpt2", "modernbert"])
def test_a_view_has_its_block_of_the_gradient(name, loaded, asked):
    model = loaded(name)
    assert all(site.grad("weight") is None for site in of(model, "key"))
    model(**asked(name)).logits[0, 0].backward()
    whole = of(model, "key", (1,))[0].module.weight.grad
    axis = of(model, "key")[0].axis
    blocks = [of(model, part, (1,))[0].grad("weight") for part in ("query", "key", "value")]
    assert blocks[0].shape == of(model, "query", (1,))[0].weight.shape
    assert torch.equal(torch.cat(blocks, axis), whole)


def test_albert_holds_its_shared_weights_once_as_layer_0(loaded):
    model = loaded("albert")
    everywhere = anatomy.select_sites(model, "all", SIX_MATRICES)
    assert [site.layer for site in everywhere] == [0] * 6
    same = anatomy.select_sites(model, (0,), SIX_MATRICES)
    assert [id(site.weight) for site in same] == [id(site.weight) for site in everywhere]


@pytest.mark.parametrize("layers", ["first", "last", "middle", 1, (0, 2)])
def test_a_single_layer_of_albert_is_refused(layers, loaded):
    with pytest.raises(LesionError) as caught:
        anatomy.select_sites(loaded("albert"), layers, SIX_MATRICES)
    assert str(caught.value) == (
        "where.layers: the 3 layers of AlbertForSequenceClassification share one set of weights, "
        f"so that no layer can be damaged alone. Set layers to all. Got {layers!r}."
    )


def test_a_deberta_of_the_newer_kind_of_head(tmp_path):
    folder = families.build("deberta-v3", tmp_path / "model", "mlm", legacy=False)
    model = load.load_model(str(folder), head="mlm")
    held = [site.path for site in of(model, "mlm_head")]
    head = "lm_predictions.lm_head"
    assert held == [f"{head}.dense", f"{head}.LayerNorm", head]
    assert of(model, "mlm_head")[0].stream_axes == {"weight": 1}


def test_a_causal_classifier_is_told_what_pads(loaded, folders):
    for name in families.CAUSAL:
        tokenizer = AutoTokenizer.from_pretrained(folders(name))
        made = collate([{"input_ids": [5]}, {"input_ids": [5, 6]}], tokenizer, None, "cpu")
        assert loaded(name).config.pad_token_id == made["input_ids"][0, 1]
    assert made["attention_mask"].tolist() == [[1, 0], [1, 1]]


def test_a_causal_classifier_that_would_read_padding_is_refused(tmp_path):
    folder = families.build("llama", tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": 4}))
    with pytest.raises(LesionError) as caught:
        load.load_model(str(folder))
    assert str(caught.value) == (
        f"{folder}: config.json has pad_token_id 4, but the tokenizer pads with 1, so that the "
        "classifier would read padding. Make them the same."
    )


ENDLESS = SimpleNamespace(model_max_length=10**30)  # a tokenizer that names no limit


@pytest.mark.parametrize("name", families.NAMES)
def test_the_longest_input_is_read(name, loaded):
    model = loaded(name)
    limit = longest_input(ENDLESS, model.config)
    skips = ("roberta", "xlm-roberta", "mpnet")  # the first position is that after the padding's
    assert limit == (62 if name in skips else 64)
    ids = torch.full((1, limit), 5)
    assert torch.isfinite(logits(model, {"input_ids": ids, **families.language(name, ids)})).all()
    if name in skips:
        with pytest.raises((IndexError, RuntimeError)):
            logits(model, {"input_ids": torch.full((1, limit + 1), 5)})


def test_a_tokenizer_may_name_a_smaller_limit(loaded):
    assert longest_input(SimpleNamespace(model_max_length=10), loaded("roberta").config) == 10


def test_a_masked_model_is_refused_as_a_causal_one(folders):
    folder = folders("bert", "mlm")
    with pytest.raises(LesionError) as caught:
        load.load_model(str(folder), head="causal")
    assert str(caught.value) == (
        f"{folder}: is a bert, which does not predict the next word. Choose a causal model "
        "(gpt2, llama, mistral, qwen2)."
    )

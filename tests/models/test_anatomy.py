import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, XLMConfig, XLMWithLMHeadModel

from lesion.errors import LesionError
from lesion.models import anatomy, load
from lesion.models.families import FAMILIES
from lesion.models.parts import PARTS, SIX_MATRICES


@pytest.fixture(scope="module")
def bert(tiny_bert):
    return load.load_model(str(tiny_bert))


@pytest.fixture(scope="module")
def xlm(tiny_xlm):
    return load.load_model(str(tiny_xlm))


def names_of(model, sites) -> set[str]:
    """Full parameter names that some sites hold."""
    held = {id(t) for site in sites for t in (site.weight, site.bias) if t is not None}
    return {name for name, tensor in model.named_parameters() if id(tensor) in held}


def test_every_parameter_of_bert_belongs_to_one_part(bert):
    assert names_of(bert, anatomy.sites(bert)) == {name for name, _ in bert.named_parameters()}


def test_every_parameter_of_xlm_belongs_to_one_part(xlm):
    assert names_of(xlm, anatomy.sites(xlm)) == {name for name, _ in xlm.named_parameters()}


@pytest.mark.parametrize("fixture", ["bert", "xlm"])
def test_no_tensor_is_held_twice(fixture, request):
    model = request.getfixturevalue(fixture)
    held = [id(t) for s in anatomy.sites(model) for t in (s.weight, s.bias) if t is not None]
    assert len(held) == len(set(held))


def test_the_parts_of_berts_layer_are_where_bert_keeps_them(bert):
    prefix = "bert.encoder.layer.1."
    expected = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attention_output": "attention.output.dense",
        "mlp_in": "intermediate.dense",
        "mlp_out": "output.dense",
    }
    for part, path in expected.items():
        found = names_of(bert, anatomy.select_sites(bert, (1,), (part,)))
        assert found == {f"{prefix}{path}.weight", f"{prefix}{path}.bias"}


def test_the_parts_of_xlms_layer_are_where_xlm_keeps_them(xlm):
    expected = {
        "query": "attentions.2.q_lin",
        "key": "attentions.2.k_lin",
        "value": "attentions.2.v_lin",
        "attention_output": "attentions.2.out_lin",
        "mlp_in": "ffns.2.lin1",
        "mlp_out": "ffns.2.lin2",
    }
    for part, path in expected.items():
        found = names_of(xlm, anatomy.select_sites(xlm, "last", (part,)))
        assert found == {f"transformer.{path}.weight", f"transformer.{path}.bias"}


def test_xlm_has_language_embeddings_and_a_classifier(xlm):
    found = names_of(xlm, anatomy.select_sites(xlm, "all", ("embeddings", "classifier")))
    assert "transformer.lang_embeddings.weight" in found
    assert "sequence_summary.summary.weight" in found


def test_an_output_matrix_shared_with_the_embeddings_is_the_embeddings():
    torch.manual_seed(0)
    small = BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8,
    )  # fmt: skip
    model = BertForMaskedLM(small)
    head = anatomy.select_sites(model, "all", ("mlm_head",))
    assert names_of(model, head) == {
        "cls.predictions.transform.dense.weight",
        "cls.predictions.transform.dense.bias",
        "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.LayerNorm.bias",
        "cls.predictions.bias",
    }
    xlm = XLMWithLMHeadModel(
        XLMConfig(vocab_size=20, emb_dim=8, n_layers=1, n_heads=2, max_position_embeddings=16)
    )
    assert names_of(xlm, anatomy.select_sites(xlm, "all", ("mlm_head",))) == {
        "pred_layer.proj.bias"
    }


def test_by_default_the_embeddings_norms_and_heads_stay_out(bert):
    chosen = anatomy.select_sites(bert, "all", SIX_MATRICES)
    assert len(chosen) == 3 * 6
    assert all(site.layer is not None and site.part in SIX_MATRICES for site in chosen)


def test_norms_of_one_layer_leave_the_embeddings_norm_alone(bert):
    assert [site.layer for site in anatomy.select_sites(bert, "first", ("norms",))] == [0, 0]
    assert len(anatomy.select_sites(bert, "all", ("norms",))) == 1 + 2 * 3


def test_the_classifier_is_reached_whatever_the_layers(bert):
    assert [s.part for s in anatomy.select_sites(bert, "last", ("query", "classifier"))] == [
        "query",
        "classifier",
    ]


@pytest.mark.parametrize(
    ("word", "count", "expected"),
    [
        ("middle", 12, {6, 7, 8, 9}),
        ("middle", 1, {0}),
        ("middle", 2, {1}),
        ("first", 12, {0}),
        ("last", 6, {5}),
        ("all", 3, {0, 1, 2}),
        ((1, 2), 4, {1, 2}),
        (2, 4, {2}),
    ],
)
def test_words_for_layers(word, count, expected):
    assert anatomy.layer_numbers(word, count) == expected


def test_a_layer_that_is_not_there_is_refused(bert):
    with pytest.raises(LesionError) as caught:
        anatomy.select_sites(bert, (2, 3), SIX_MATRICES)
    assert str(caught.value) == "where.layers: the model has layers 0-2. Got 3."


def test_a_part_that_is_not_there_is_refused(xlm):
    with pytest.raises(LesionError) as caught:
        anatomy.select_sites(xlm, "all", ("query", "pooler"))
    assert str(caught.value) == (
        "where.parts: XLMForSequenceClassification has no pooler in the selected layers. It has "
        "embeddings, query, key, value, attention_output, mlp_in, mlp_out, norms, classifier."
    )


def test_an_unknown_family_is_refused_and_told_where_to_add_it():
    class Odd(torch.nn.Module):
        config = type("Config", (), {"model_type": "perceiver"})()

    with pytest.raises(LesionError) as caught:
        anatomy.sites(Odd())
    assert str(caught.value) == (
        "model_type 'perceiver' is not a family that Lesion knows. Known: "
        f"{', '.join(FAMILIES)}. Install a package that describes it, or add a file to "
        "lesion/models/families."
    )


def test_the_table_uses_only_known_parts():
    for family in FAMILIES.values():
        assert set(family.body) | set(family.head) <= set(PARTS)

"""Means and importances are of real tokens and single examples, however they are batched."""

import pytest
import torch

from lesion.damage.importance import importances
from lesion.damage.lesion import Lesion
from lesion.damage.rows import rows
from lesion.damage.units import UNITS
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.load import load_model
from tests import families

IDS = ([4, 6, 9, 11, 7], [5, 8, 4], [9, 9, 5, 6, 4, 7])
LABELS = torch.tensor([0, 1, 1])


@pytest.fixture(params=["bert", "gpt2", "modernbert", "albert"])
def model(request, tmp_path):
    return load_model(str(families.build(request.param, tmp_path)))


@pytest.fixture
def bert(tiny_bert):
    return load_model(str(tiny_bert))


def singles() -> list[dict[str, torch.Tensor]]:
    return [
        {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids)).long(),
         "labels": label[None]}
        for ids, label in zip(IDS, LABELS, strict=True)
    ]  # fmt: skip


def padded(model, length: int, left: bool = False) -> dict[str, torch.Tensor]:
    """The same rows in one batch."""
    pad = getattr(model.config, "pad_token_id", None) or 0

    def filled(values: list[int], by: int) -> list[int]:
        more = [by] * (length - len(values))
        return more + values if left else values + more

    return {
        "input_ids": torch.tensor([filled(ids, pad) for ids in IDS]),
        "attention_mask": torch.tensor([filled([1] * len(ids), 0) for ids in IDS]),
        "labels": LABELS,
    }


def damaged(model, lesion: Lesion, examples) -> dict[str, torch.Tensor]:
    with lesion.applied(model, 1.0, examples=examples):
        return {name: tensor.detach().clone() for name, tensor in model.named_parameters()}


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("units", ["neurons", "heads", "layers"])
def test_means_of_a_padded_batch_are_those_of_its_rows(model, units, left):
    if model.config.model_type == "modernbert":
        pytest.skip("no bias there could hold a mean")
    lesion = Lesion(units, effect="mean")
    expected = damaged(model, lesion, singles())
    for examples in ([padded(model, 9, left)], [padded(model, 6, left)]):
        found = damaged(model, lesion, examples)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_mean_of_position_embeddings_is_over_the_tokens_that_are_read(bert):
    """They come once a batch, in one row for all."""
    table = bert.bert.embeddings.position_embeddings.weight.detach()
    read = torch.cat([table[: len(ids)] for ids in IDS])
    lesion = Lesion("neurons", effect="mean", parts=("embeddings",))
    found = damaged(bert, lesion, [padded(bert, 9)])["bert.embeddings.position_embeddings.weight"]
    torch.testing.assert_close(found, read.mean(0).expand_as(table))


@pytest.mark.parametrize("measure", ["importance", "fisher"])
def test_importances_of_a_padded_batch_are_those_of_its_rows(model, measure):
    sites = anatomy.select_sites(model, "all", ("query", "key", "value", "attention_output"))
    populations = UNITS["heads"]().populations(sites, ("weight", "bias"))
    expected = importances(model, populations, singles(), measure)
    found = importances(model, populations, [padded(model, 9)], measure)
    for one in populations:
        assert torch.equal(expected[id(one)], found[id(one)])
        assert bool(found[id(one)].all())


def test_importances_are_without_dropout_and_of_frozen_weights_too(bert, untouched_randomness):
    sites = anatomy.select_sites(bert, "all", ("mlp_in",))
    populations = UNITS["neurons"]().populations(sites, ("weight", "bias"))
    expected = importances(bert, populations, singles(), "importance")
    bert.train()
    bert.requires_grad_(False)
    found = importances(bert, populations, singles(), "importance")
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    assert bert.training and not any(tensor.requires_grad for tensor in bert.parameters())


def test_without_labels_an_importance_is_refused(bert):
    example = {key: value for key, value in singles()[0].items() if key != "labels"}
    with (
        pytest.raises(LesionError) as caught,
        Lesion(order="fisher").applied(bert, 0.5, examples=[example]),
    ):
        pass
    assert str(caught.value) == "order fisher: needs labels with every example, for its loss."


def test_what_belongs_to_tokens_is_cut_and_what_belongs_to_rows_is_not(bert):
    batch = {
        **padded(bert, 6, left=True),
        "position_ids": torch.arange(6)[None],
        "inputs_embeds": torch.arange(36.0).reshape(3, 6, 2),
        "labels": torch.arange(18.0).reshape(3, 6),
        "return_dict": True,
    }
    found = rows(bert, [batch])[1]
    assert found["input_ids"].tolist() == [IDS[1]]
    assert found["attention_mask"].tolist() == [[1, 1, 1]]
    assert found["position_ids"].tolist() == [[3, 4, 5]]
    assert found["inputs_embeds"].tolist() == [[[18, 19], [20, 21], [22, 23]]]
    assert found["labels"].tolist() == [[6, 7, 8, 9, 10, 11]]
    assert found["return_dict"] is True


def test_an_example_without_padding_is_run_as_it_is(bert):
    example = singles()[0]
    assert rows(bert, [example])[0] is example


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_mask": torch.tensor([[1, 0, 1]])},
         "examples[0]: attention_mask must be 1 for the real tokens, side by side, and 0 for "
         "padding. Row 0 has zeros between its ones."),
        ({"attention_mask": torch.tensor([[0, 0, 0]])},
         "examples[0]: attention_mask must be 1 for the real tokens, side by side, and 0 for "
         "padding. Row 0 has no real token."),
        ({"attention_mask": torch.ones(1, 1, 3, 3)},
         "examples[0]: attention_mask must be of shape (1, 3), as its tokens. Got (1, 1, 3, 3)."),
        ({},
         "examples[0]: has the padding token (0) and no attention_mask, so that padding cannot be "
         "told from text. Give the attention_mask that the tokenizer makes."),
        ({"input_ids": torch.tensor([5, 6])},
         "examples[0]: needs input_ids or inputs_embeds of shape (rows, tokens, ...). Got "
         "input_ids (2,)."),
    ],
)  # fmt: skip
def test_what_is_no_padding_is_refused(bert, changes, message):
    with (
        pytest.raises(LesionError) as caught,
        Lesion("heads", effect="mean").applied(
            bert, 0.5, examples=[{"input_ids": torch.tensor([[5, 6, 0]]), **changes}]
        ),
    ):
        pass
    assert str(caught.value) == message

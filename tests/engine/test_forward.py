import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from lesion.damage.lesion import Lesion
from lesion.engine.forward import Scorer, batches
from lesion.models.load import load_model
from lesion.tasks.base import Encoded

TEXTS = (
    ("the cat sat on the mat .", "rain fell on the quiet town all night .", "she reads .", "a dog"),
    ("a dog ran .", "the old sailor told a long story .", "he sold the house .", "le chat dort"),
)


class Pairs:
    """The smallest classification task: four pairs of sentences."""

    name, kind, head, metrics, classes = (
        "pairs",
        "classify",
        "classification",
        ("accuracy",),
        ("0", "1"),
    )
    labels, language = np.array([0, 1, 0, 1]), "en"
    digest = "none"

    def encode(self, tokenizer, config):
        made = tokenizer(*(list(column) for column in TEXTS))
        names = ["input_ids"] + (["token_type_ids"] if config.model_type == "bert" else [])
        rows = zip(*(made[name] for name in names), strict=True)
        return Encoded([dict(zip(names, row, strict=True)) for row in rows])

    def read(self, logits, rows):
        return logits

    def gather(self, outputs, encoded):
        return outputs


def destroy_by_hand(model, family: str, dose: float) -> None:
    """Zero the smallest weights of every mlp_in matrix, without any of Lesion's code."""
    for name, tensor in model.named_parameters():
        if name.endswith({"bert": "intermediate.dense.weight", "xlm": "lin1.weight"}[family]):
            flat = tensor.data.view(-1)
            flat[flat.abs().argsort(stable=True)[: round(dose * flat.numel())]] = 0


@pytest.mark.parametrize(("fixture", "family"), [("tiny_bert", "bert"), ("tiny_xlm", "xlm")])
@pytest.mark.parametrize("dose", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("batch_tokens", [1, 40, 4096])
def test_scores_equal_the_plain_forward_of_a_model_damaged_by_hand(
    fixture, family, dose, batch_tokens, request
):
    folder = request.getfixturevalue(fixture)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    plain = load_model(str(folder))
    destroy_by_hand(plain, family, dose)
    expected = []
    for first, second in zip(*TEXTS, strict=True):
        inputs = tokenizer(first, second, return_tensors="pt")
        if family == "xlm":
            inputs.pop("token_type_ids", None)
            inputs["langs"] = torch.full_like(inputs["input_ids"], plain.config.lang2id["en"])
        with torch.no_grad():
            expected.append(plain(**inputs).logits[0].numpy())
    model = load_model(str(folder))
    lesion = Lesion(order="magnitude", parts=("mlp_in",), tensors=("weight",))
    with lesion.applied(model, dose):
        found = Scorer(model, tokenizer, Pairs(), batch_tokens)()
    assert found.dtype == np.float32
    assert np.abs(found - np.array(expected)).max() <= 1e-5


def test_batches_hold_every_row_once_and_keep_to_their_tokens():
    rows = [{"input_ids": [0] * length} for length in (5, 1, 9, 3, 3, 20, 2)]
    found = batches(rows, 18)
    assert sorted(row for batch in found for row in batch) == list(range(7))
    lengths = [[len(rows[row]["input_ids"]) for row in batch] for batch in found]
    assert lengths == [[20], [9, 5], [3, 3, 2, 1]]
    assert all(len(batch) == 1 or len(batch) * batch[0] <= 18 for batch in lengths)


def test_a_xlm_without_its_language_is_another_model(tiny_xlm):
    """Why `langs` matter: leaving them out changes the scores."""
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_xlm), load_model(str(tiny_xlm))
    inputs = {"input_ids": tokenizer(TEXTS[0][0], return_tensors="pt")["input_ids"]}
    with torch.no_grad():
        without = model(**inputs).logits
        with_ = model(**inputs, langs=torch.zeros_like(inputs["input_ids"])).logits
    assert not torch.allclose(without, with_, atol=1e-4)

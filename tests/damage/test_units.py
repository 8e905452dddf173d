"""Whether a unit owns exactly what it should: against forwards written by hand."""

import math

import pytest
import torch

from lesion.damage.lesion import Lesion
from lesion.damage.unit_lists import read_unit_list
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.study.damages import build
from lesion.study.files import parse_study, read_study, write_study

TOKENS = torch.tensor([[2, 5, 6, 7, 8, 9, 3]])


@pytest.fixture
def model(tiny_bert):
    return load_model(str(tiny_bert))


def listing(path, lines: list[str]):
    path.write_text("layer,part,unit\n" + "\n".join(lines) + "\n")
    return str(path)


def attention_by_hand(layer, hidden: torch.Tensor, silent: int | None) -> torch.Tensor:
    """Self-attention of BERT with one head's output set to zero, (tokens, hidden)."""
    own, heads = layer.attention.self, 4
    size = hidden.shape[-1] // heads
    parts = []
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        query, key, value = (
            hidden @ part.weight[rows].T + part.bias[rows]
            for part in (own.query, own.key, own.value)
        )
        weights = torch.softmax(query @ key.T / math.sqrt(size), -1)
        parts.append(weights @ value * (head != silent))
    output = layer.attention.output
    return output.LayerNorm(output.dense(torch.cat(parts, -1)) + hidden)


@pytest.mark.parametrize("head", [0, 3])
def test_a_dead_head_is_a_head_whose_output_is_zero(model, tmp_path, head):
    layer = model.bert.encoder.layer[1]
    with torch.no_grad():
        hidden = model.bert(TOKENS, output_hidden_states=True).hidden_states[1][0]
        expected = attention_by_hand(layer, hidden, silent=head)
        whole = attention_by_hand(layer, hidden, silent=None)
        path = listing(tmp_path / "heads.csv", [f"1,heads,{head}"])
        with Lesion("heads", "listed", file=path).applied(model, 1.0) as receipt:
            found = layer.attention(hidden[None])[0][0]
    assert receipt.destroyed == 1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, whole, atol=1e-3)


def test_a_dead_layer_adds_nothing_to_the_residual_stream(model, tmp_path):
    layer = model.bert.encoder.layer[1]
    path = listing(tmp_path / "layers.csv", [",layers,1"])
    with torch.no_grad(), Lesion("layers", "listed", file=path).applied(model, 1.0):
        hidden = torch.randn(1, 7, 32, generator=torch.Generator().manual_seed(0))
        expected = layer.output.LayerNorm(layer.attention.output.LayerNorm(hidden))
        torch.testing.assert_close(layer(hidden)[0], expected[0], rtol=1e-5, atol=1e-6)


def test_a_dead_dimension_is_zero_all_along_the_stream(model, tmp_path):
    path = listing(tmp_path / "dimensions.csv", [",dimensions,5"])
    with torch.no_grad(), Lesion("dimensions", "listed", file=path).applied(model, 1.0):
        states = model.bert(TOKENS, output_hidden_states=True).hidden_states
        assert all((state[..., 5] == 0).all() for state in states)
        assert all((state[..., 6] != 0).any() for state in states)


def test_a_dead_word_has_no_embedding(model, tmp_path):
    table = model.bert.embeddings.word_embeddings.weight
    path = listing(tmp_path / "words.csv", [",embeddings,7"])
    with Lesion("words", "listed", file=path).applied(model, 1.0):
        assert (table[7] == 0).all() and (table[8] != 0).any()


def test_listed_units_go_in_the_order_of_the_file(model, tmp_path):
    bias = model.bert.encoder.layer[2].intermediate.dense.bias
    path = listing(tmp_path / "n.csv", ["2,mlp_in,9", "2,mlp_in,4", "2,mlp_in,30", "2,mlp_in,0"])
    lesion = Lesion("neurons", "listed", "model", file=path)
    with lesion.opened(model) as wound:
        for dose, dead in ((0.25, [9]), (0.5, [4, 9]), (0.75, [4, 9, 30]), (1.0, [0, 4, 9, 30])):
            assert wound.deepen(dose).total == 4
            assert (bias == 0).nonzero().flatten().tolist() == dead


LINES = ["2,mlp_in,9", "0,mlp_in,4", "0,mlp_in,30", "1,mlp_in,0"]


def dead_neurons(model) -> list[tuple[int, int]]:
    return [
        (number, int(unit))
        for number, layer in enumerate(model.bert.encoder.layer)
        for unit in (layer.intermediate.dense.bias == 0).nonzero()
    ]


def test_a_list_without_a_scope_is_one_ordering_over_the_model(model, tmp_path):
    lesion = Lesion("neurons", "listed", file=listing(tmp_path / "n.csv", LINES))
    assert lesion.scope.word == "model"
    with lesion.opened(model) as wound:
        for dose, dead in (
            (0.25, [(2, 9)]),
            (0.5, [(0, 4), (2, 9)]),
            (0.75, [(0, 4), (0, 30), (2, 9)]),
            (1.0, [(0, 4), (0, 30), (1, 0), (2, 9)]),
        ):
            assert wound.deepen(dose).destroyed == len(dead)
            assert dead_neurons(model) == dead


def test_a_list_with_scope_site_takes_the_same_share_of_every_tensor(model, tmp_path):
    path = listing(tmp_path / "n.csv", LINES)
    with Lesion("neurons", "listed", "site", file=path).applied(model, 0.5) as receipt:
        assert receipt.destroyed == 1  # round(0.5 * 2) of layer 0, round(0.5 * 1) of the others
        assert dead_neurons(model) == [(0, 4)]


def test_a_study_that_says_scope_site_of_a_list_keeps_its_meaning_and_its_name(tmp_path):
    path = listing(tmp_path / "n.csv", LINES)
    study = {"name": "s", "models": [{"source": "a/b"}], "tasks": ["mrpc"], "doses": [0, 1]}
    by_default = {"units": "neurons", "order": "listed", "file": path}
    lesions = [by_default, {**by_default, "scope": "site"}, {"units": "heads"}]
    read = parse_study({**study, "lesions": lesions})
    assert [one.damage.scope.word for one in read.lesions] == ["model", "site", "site"]
    assert [one.name for one in read.lesions] == [
        "listed neurons model", "listed neurons", "random heads",
    ]  # fmt: skip
    (tmp_path / "study.yaml").write_text(write_study(read))
    again = read_study(tmp_path / "study.yaml")
    assert [build(one, 0).scope.word for one in again.lesions] == ["model", "site", "site"]


def test_a_focus_is_contiguous_and_moves_with_the_draw(model):
    bias = model.bert.encoder.layer[0].intermediate.dense.bias
    centres = set()
    for draw in range(6):
        lesion = Lesion("neurons", "focal", layers=0, parts=("mlp_in",))
        with lesion.applied(model, 0.25, draw=draw):
            dead = (bias == 0).nonzero().flatten()
            assert len(dead) == 16 and int(dead[-1] - dead[0]) == 15
            centres.add(int(dead[0]))
    assert len(centres) > 1


def test_a_focus_among_single_weights_is_a_rectangle(model):
    weight = model.bert.encoder.layer[0].intermediate.dense.weight  # (64, 32)
    lesion = Lesion("weights", "focal", layers=0, parts=("mlp_in",), tensors=("weight",))
    with lesion.applied(model, 0.2, draw=2) as receipt:
        rows, columns = (weight == 0).nonzero().T
    area = int((rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1))
    assert receipt.destroyed == round(0.2 * weight.numel())
    assert receipt.destroyed >= 0.85 * area


def test_a_focus_over_the_model_stays_in_neighbouring_layers(model):
    with Lesion("neurons", "focal", "model").applied(model, 0.1, draw=1) as receipt:
        assert receipt.sites <= 4


def test_scope_layer_takes_the_same_share_of_every_layer(model):
    lesion = Lesion("weights", "magnitude", "layer", tensors=("weight",))
    with lesion.applied(model, 0.3):
        for layer in model.bert.encoder.layer:
            tensors = [
                t for n, t in layer.named_parameters() if t.dim() == 2 and "LayerNorm" not in n
            ]
            dead = sum(int((tensor == 0).sum()) for tensor in tensors)
            assert dead == round(0.3 * sum(tensor.numel() for tensor in tensors))


def test_magnitude_descending_is_magnitude_from_the_other_end(model):
    bias = model.bert.encoder.layer[0].intermediate.dense.weight
    sizes = bias.detach().abs().flatten()
    where = {"layers": 0, "parts": ("mlp_in",), "tensors": ("weight",)}
    with Lesion(order="magnitude-descending", **where).applied(model, 0.1):
        dead = (bias == 0).flatten()
    assert sizes[dead].min() >= sizes[~dead].max()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layer,part\n", "{path}: needs the columns layer, part, unit. It lacks unit."),
        ("layer,part,unit\n", "{path}: lists no units."),
        (
            "layer,part,unit\n0,mlp,1\n",
            "{path}, line 2: part must be one of embeddings, query, key, value, attention_output, "
            "mlp_in, mlp_out, norms, pooler, classifier, mlm_head, heads, dimensions, layers. "
            "Got 'mlp'.",
        ),
        (
            "layer,part,unit\n0,mlp_in,x\n",
            "{path}, line 2: layer and unit must be whole numbers. Got '0' and 'x'.",
        ),
        (
            "layer,part,unit\n0,mlp_in,1\n0,mlp_in,1\n",
            "{path}, line 3: this unit stands twice.",
        ),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "units.csv"
    path.write_text(text)
    with pytest.raises(LesionError) as caught:
        read_unit_list(path)
    assert str(caught.value) == message.format(path=path)


def test_a_listed_unit_that_is_not_there_is_refused(model, tmp_path):
    path = listing(tmp_path / "heads.csv", ["1,heads,4"])
    lesion = Lesion("heads", "listed", file=path)
    with pytest.raises(LesionError) as caught, lesion.applied(model, 1.0):
        pass
    assert str(caught.value) == (f"{path}, line 2: heads of layer 1 has the units 0-3. Got 4.")

"""Mean ablation against hooks that put the mean in the place of the activation."""

from contextlib import ExitStack

import pytest
import torch

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.load import load_model
from tests import families

WITH_BIASES = ("bert", "xlm", "gpt2", "electra", "albert", "deberta-v2")


def inputs(ids: list[int]) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids)).long()}


EXAMPLES = [inputs(ids) for ids in ([4, 6, 9, 11, 7], [5, 8, 4], [9, 9, 5, 6, 4, 7])]
PROBE = inputs([8, 5, 11, 4, 6, 9])


@pytest.fixture(scope="module", params=WITH_BIASES)
def model(request, tmp_path_factory):
    """One a family for the whole file: every lesion gives it back whole."""
    folder = families.build(request.param, tmp_path_factory.mktemp(request.param))
    return load_model(str(folder))


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(**PROBE).logits


def watch(model, module, side: str) -> torch.Tensor:
    """Mean over all tokens of all examples of what goes into a module, or comes out."""
    seen = []

    def keep(_, given, made):
        seen.append((given[0] if side == "in" else made).flatten(0, -2))

    with torch.no_grad():
        hook = module.register_forward_hook(keep)
        for example in EXAMPLES:
            model(**example)
        hook.remove()
    return torch.cat(seen).mean(0)


def replaced(model, places) -> torch.Tensor:
    """Logits with hooks: at each (module, side, slice, dead) the mean stands for the dead."""
    means = [watch(model, module, side) for module, side, _, _ in places]
    with ExitStack() as stack:
        for (module, side, part, dead), mean in zip(places, means, strict=True):

            def put(value, part=part, dead=dead, mean=mean):
                value = value.clone()
                value[..., part][..., dead] = mean[part][dead]
                return value

            if side == "in":
                hook = module.register_forward_pre_hook(lambda _, given, put=put: (put(given[0]),))
            else:
                hook = module.register_forward_hook(lambda _, given, made, put=put: put(made))
            stack.callback(hook.remove)
        return logits(model)


def slice_of(site) -> slice:
    if site.block is None:
        return slice(None)
    size = site.weight.shape[site.axis]
    return slice(site.block[0] * size, (site.block[0] + 1) * size)


def silent(site) -> torch.Tensor:
    """Which output units no longer hear their inputs."""
    return (site.weight == 0).all(site.in_axis) if site.weight.dim() > 1 else site.weight == 0


def check(model, lesion: Lesion, places_of) -> None:
    intact = logits(model)
    with lesion.applied(model, 0.6, draw=1, examples=EXAMPLES) as receipt:
        found = logits(model)
        places = places_of()
    assert receipt.destroyed > 0 and not torch.allclose(found, intact, atol=1e-4)
    torch.testing.assert_close(found, replaced(model, places), rtol=1e-4, atol=2e-5)
    assert torch.equal(logits(model), intact)


@pytest.mark.parametrize("part", ["query", "attention_output", "mlp_in", "norms"])
def test_a_neurons_output_is_its_mean(model, part):
    def places():
        return [
            (site.module, "out", slice_of(site), silent(site))
            for site in anatomy.select_sites(model, "all", (part,))
        ]

    check(model, Lesion("neurons", effect="mean", parts=(part,)), places)


def test_a_head_says_its_mean(model):
    def places():
        value = {
            site.layer: silent(site) for site in anatomy.select_sites(model, "all", ("value",))
        }
        return [
            (site.module, "in", slice(None), value[site.layer])
            for site in anatomy.select_sites(model, "all", ("attention_output",))
        ]

    check(model, Lesion("heads", effect="mean"), places)


def test_a_dimension_is_read_as_its_mean_everywhere(model):
    def places():
        held = [
            site
            for site in anatomy.select_sites(model, "all", ("norms", "embeddings"))
            if site.stream == "out"
            and (site.part == "norms" or isinstance(site.module, torch.nn.Linear))
            and site.bias is not None
        ]
        return [(site.module, "out", slice(None), silent(site)) for site in held]

    check(model, Lesion("dimensions", effect="mean"), places)


def test_a_layer_adds_its_mean(model):
    def places():
        return [
            (site.module, "out", slice(None), silent(site))
            for site in anatomy.select_sites(model, "all", ("attention_output", "mlp_out"))
        ]

    check(model, Lesion("layers", effect="mean", scope="model"), places)


@pytest.fixture
def bert(tiny_bert):
    return load_model(str(tiny_bert))


def test_a_word_becomes_the_mean_of_its_table_and_a_weight_that_of_its_tensor(bert):
    table = bert.bert.embeddings.word_embeddings.weight
    expected = table.detach().numpy().astype("float64").mean(0).astype("float32")
    with Lesion("words", effect="mean").applied(bert, 1.0):
        assert (table.detach().numpy() == expected).all()
    matrix = bert.bert.encoder.layer[1].attention.self.query.weight
    expected = matrix.detach().numpy().astype("float64").mean().astype("float32")
    with Lesion("weights", effect="mean").applied(bert, 1.0):
        assert (matrix.detach().numpy() == expected).all()


def test_a_column_of_the_embeddings_is_its_mean_over_the_tokens_read(bert):
    table = bert.bert.embeddings.word_embeddings.weight
    read = torch.cat([table.detach()[example["input_ids"][0]] for example in EXAMPLES])
    lesion = Lesion("neurons", effect="mean", parts=("embeddings",))
    with lesion.applied(bert, 1.0, examples=EXAMPLES):
        torch.testing.assert_close(table.detach(), read.mean(0).expand_as(table))


def test_no_hook_stays_behind_and_nothing_is_learned(bert):
    for module in bert.modules():
        assert not module._forward_hooks
    with Lesion("heads", effect="mean").applied(bert, 0.5, examples=EXAMPLES):
        assert not any(module._forward_hooks for module in bert.modules())
        assert all(tensor.grad is None for tensor in bert.parameters())


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"units": "neurons", "tensors": ("weight",)},
         "effect mean: of neurons it takes weight and bias. Leave where.tensors out."),
        ({"units": "heads", "parts": ("attention_output",)},
         "effect mean: the mean of a head is what its value projection hands to the output "
         "projection: where.parts must hold both, with as many heads. Layer 0 of "
         "BertForSequenceClassification has it in attention_output."),
        ({"units": "dimensions", "parts": ("mlp_out",)},
         "effect mean: dimensions are held behind the norms, through which everything reads them. "
         "Add norms to where.parts."),
    ],
)  # fmt: skip
def test_where_a_mean_cannot_be_held_it_is_refused_with_the_reason(bert, choices, message):
    lesion = Lesion(effect="mean", **choices)
    with pytest.raises(LesionError) as caught, lesion.applied(bert, 0.5, examples=EXAMPLES):
        pass
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ("neurons",
         "effect mean: layer 0 query of LlamaForSequenceClassification has no bias of its own, so "
         "the mean of its neurons cannot be held. Take effect zero, or other parts."),
        ("dimensions",
         "effect mean: norms of LlamaForSequenceClassification has no bias of its own, so the "
         "mean of its dimensions cannot be held. Take effect zero, or other parts."),
        ("heads",
         "effect mean: the mean of a head is what its value projection hands to the output "
         "projection: where.parts must hold both, with as many heads. Layer 0 of "
         "LlamaForSequenceClassification has it in query, attention_output."),
    ],
)  # fmt: skip
def test_a_family_without_biases_has_nothing_to_hold_a_mean(tmp_path, units, message):
    model = load_model(str(families.build("llama", tmp_path)))
    lesion = Lesion(units, effect="mean")
    with pytest.raises(LesionError) as caught, lesion.applied(model, 0.5, examples=EXAMPLES):
        pass
    assert str(caught.value) == message


def test_without_examples_a_mean_is_refused(bert):
    with pytest.raises(LesionError) as caught, Lesion("heads", effect="mean").applied(bert, 0.5):
        pass
    assert str(caught.value) == "effect mean: needs calibration examples to take the mean over."

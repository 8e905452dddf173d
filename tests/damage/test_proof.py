"""A module that does not compute with what is written is refused by name, before any damage."""

import re
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from tests import families
from tests.families import state

WHERE = "layer 1 query (encoder.layer.1.attention.self.query)"
TOKENS = {"input_ids": torch.tensor([[4, 6, 9, 11, 7]])}


@pytest.fixture
def bert(tiny_bert):
    return load_model(str(tiny_bert))


def attention(model) -> nn.Module:
    return model.bert.encoder.layer[1].attention.self


def refusal(model, lesion: Lesion | None = None) -> str:
    """The message with which a lesion is refused, and no bit changed."""
    before = state(model)
    with pytest.raises(LesionError) as caught, (lesion or Lesion()).applied(model, 1.0):
        pass
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    return str(caught.value)


class Halved(nn.Module):
    """A parametrization: the weight is half of what is stored."""

    def forward(self, weight):
        return weight / 2


def pruned(query):
    prune.l1_unstructured(query, "weight", amount=0.3)


def pruned_bias(query):
    prune.l1_unstructured(query, "bias", amount=0.3)


def normed(query):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the old kind, still in use
        nn.utils.weight_norm(query)


def spectral(query):
    nn.utils.spectral_norm(query)


def halved(query):
    parametrize.register_parametrization(query, "weight", Halved())


def normed_anew(query):
    parametrizations.weight_norm(query)


RECOMPUTED = [
    (pruned, "its weight is made anew from weight_orig, weight_mask at every forward. Make it a "
     'parameter again: torch.nn.utils.prune.remove(module, "weight").'),
    (pruned_bias, "its bias is made anew from bias_orig, bias_mask at every forward. Make it a "
     'parameter again: torch.nn.utils.prune.remove(module, "bias").'),
    (normed, "its weight is made anew from weight_g, weight_v at every forward. Make it a "
     'parameter again: torch.nn.utils.remove_weight_norm(module, "weight").'),
    (spectral, "its weight is made anew from weight_orig, weight_u, weight_v at every forward. "
     'Make it a parameter again: torch.nn.utils.remove_spectral_norm(module, "weight").'),
    (halved, "its weight is made anew by Halved at every forward. Make it a parameter again: "
     'torch.nn.utils.parametrize.remove_parametrizations(module, "weight").'),
    (normed_anew, "its weight is made anew by _WeightNorm at every forward. Make it a parameter "
     'again: torch.nn.utils.parametrize.remove_parametrizations(module, "weight").'),
]  # fmt: skip


NAMES = [change.__name__ for change, _ in RECOMPUTED]


@pytest.mark.parametrize(("change", "message"), RECOMPUTED, ids=NAMES)
def test_a_tensor_that_is_made_anew_at_every_forward_is_refused(bert, change, message):
    change(attention(bert).query)
    assert refusal(bert) == f"{WHERE}: {message}"


def test_what_a_lesion_does_not_reach_may_be_pruned(bert):
    pruned(attention(bert).query)
    with Lesion(parts=("mlp_in",)).applied(bert, 1.0) as receipt:
        assert receipt.destroyed > 0


def test_a_pruning_that_was_made_permanent_is_damaged_and_given_back(bert):
    query = attention(bert).query
    pruned(query)
    prune.remove(query, "weight")
    before = state(bert)
    with Lesion().applied(bert, 1.0):
        assert not query(torch.ones(1, 32)).any()
    assert all(torch.equal(before[name], tensor) for name, tensor in bert.state_dict().items())


class Adapter(nn.Module):
    """A LoRA layer built as PEFT builds it: the base layer's weight shown as its own."""

    def __init__(self, base: nn.Linear, shown: bool = True) -> None:
        super().__init__()
        self.base_layer = base
        self.lora_A = nn.ModuleDict({"default": nn.Linear(base.in_features, 2, bias=False)})
        self.lora_B = nn.ModuleDict({"default": nn.Linear(2, base.out_features, bias=False)})
        if shown:
            self.__class__ = _Shown

    def forward(self, x):
        return self.base_layer(x) + self.lora_B["default"](self.lora_A["default"](x))


class _Shown(Adapter):
    weight = property(lambda self: self.base_layer.weight)
    bias = property(lambda self: self.base_layer.bias)


class OldLora(nn.Linear):
    """A LoRA layer built as loralib builds it: a Linear with two matrices more."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__(base.in_features, base.out_features)
        self.load_state_dict(base.state_dict())
        self.lora_A = nn.Parameter(torch.ones(2, base.in_features))
        self.lora_B = nn.Parameter(torch.ones(base.out_features, 2))

    def forward(self, x):
        return super().forward(x) + x @ self.lora_A.T @ self.lora_B.T


def test_an_adapter_around_a_layer_is_refused(bert):
    attention(bert).query = Adapter(attention(bert).query)
    assert refusal(bert) == (
        f"{WHERE}: _Shown has no weight of its own: it computes with more than the layer that it "
        "wraps (base_layer). Merge the adapter into the weights first (PEFT: merge_and_unload())."
    )


def test_a_wrapper_that_shows_no_weight_is_not_passed_over(bert):
    attention(bert).query = Adapter(attention(bert).query, shown=False)
    message = (
        "layer 1 query (encoder.layer.1.attention.self.query): Adapter holds its numbers as "
        "base_layer.weight, base_layer.bias, lora_A.default.weight, lora_B.default.weight and "
        "not as a weight, so that they cannot be damaged. Merge adapters into the weights "
        "(PEFT: merge_and_unload()), and load weights in a floating-point format."
    )
    assert refusal(bert) == message
    with Lesion(parts=("mlp_in",)).applied(bert, 1.0) as receipt:
        assert receipt.destroyed > 0


class Peft(nn.Module):
    """A model wrapped as PEFT wraps it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.config, self.base_model = model.config, nn.ModuleDict({"model": model})


def test_a_wrapped_model_is_refused(bert):
    assert refusal(Peft(bert)) == (
        "Peft has none of the modules that the family bert names. If it wraps a model (PEFT, "
        "DataParallel), give the model inside, with adapters merged into its weights."
    )


def test_a_layer_with_further_matrices_is_refused(bert):
    attention(bert).query = OldLora(attention(bert).query)
    assert refusal(bert) == (
        f"{WHERE}: OldLora computes with lora_A, lora_B beside its weight and bias, where no "
        "lesion reaches. Merge the adapter into the weights first (PEFT: merge_and_unload())."
    )


def test_dynamic_quantisation_is_refused_and_not_passed_over(bert):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls it deprecated; models of it are about
        own = attention(bert)
        own.query = torch.ao.quantization.quantize_dynamic(
            nn.Sequential(own.query), {nn.Linear}, dtype=torch.qint8
        )[0]
    with pytest.raises(LesionError) as caught, Lesion().applied(bert, 1.0):
        pass
    assert str(caught.value).startswith(
        f"{WHERE}: Linear holds its numbers as _packed_params and not as a weight, so that "
    )


class Int8Params(nn.Parameter):
    """As bitsandbytes keeps the weight of a Linear8bitLt."""

    def __new__(cls, data):
        return torch.Tensor._make_subclass(cls, data, False)


def test_weights_in_whole_numbers_are_refused(bert):
    query = attention(bert).query
    query.weight = nn.Parameter((query.weight * 100).to(torch.int8), requires_grad=False)
    assert refusal(bert) == (
        f"{WHERE}: its weight is stored as torch.int8; lesions are of plain tensors in float64, "
        "float32, bfloat16 or float16. Load the model without quantisation."
    )


def test_a_tensor_of_a_kind_of_its_own_is_refused(bert):
    query = attention(bert).query
    query.weight = Int8Params(query.weight.detach())
    assert refusal(bert) == (
        f"{WHERE}: its weight is stored as Int8Params; lesions are of plain tensors in float64, "
        "float32, bfloat16 or float16. Load the model without quantisation."
    )


def test_a_model_without_values_is_refused(bert):
    bert.to("meta")
    with pytest.raises(LesionError) as caught, Lesion().applied(bert, 1.0):
        pass
    assert str(caught.value) == (
        "layer 0 query (encoder.layer.0.attention.self.query): its weight has no values yet "
        "(device meta). Load the model's weights first."
    )


def test_a_tensor_that_repeats_its_numbers_is_refused(bert):
    query = attention(bert).query
    query.weight = nn.Parameter(query.weight.detach()[:1].expand(32, 32))
    assert refusal(bert) == (
        f"{WHERE}: its weight repeats one number in memory at several places, so that no unit "
        "can be damaged alone. Give it memory of its own: weight.clone()."
    )


def shared_object(own):
    own.key.weight = own.query.weight


def shared_memory(own):
    own.key.weight = nn.Parameter(own.query.weight.detach())


def shared_in_part(own):
    whole = torch.randn(48, 32)
    own.query.weight, own.key.weight = (nn.Parameter(whole[n : n + 32]) for n in (0, 16))


@pytest.mark.parametrize("share", [shared_object, shared_memory, shared_in_part])
def test_modules_that_share_memory_cannot_be_damaged_apart(bert, share):
    share(attention(bert))
    assert refusal(bert, Lesion(parts=("query",))) == (
        f"{WHERE}: its weight shares memory with bert.encoder.layer.1.attention.self.key.weight, "
        "so that damage to one is damage to both. Give each its own: weight.clone()."
    )


def test_views_of_one_flat_tensor_that_do_not_overlap_are_damaged_each(bert):
    own, flat = attention(bert), torch.randn(64, 32)
    own.query.weight, own.key.weight = nn.Parameter(flat[:32]), nn.Parameter(flat[32:])
    with Lesion(parts=("query",)).applied(bert, 1.0):
        assert not flat[:32].any() and flat[32:].all()


def test_a_layer_that_stands_twice_is_refused(bert):
    bert.bert.encoder.layer[2] = bert.bert.encoder.layer[1]
    assert refusal(bert, Lesion(layers=1, parts=("query",))) == (
        f"{WHERE}: its weight shares memory with bert.encoder.layer.2.attention.self.query.weight, "
        "so that damage to one is damage to both. Give each its own: weight.clone()."
    )


CHANGED = (
    f"{WHERE}: what Linear gives is not what its weight and bias make of its input: a forward "
    "hook, a replaced forward or an adapter changes it. Remove that before the lesion is opened."
)


def added(query):
    query.register_forward_hook(lambda module, given, made: made + 1)


def silenced(query):
    query.register_forward_hook(lambda module, given, made: made * 0)


def before(query):
    query.register_forward_pre_hook(lambda module, given: (given[0] * 2,))


def replaced(query):
    weight = query.weight.detach().clone()
    query.forward = lambda x: nn.functional.linear(x, weight / 2)


@pytest.mark.parametrize("change", [added, silenced, before, replaced])
def test_a_module_whose_output_is_changed_is_refused_and_accepted_again_without(bert, change):
    with Lesion().applied(bert, 1.0):
        pass  # what was proven once is not believed once it has changed
    query = attention(bert).query
    change(query)
    assert refusal(bert) == CHANGED
    query._forward_hooks.clear()
    query._forward_pre_hooks.clear()
    vars(query).pop("forward", None)
    with Lesion().applied(bert, 1.0) as receipt:
        assert receipt.destroyed > 0


def test_a_hook_that_only_looks_on_is_accepted(bert):
    seen = []
    attention(bert).query.register_forward_hook(lambda module, given, made: seen.append(made))
    with torch.no_grad(), Lesion().applied(bert, 1.0):
        bert(**TOKENS)
    assert not seen[-1].any()


def test_a_module_that_cannot_run_alone_is_refused(bert):
    query = attention(bert).query
    query.forward = lambda x, other: x
    assert re.fullmatch(
        re.escape(f"{WHERE}: Linear does not run on an input of its own (TypeError: ")
        + r".*\), so that nothing shows that it computes with what is written\. Remove hooks and "
        r"replaced forwards before the lesion is opened\.",
        refusal(bert),
    )


class Scale(nn.Module):
    """A norm of another library: it is proven by what it does, for nothing is known of it."""

    def __init__(self, weight, more: float) -> None:
        super().__init__()
        self.weight, self.more = nn.Parameter(weight.detach()), more

    def forward(self, x):
        return (self.weight + self.more) * x


@pytest.mark.parametrize("more", [0.0, 1.0])
def test_a_module_of_an_unknown_class_must_follow_its_weight(tmp_path, more):
    model = load_model(str(families.build("llama", tmp_path)))
    norm = model.model.layers[0].input_layernorm
    model.model.layers[0].input_layernorm = Scale(norm.weight, more)
    lesion = Lesion(parts=("norms",))
    if not more:
        with lesion.applied(model, 1.0) as receipt:
            assert receipt.destroyed > 0
        return
    assert refusal(model, lesion) == (
        "layer 0 norms.1 (layers.0.input_layernorm): what Scale gives does not follow its weight "
        "and bias: with both doubled it is not doubled. Lesions need modules that do."
    )


def test_every_family_is_proven_in_all_its_parts(tmp_path):
    """With a head of each kind; the suites over all families damage them with the same proof."""
    from lesion.models import anatomy

    for name in families.NAMES:
        for head in ("classification", "causal" if name in families.CAUSAL else "mlm"):
            model = load_model(str(families.build(name, tmp_path / name / head, head)), head=head)
            parts = tuple(dict.fromkeys(site.part for site in anatomy.sites(model)))
            with Lesion(parts=parts).applied(model, 1.0) as receipt:
                assert receipt.destroyed == receipt.total


def test_half_precision_is_proven_too(bert):
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        with Lesion().applied(bert.to(dtype), 1.0) as receipt:
            assert receipt.destroyed > 0


def test_numbers_that_are_not_finite_do_not_stand_in_the_way(bert):
    with torch.no_grad():
        attention(bert).query.weight[0, 0] = float("nan")
        attention(bert).key.weight[0, 0] = float("inf")
    with Lesion().applied(bert, 1.0) as receipt:
        assert receipt.destroyed > 0


def test_the_proof_moves_no_generator_and_leaves_nothing_behind(bert, untouched_randomness):
    with Lesion().applied(bert, 0.5):
        pass
    assert all(tensor.grad is None for tensor in bert.parameters())

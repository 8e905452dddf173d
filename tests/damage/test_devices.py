"""The contract of damage on another device: what the CPU does, done there.

Every test takes a device. On a machine without CUDA those of "cuda" are skipped, and "cpu" runs the
same code on a second copy of the model, so that the tests themselves are known to work.

Orders by magnitude and noise rest on sums in float64, whose last bit may differ between devices:
a unit changes its place only where two norms agree to fifteen digits, a number its last bit only
where it lies that near to a tie. Orders by importance take gradients in float32, and means of
activations forward passes, which devices round differently; they are no part of this contract.
"""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from transformers import AutoTokenizer

from lesion.damage.lesion import Lesion
from lesion.damage.units import UNITS
from lesion.models.load import load_model
from lesion.scoring.scorer import Scorer
from lesion.tasks.lm import RunningText
from tests import families
from tests.damage.test_contract import KINDS, lesions

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
TEXT = "\n".join(" ".join(families.SENTENCES[start : start + 3]) for start in range(0, 12, 3))
everywhere = pytest.mark.parametrize("device", DEVICES)
thoroughly = pytest.mark.parametrize(
    "device", [pytest.param("cpu", marks=pytest.mark.slow), *DEVICES[1:]]
)


UNMEASURED_KINDS = [
    (units, effect)
    for units, effect in KINDS
    if effect != "mean" or not UNITS[units].mean_needs_examples
]
SLOWLY = [pytest.param(name, marks=pytest.mark.slow) for name in ("bert", "llama")]


@pytest.fixture(scope="module", params=["gpt2", *SLOWLY])
def patient(request, tmp_path_factory) -> Callable[..., nn.Module]:
    """A model of a family on any device, always with the same weights."""
    head = "causal" if request.param in families.CAUSAL else "classification"
    folder = families.build(request.param, tmp_path_factory.mktemp(request.param), head)
    models: dict[tuple, nn.Module] = {}

    def on(device: str, copy: str = "") -> nn.Module:
        if (device, copy) not in models:
            models[device, copy] = load_model(str(folder), head=head, device=device)
        return models[device, copy]

    on.folder = folder  # type: ignore[attr-defined]
    return on


def content(model: nn.Module) -> dict[str, bytes]:
    """Every byte of every parameter."""
    tensors = model.named_parameters()
    return {name: tensor.detach().cpu().numpy().tobytes() for name, tensor in tensors}


@thoroughly
@pytest.mark.parametrize(("units", "effect"), UNMEASURED_KINDS)
def test_the_same_key_is_the_same_damage_to_the_byte_and_all_is_undone(
    device, patient, units, effect
):
    here, there = patient("cpu"), patient(device, "there")
    before = content(here)
    assert content(there) == before
    for lesion in lesions(units, effect):
        with lesion.opened(here, draw=2) as ours, lesion.opened(there, draw=2) as theirs:
            for dose in (0.4, 0.75):
                assert ours.deepen(dose) == theirs.deepen(dose), lesion
                assert before != content(here) == content(there), (lesion, dose)
        assert content(there) == before, lesion


@everywhere
def test_every_bit_comes_back_after_an_exception(device, patient):
    there = patient(device, "there")
    before = content(there)
    with pytest.raises(RuntimeError, match="crash"), Lesion().applied(there, 0.7):
        raise RuntimeError("crash")
    assert content(there) == before


@everywhere
def test_the_model_stays_where_it_is(device, patient):
    there = patient(device, "there")
    with Lesion("heads", effect="noise").applied(there, 0.5):
        assert {tensor.device.type for tensor in there.parameters()} == {device}


@everywhere
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("effect", ["zero", "noise", "shuffle", "flip", "quantise"])
def test_half_precision_is_damaged_alike(device, patient, dtype, effect):
    strength = 3.0 if effect == "quantise" else None
    lesion = Lesion("neurons", effect=effect, strength=strength)
    bits = []
    for place in ("cpu", device):
        model = load_model(str(patient.folder), head="base", device=place).to(dtype)
        with lesion.applied(model, 0.5, draw=1):
            bits.append([tensor.view(torch.int16).cpu() for tensor in model.parameters()])
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*bits, strict=True))


@torch.inference_mode()
def logits(model: nn.Module) -> torch.Tensor:
    ids = torch.tensor([[3, 9, 14, 5, 21, 7], [8, 4, 30, 11, 6, 19]]).to(model.device)
    return model(input_ids=ids).logits.cpu()


@everywhere
@pytest.mark.parametrize("units", ["weights", "neurons", "heads", "dimensions"])
def test_a_damaged_model_answers_alike(device, patient, units):
    here, there = patient("cpu"), patient(device, "there")
    intact, lesion = logits(here), Lesion(units)
    with lesion.applied(here, 0.3), lesion.applied(there, 0.3):
        torch.testing.assert_close(logits(there), logits(here), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(logits(here), intact, atol=1e-3)


@everywhere
def test_the_scorer_gives_the_same_scores(device, tmp_path):
    folder = families.build("gpt2", tmp_path / "gpt2", "causal")
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    task, tokenizer = RunningText("text", tmp_path / "text.txt", 12, 6), None
    found = []
    for place in ("cpu", device):
        tokenizer = tokenizer or AutoTokenizer.from_pretrained(folder)
        model = load_model(str(folder), head="causal", device=place)
        with Lesion().applied(model, 0.2):
            found.append(Scorer(model, tokenizer, task)())
    assert found[0] == pytest.approx(found[1], rel=1e-5)

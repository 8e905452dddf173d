"""Scoring on another device and in another precision, against float32 on the CPU.

As in tests/damage/test_devices.py, those of "cuda" are skipped where there is none. "cpu" runs bf16
as the CPU has it, laid out as there and, padded, as on a GPU.
"""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lesion.damage.lesion import Lesion
from lesion.models.families import FAMILIES
from lesion.scoring import compact, scorer
from lesion.scoring.device import precision_context
from lesion.scoring.packing import pack
from lesion.scoring.scorer import DEVICE_TOKENS, Scorer
from tests.scoring.small import Small, built

EVERY_TIME = ("bert", "mpnet", "albert")
NAMES = [
    name if name in EVERY_TIME else pytest.param(name, marks=pytest.mark.slow)
    for name, family in FAMILIES.items()
    if family.fast
]
CUDA = pytest.param("cuda", marks=pytest.mark.gpu)
HEADS = ("classification", "mlm")
LESIONS = (Lesion(), Lesion("neurons"), Lesion("heads"))
DOSES = (0.0, 0.5, 1.0)
TF32 = 1e-2  # of a logit: ten bits of a factor are kept
ROUNDING = 1e-3  # root mean square of what is too little to compare


@pytest.fixture
def padded(request, monkeypatch):
    """The layout of a GPU, on the CPU."""
    if request.param:
        monkeypatch.setattr(scorer, "pack", lambda *args: pack(*args[:3], padded=True))


def score(scorer: Scorer, precision: str, device: str) -> np.ndarray:
    with precision_context(precision, device):
        return np.concatenate([one.ravel() for one in scorer()])


def damaged(model):
    """A model intact and damaged, again and again."""
    for lesion in LESIONS:
        with lesion.opened(model, draw=1) as wound:
            for dose in DOSES:
                wound.deepen(dose)
                yield


def scores(model, scorer, precision: str, device: str) -> np.ndarray:
    return np.concatenate([score(scorer, precision, device) for _ in damaged(model)])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("device", "padded"),
    [("cpu", False), ("cpu", True), pytest.param("cuda", False, marks=pytest.mark.gpu)],
    indirect=["padded"],
)
def test_bf16_is_as_exact_as_the_models_own_forward_in_bf16(device, padded, name, head, tmp_path):
    model, tokenizer = built(name, tmp_path, head)
    exact = scores(model, Scorer(model, tokenizer, Small(head), fast=False), "float32", "cpu")
    model = model.to(device)
    fast, own = (Scorer(model, tokenizer, Small(head), fast=fast) for fast in (True, False))
    assert not fast.fallback_reason
    found, expected = (
        float(np.sqrt(np.square(scores(model, one, "bf16", device) - exact).mean()))
        for one in (fast, own)
    )
    assert 0 < found <= 1.5 * expected + ROUNDING
    assert found < 0.1 * exact.std()


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("tf32", TF32)])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("device", [CUDA])
def test_a_device_gives_the_scores_of_the_cpu(device, name, head, precision, tolerance, tmp_path):
    model, tokenizer = built(name, tmp_path, head)
    here = scores(model, Scorer(model, tokenizer, Small(head)), "float32", "cpu")
    model = model.to(device)
    there = scores(model, Scorer(model, tokenizer, Small(head)), precision, device)
    assert np.abs(there - here).max() <= tolerance


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_damage_between_two_scores_changes_the_second(device, precision, tmp_path):
    """Torch keeps the weights that autocast has cast: they must not outlive their score."""
    model, tokenizer = built("bert", tmp_path)
    scorer = Scorer(model.to(device), tokenizer, Small())
    intact = score(scorer, precision, device)
    with Lesion().applied(model, 0.5):
        found = score(scorer, precision, device)
        fresh = score(Scorer(model, tokenizer, Small()), precision, device)
    assert np.array_equal(found, fresh)
    assert np.abs(found - intact).max() > 0.05
    assert np.array_equal(score(scorer, precision, device), intact)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_scorer_of_a_precision_needs_no_context(device, precision, tmp_path):
    model, tokenizer = built("bert", tmp_path)
    scorer = Scorer(model.to(device), tokenizer, Small(), precision=precision)
    with Lesion().opened(model) as wound:
        for dose in (0.0, 0.5):
            wound.deepen(dose)
            expected = score(Scorer(model, tokenizer, Small()), precision, device)
            assert np.array_equal(scorer().ravel(), expected), dose


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_what_is_kept_in_one_precision_is_not_used_in_another(device, tmp_path):
    model, tokenizer = built("bert", tmp_path)
    scorer = Scorer(model.to(device), tokenizer, Small())
    with Lesion(layers="last").opened(model) as wound:
        for dose, precision in enumerate(("float32", "float32", "bf16", "bf16", "float32")):
            wound.deepen(dose / 5)
            fresh = Scorer(model, tokenizer, Small())
            expected = score(fresh, precision, device)
            assert np.array_equal(score(scorer, precision, device), expected), dose


@pytest.mark.parametrize("device", ["meta", CUDA])
def test_batches_are_large_off_the_cpu(device, tmp_path):
    model, tokenizer = built("bert", tmp_path)
    here = Scorer(model, tokenizer, Small())
    there = Scorer(model.to(device), tokenizer, Small())
    assert there._batch_tokens == DEVICE_TOKENS
    assert len(there._encoder_pass._packs[0].segments) == 1
    assert len(here._encoder_pass._packs[0].segments) > 1


@pytest.mark.parametrize("head", HEADS)
def test_batches_of_a_models_own_forward_leave_room_for_logits_of_all_tokens(head, tmp_path):
    model, tokenizer = built("deberta-v3", tmp_path, head)
    there = Scorer(model.to("meta"), tokenizer, Small(head))
    wanted = DEVICE_TOKENS if head == "classification" else scorer.FULL_LOGITS_TOKENS
    assert there._batch_tokens == wanted


class OneDevice(TorchDispatchMode):
    """Refuses what CUDA refuses or waits for: arguments of one operation on two devices."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        assert len({one.device for one in tensors}) <= 1, func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NAMES)
def test_a_pass_waits_for_its_device_only_to_learn_what_is_dead(name, head, tmp_path, monkeypatch):
    """A meta tensor has no numbers to wait for. Most units are said to be dead, whole heads too."""
    model, tokenizer = built(name, tmp_path, head)
    monkeypatch.setattr(
        compact,
        "_to_cpu",
        lambda masks: [torch.arange(len(mask)) >= len(mask) // 4 for mask in masks],
    )
    monkeypatch.setattr(compact, "COPY_COST", 0)  # and left out whatever that costs
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # has no such device
    scorer = Scorer(model.to("meta"), tokenizer, Small(head, (7, 5) if head == "mlm" else ()))
    with torch.inference_mode(), OneDevice():
        ((_, states, finite),) = scorer._encoder_pass.run()
        candidates = scorer._candidates[0]
        logits = scorer._encoder.logits(states.view(len(scorer._rows), 1, -1), candidates)
    assert {states.device.type, finite.device.type, logits.device.type} == {"meta"}

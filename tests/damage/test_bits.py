"""Bits of the stored numbers against numpy on the raw bytes."""

import numpy as np
import pytest
import torch

import lesion as package
from lesion.damage.formats import bit_positions
from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.study.files import parse_study
from tests import families, labs

MLP = {"layers": 0, "parts": ("mlp_in",), "tensors": ("weight",), "units": "bits"}
WIDTHS = {torch.float32: 32, torch.bfloat16: 16, torch.float16: 16}


@pytest.fixture
def model(tiny_bert):
    return load_model(str(tiny_bert))


def matrix(model) -> torch.Tensor:
    """The live matrix that MLP reaches, (64, 32)."""
    return model.bert.encoder.layer[0].intermediate.dense.weight


def raw(tensor: torch.Tensor) -> np.ndarray:
    """The stored numbers as unsigned integers."""
    kind = {4: (torch.int32, np.uint32), 2: (torch.int16, np.uint16)}[tensor.element_size()]
    return tensor.detach().contiguous().view(kind[0]).numpy().view(kind[1]).copy()


@pytest.mark.parametrize("dtype", WIDTHS)
def test_a_dose_flips_exactly_that_fraction_of_all_bits_and_more_with_more(model, dtype):
    tensor = matrix(model.to(dtype))
    before, previous = raw(tensor), np.zeros(tensor.shape, np.uint32)
    with Lesion(**MLP).opened(model) as wound:
        for dose in (1e-4, 0.01, 0.3, 0.9):
            receipt = wound.deepen(dose)
            changed = before ^ raw(tensor)
            total = before.size * WIDTHS[dtype]
            assert receipt.total == total
            assert np.bitwise_count(changed).sum() == receipt.destroyed == round(dose * total)
            assert (changed & previous == previous).all(), "nested"
            previous = changed
        wound.deepen(1.0)
        assert (raw(tensor) == ~before).all()


@pytest.mark.parametrize("dtype", WIDTHS)
@pytest.mark.parametrize("bits", ["sign", "exponent", "mantissa", (0, 9)])
def test_only_the_chosen_bits_are_units(model, dtype, bits):
    tensor = matrix(model.to(dtype))
    before, name = raw(tensor), str(dtype).removeprefix("torch.")
    info = torch.finfo(dtype)
    fraction = round(-np.log2(info.eps))  # digits after the leading one
    width = WIDTHS[dtype]
    expected = {
        "sign": [width - 1],
        "exponent": list(range(fraction, width - 1)),
        "mantissa": list(range(fraction)),
    }.get(bits, bits)
    assert list(bit_positions(name, bits)) == list(expected)
    mask = sum(1 << place for place in expected)
    with Lesion(bits=bits, **MLP).applied(model, 1.0) as receipt:
        assert (before ^ raw(tensor) == mask).all()
    assert receipt.total == before.size * len(expected)


@pytest.mark.parametrize(("effect", "stuck"), [("zero", 0), ("one", 1)])
def test_stuck_bits_have_their_state_and_the_others_their_own(model, effect, stuck):
    tensor = matrix(model)
    before = raw(tensor)
    with Lesion(**MLP).applied(model, 0.25):
        chosen = before ^ raw(tensor)
    with Lesion(effect=effect, **MLP).applied(model, 0.25):
        after = raw(tensor)
    assert (after & chosen == chosen * np.uint32(stuck)).all()
    assert (after & ~chosen == before & ~chosen).all()


def test_bits_of_another_format_go_through_that_format_and_leave_other_numbers_alone(model):
    tensor = matrix(model)
    intact = tensor.detach().clone()
    stored = raw(intact.to(torch.bfloat16))
    with Lesion(format="bfloat16", bits="mantissa", **MLP).opened(model) as wound:
        wound.deepen(0.01)
        receipt = wound.deepen(0.03)
        found = tensor.detach().clone()
    hit = found != intact
    assert receipt.total == intact.numel() * 7
    changed = stored[hit.numpy()] ^ raw(found.to(torch.bfloat16))[hit.numpy()]
    assert np.bitwise_count(changed).sum() == receipt.destroyed == round(0.03 * receipt.total)
    assert torch.equal(found[hit], found[hit].to(torch.bfloat16).float())


def test_bits_of_int8_are_numpys_on_the_quantised_matrix(model):
    tensor = matrix(model)
    value = tensor.detach().numpy().copy()
    step = np.float32(np.abs(value).max() / np.float32(127))
    stored = np.clip(np.rint(value / step), -128, 127).astype(np.int8).view(np.uint8)
    with Lesion(format="int8", bits=(6, 7), **MLP).applied(model, 1.0):
        found = tensor.detach().numpy().copy()
    flipped = (stored ^ np.uint8(0b11000000)).view(np.int8)
    np.testing.assert_allclose(found, flipped.astype(np.float32) * step, rtol=1e-6)


def test_blocks_of_a_fused_matrix_are_hit_alone(tmp_path):
    model = load_model(str(families.build("gpt2", tmp_path)))
    fused = model.transformer.h[0].attn.c_attn.weight
    before = raw(fused)
    lesion = Lesion("bits", layers=0, parts=("key",), tensors=("weight",))
    with lesion.applied(model, 0.5) as receipt:
        changed = before ^ raw(fused)
    width = fused.shape[1] // 3
    assert np.bitwise_count(changed[:, width : 2 * width]).sum() == receipt.destroyed
    assert not changed[:, :width].any() and not changed[:, 2 * width :].any()


@pytest.mark.parametrize("scope", ["site", "model"])
def test_the_bits_of_a_tensor_do_not_depend_on_what_else_is_selected(model, scope):
    tensor = model.bert.encoder.layer[1].attention.self.key.weight
    before, found = raw(tensor), []
    for parts in (("key",), ("key", "mlp_in", "mlp_out")):
        with Lesion("bits", scope=scope, parts=parts).applied(model, 0.2, draw=3):
            found.append(before ^ raw(tensor))
    few, many = sorted(found, key=lambda one: np.bitwise_count(one).sum())
    assert (few & many == few).all()
    assert scope == "model" or np.array_equal(few, many)


def test_draws_take_other_bits(model):
    before, found = raw(matrix(model)), set()
    for draw in range(3):
        with Lesion(**MLP).applied(model, 1e-3, draw=draw):
            found.add((before ^ raw(matrix(model))).tobytes())
    assert len(found) == 3


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"order": "magnitude"}, "order: bits take random. Got magnitude."),
        ({"effect": "noise"}, "effect: bits take zero, one, flip. Got noise."),
        ({"bit": 3}, "units bits does not go with bit: say which bits with bits."),
        ({"units": "weights", "bits": "sign"}, "bits: belongs to units bits. Got units weights."),
        ({"bits": (3, 32)}, "bits: float32 has the bits 0-31. Got [32]."),
        ({"bits": "exponent", "format": "int8"},
         "bits: int8 has no exponent. Give numbers from 0-7."),
        ({"size_matched": True},
         "units bits does not go with size_matched: bits are drawn at random already."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_for_bits_is_refused_with_the_reason(choices, message):
    with pytest.raises(LesionError) as caught:
        Lesion(**{"units": "bits", **choices})
    assert str(caught.value) == message


def test_a_study_says_bits_in_words_or_numbers_and_did_you_mean():
    lesions = [{"units": "bits", "bits": "exponnt"}]
    with pytest.raises(LesionError) as caught:
        parse_study(labs.study("a", "b", lesions=lesions))
    assert str(caught.value) == (
        "study: lesions[0].bits: must be sign, exponent, mantissa, a number or a list of numbers "
        "(0 is the lowest bit). Got 'exponnt'. Did you mean 'exponent'?"
    )
    made = parse_study(labs.study("a", "b", lesions=[{"units": "bits", "bits": [30, 23]}]))
    damage = made.lesions[0].damage
    assert (damage.units.bits, damage.effect.word) == ((23, 30), "flip")
    assert made.lesions[0].name == "random bits 23,30"


def test_a_run_over_exploding_numbers_ends_in_a_diagnosis_and_not_in_a_crash(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesions = [{"name": "bits", "units": "bits", "bits": "exponent", "effect": "one"}]
    run = package.run(parse_study(labs.study(tiny_bert, data, lesions=lesions)), tmp_path / "run")
    assert run.progress() == (7, 7)
    (analysis,) = run.analyses
    assert "not finite" in {diagnosis.name for diagnosis in analysis.diagnoses}
    assert run.verdicts == [] and run.write_report()

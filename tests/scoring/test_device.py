import pytest
import torch

import lesion
from lesion.errors import LesionError
from lesion.scoring.device import check_precision, precision_context
from lesion.study.files import parse_study
from tests import labs


def scores(run) -> dict:
    return {trial: torch.tensor(run.record.outputs(trial)) for trial in run.study.trials()}


def test_bf16_changes_scores_by_its_rounding_and_damage_not_at_all(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    study = parse_study(labs.study(tiny_bert, data))
    full = lesion.run(study, tmp_path / "full")
    half = lesion.run(study, tmp_path / "half", precision="bf16")
    assert half.study.precision == "bf16"
    assert half.study.fingerprint() != full.study.fingerprint()
    names, rows = full.record.rows("trials")
    proof = slice(0, names.index("outputs"))
    assert [row[proof] for row in rows] == [row[proof] for row in half.record.rows("trials")[1]]
    wanted, found = scores(full), scores(half)
    spread = torch.stack(list(wanted.values())).std()
    away = max(float((wanted[trial] - found[trial]).abs().max()) for trial in wanted)
    assert 0 < away < 0.1 * spread


def test_a_precision_lasts_as_long_as_it_is_open():
    before = torch.get_float32_matmul_precision()
    x = torch.ones(2, 2)
    with precision_context("bf16", "cpu"):
        assert torch.get_float32_matmul_precision() == "highest"
        assert (x @ x).dtype == torch.bfloat16
    with precision_context("tf32", "cuda" if torch.cuda.is_available() else "cpu"):
        assert torch.get_float32_matmul_precision() == "high"
    with precision_context("float32", "cpu"):
        assert (x @ x).dtype == torch.float32
    assert torch.get_float32_matmul_precision() == before


def test_tf32_is_refused_without_a_cuda_device():
    check_precision("tf32", "cuda:0")
    with pytest.raises(LesionError) as caught:
        check_precision("tf32", "cpu")
    assert str(caught.value) == (
        "--precision: tf32 is a mode of CUDA devices. Got --device cpu; choose float32 or bf16, "
        "or --device cuda."
    )

"""Runs on checkpoints that are not stored in float32: whose bits are damaged, and what is said."""

import numpy as np
import pytest
import torch

import lesion
from lesion.cli import main
from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.report.preview import preview_lines
from lesion.running.check import preview
from lesion.study.files import parse_study
from tests import labs

BITS = {"name": "bits", "units": "bits", "scope": "model", "doses": [1e-3, 1e-2]}
FLIP = {"name": "flip", "units": "neurons", "effect": "flip"}
NOTE = (
    "tiny: its weights are stored as bfloat16 and loaded as float32; lesions of bits damage "
    "bfloat16 unless they give a format."
)


@pytest.fixture
def folder(tmp_path, tiny_bert):
    return labs.store(tiny_bert, tmp_path / "model", "bfloat16")


def study(tmp_path, folder, lesions, **changes):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    return parse_study(labs.study(folder, data, lesions=lesions, **changes))


def rows(run) -> list[dict]:
    names, found = run.record.rows("trials")
    return [dict(zip(names, row, strict=True)) for row in found]


def pinned(run) -> str:
    names, ((*row,),) = run.record.rows("models")
    return dict(zip(names, row, strict=True))["digest"]


def test_bits_are_those_of_the_checkpoint(tmp_path, folder):
    watcher = labs.Watcher()
    run = lesion.run(study(tmp_path, folder, [BITS, FLIP]), tmp_path / "run", watcher=watcher)
    given = [{**one, "format": "bfloat16"} for one in (BITS, FLIP)]
    assert rows(run) == rows(lesion.run(study(tmp_path, folder, given), tmp_path / "given"))
    matrices = load_model(str(folder)).bert.encoder.layer
    numbers = sum(t.numel() for name, t in matrices.named_parameters() if "LayerNorm" not in name)
    assert {one["units"] for one in rows(run) if one["lesion"] == "bits"} == {16 * numbers}
    assert watcher.notes.count(NOTE) == 1
    assert NOTE in preview_lines(preview(run.study))


def test_a_format_that_is_given_is_kept_to(tmp_path, folder):
    given = {**BITS, "format": "float32"}
    run = lesion.run(study(tmp_path, folder, [given]), tmp_path / "run")
    own = lesion.run(study(tmp_path, folder, [BITS]), tmp_path / "own")
    intact, *damaged = rows(run)
    assert {one["units"] for one in damaged} == {2 * rows(own)[1]["units"]}
    assert intact == rows(own)[0]


def test_python_damages_the_bits_that_a_run_does(folder):
    model, direct = load_model(str(folder)), load_model(str(folder), dtype="stored")
    for cut in (Lesion("bits", name="b"), Lesion("neurons", effect="flip", name="f")):
        with cut.applied(model, 0.01) as receipt, cut.applied(direct, 0.01) as other:
            assert receipt == other
            for one, two in zip(model.parameters(), direct.parameters(), strict=True):
                assert torch.equal(one.to(torch.bfloat16).view(torch.int16), two.view(torch.int16))
    with Lesion("bits").applied(model.to(torch.float16), 0.01) as receipt:
        assert receipt.destroyed == receipt.asked
    with pytest.raises(LesionError) as caught:
        Lesion("bits", bits=(30,)).opened(direct).__enter__()
    assert str(caught.value) == "bits: bfloat16 has the bits 0-15. Got [30]."


def test_bits_of_a_format_that_is_not_known_are_refused(tmp_path, tiny_bert):
    model = load_model(str(labs.store(tiny_bert, tmp_path / "model", "float64")))
    with pytest.raises(LesionError) as caught:
        Lesion("bits").opened(model).__enter__()
    assert str(caught.value) == (
        "format: bits are known of float32, bfloat16, float16, int8, and the numbers are stored "
        "as float64. Give the lesion a format."
    )
    with Lesion("weights").applied(model, 0.5) as receipt:
        assert receipt.destroyed


def test_weights_may_be_loaded_as_they_are_stored(tmp_path, folder):
    watcher = labs.Watcher()
    made = study(tmp_path, folder, [BITS])
    run = lesion.run(made, tmp_path / "run", load_dtype="stored", watcher=watcher)
    cast = lesion.run(made, tmp_path / "cast")
    assert NOTE not in watcher.notes
    assert [one["damage"] for one in rows(run)] == [one["damage"] for one in rows(cast)]
    outputs = [np.frombuffer(rows(one)[0]["outputs"], "<f4") for one in (run, cast)]
    assert not np.array_equal(*outputs)
    np.testing.assert_allclose(*outputs, atol=0.2)


def test_a_record_says_how_weights_are_read_where_that_decides(tmp_path, folder, tiny_bert):
    weights, whole = {"name": "weights"}, tmp_path / "run"
    assert ", read as" not in pinned(lesion.run(study(tmp_path, folder, [weights]), whole))
    bits = lesion.run(study(tmp_path, folder, [weights, BITS]), tmp_path / "bits")
    assert pinned(bits).endswith(", read as bits of bfloat16")
    plain = lesion.run(study(tmp_path, tiny_bert, [weights, BITS]), tmp_path / "plain")
    assert ", read as" not in pinned(plain)


def test_a_run_is_not_continued_with_weights_loaded_otherwise(tmp_path, folder):
    made = study(tmp_path, folder, [{"name": "weights"}])
    with pytest.raises(KeyboardInterrupt):
        lesion.run(made, tmp_path / "run", watcher=labs.crash_after(2), load_dtype="stored")
    with pytest.raises(LesionError) as caught:
        lesion.run(made, tmp_path / "run")
    digest = lesion.models.load.resolve(str(folder)).digest
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: tiny (seed 0) on pairs: its weights changed since this run began "
        f"({digest}, read as loaded bfloat16 -> {digest}). Give another folder with --out."
    )
    assert lesion.run(made, tmp_path / "run", load_dtype="stored").progress() == (7, 7)


def test_the_command_line_loads_weights_as_they_are_stored(tmp_path, folder, monkeypatch, capsys):
    value = labs.study(folder, labs.write_pairs(tmp_path / "pairs.tsv"), lesions=[BITS])
    path, out = labs.write_study(tmp_path / "study.yaml", value), tmp_path / "run"
    monkeypatch.setattr("sys.argv", ["lesion"])
    with pytest.raises(SystemExit) as caught:
        main(["run", str(path), "--out", str(out), "--load-dtype", "stored"])
    assert caught.value.code == 0
    assert pinned(lesion.Run(out)).endswith("loaded bfloat16, bits of bfloat16")


def test_a_word_that_is_none_is_refused_before_anything_is_made(tmp_path, folder):
    made = study(tmp_path, folder, [BITS])
    with pytest.raises(LesionError) as caught:
        lesion.run(made, tmp_path / "run", load_dtype="bf16")
    assert str(caught.value) == "--load-dtype: must be one of float32, stored. Got 'bf16'."
    assert not (tmp_path / "run").exists()


def test_twins_are_noted_together_once(tmp_path):
    value = {
        "name": "two", "models": ["twin/en-0", "twin/en-1"], "tasks": [
            {"name": "agreement-en", "examples": 8}
        ], "lesions": [{"units": "heads"}], "doses": [0, 1], "draws": 1,
    }  # fmt: skip
    watcher = labs.Watcher()
    lesion.run(parse_study(value), tmp_path / "run", watcher=watcher, workers=1)
    assert watcher.notes == [
        "Built-in twins: their weights are stored as float16 and loaded as float32; lesions of "
        "bits damage float16 unless they give a format."
    ]

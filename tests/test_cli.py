"""The commands, as a user meets them."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from lesion import cli, schema
from lesion.options import TableName
from lesion.errors import LesionError
from lesion.pretraining.family import Pretraining
from lesion.record.record import Record
from lesion.results import TABLES, Run
from tests import labs


class Ran(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def lesion(*arguments: object) -> Ran:
    """Run a command in this process."""
    stdout, stderr, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return Ran(code, stdout.getvalue(), stderr.getvalue())


@pytest.fixture
def study(tmp_path, tiny_bert) -> Path:
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    return labs.write_study(tmp_path / "small.yaml", labs.study(tiny_bert, data))


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_bert) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("finished")
    data = labs.write_pairs(folder / "pairs.tsv")
    path = labs.write_study(folder / "small.yaml", labs.study(tiny_bert, data))
    ran = lesion("run", path, "--out", folder / "run")
    assert ran.returncode == 0, ran.stderr
    return folder / "run"


def test_a_run_prints_a_table_and_leaves_its_files(finished):
    names = {path.relative_to(finished).as_posix() for path in finished.rglob("*")}
    assert {"study.yaml", "record.sqlite", "curves.csv", "figures"} <= names
    assert any(name.endswith(".png") for name in names)
    assert any(name.endswith(".svg") for name in names)
    shown = lesion("show", finished)
    assert shown.returncode == 0
    for word in ("pairs", "tiny", "neurons by magnitude", "retained area", "D50"):
        assert word in shown.stdout


def test_the_figures_of_a_run_show_the_metrics_that_are_asked_for(finished):
    figure = finished / "figures" / "pairs.png"
    try:
        ran = lesion("report", finished, "--metric", "cross_entropy")
        assert ran.returncode == 0 and str(figure) in ran.stdout.replace("\n", "")
        one = figure.read_bytes()
        assert lesion("report", finished, "--metric", "cross_entropy", "--metric", "f1").stdout
        assert figure.read_bytes() != one
        wrong = lesion("report", finished, "--metric", "perplexity")
    finally:
        lesion("report", finished)
    assert wrong.returncode == 2
    assert wrong.stderr.strip() == (
        "lesion: metric: must be one of accuracy, balanced_accuracy, f1, mcc, cross_entropy, which "
        "the tasks of this run have. Got 'perplexity'."
    )


def test_a_task_of_few_examples_is_said_beforehand_to_bear_no_verdict(study, tmp_path):
    """24 examples: 1.96 sqrt(0.25 / 24) is 0.200."""
    sentence = (
        "pairs: 24 examples. The 95% interval of one accuracy is 20.0 points to either side, so "
        "that a verdict is unlikely."
    )
    assert sentence in lesion("check", study).stdout.replace("\n", " ").replace("  ", " ")
    ran = lesion("run", study, "--out", tmp_path / "run")
    assert sentence in ran.stderr


def test_a_run_that_is_stopped_before_it_has_begun_names_no_file_that_is_not_there(
    study, tmp_path, monkeypatch
):
    from lesion.running import sweep

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "rehearse", stopped)
    ran = lesion("run", study, "--out", tmp_path / "run")
    assert ran.returncode == 130 and "study.yaml" not in ran.stderr
    assert "Stopped before the first trial. Give the same command again." in ran.stderr
    assert not (tmp_path / "run").exists()


def test_an_unfinished_run_is_shown_as_one(study, tmp_path):
    import lesion as package

    with contextlib.suppress(KeyboardInterrupt):
        package.run(study, tmp_path / "run", watcher=labs.crash_after(5), workers=1)
    shown = lesion("show", tmp_path / "run").stdout
    assert shown.startswith("small is not finished: 5 of 10 trials are done.")
    package.run(study, tmp_path / "run", workers=1)
    assert "not finished" not in lesion("show", tmp_path / "run").stdout


def test_plain_lines_are_written_where_there_is_no_terminal(study, tmp_path):
    ran = lesion("run", study, "--out", tmp_path / "run")
    assert ran.returncode == 0
    assert "neurons by magnitude: its order is not random, so its 2 draws are one." in ran.stderr
    assert "tiny (seed 0) on pairs: preparing" in ran.stderr
    assert "10/10 trials" in ran.stderr
    assert "\x1b[" not in ran.stderr + ran.stdout


def test_show_json_holds_every_curve(finished):
    found = json.loads(lesion("show", finished, "--json").stdout)
    assert found["progress"] == {"done": 10, "total": 10}
    assert len(found["curves"]) == 2 * 4
    assert {row["crashed"] for row in found["curves"]} == {0}
    assert {row["event"] for row in found["survival"]} >= {"crashed"}
    assert found["survival_tests"] == []
    assert {row["lesion"] for row in found["summary"]} == {"weights", "neurons by magnitude"}
    assert found["study"]["name"] == "small"
    assert found["meta"] == []  # of a single model


def test_status_counts_and_says_how_to_resume(finished):
    assert lesion("status", finished).stdout == "small: 10 of 10 trials are done.\n"


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("trials", 10),
        ("curves", 8),
        ("summary", 2),
        ("examples", 10 * 24),
        ("sites", 3 * 18 * (2 * 2 + 1)),  # weights and biases in two draws, neurons in one
        ("verdicts", 0),  # of one model
        ("scores", 10),
        ("survival", 2 * 4 * 2),  # half lost or crashed; pairs have no classes
        ("survival_tests", 0),
    ],
)
def test_every_table_can_be_exported(finished, what, rows, tmp_path):
    text = lesion("export", finished, "--what", what).stdout
    assert len(text.splitlines()) == rows + 1
    path = tmp_path / "table.parquet"
    ran = lesion("export", finished, "--what", what, "--format", "parquet", "--to", path)
    assert ran.returncode == 0, ran.stderr
    import pandas as pd

    assert len(pd.read_parquet(path)) == rows


def test_a_table_that_is_not_there_is_refused_with_those_that_are(finished):
    with pytest.raises(LesionError) as caught:
        Run(finished).table("site")
    assert str(caught.value) == (
        "table: must be one of trials, curves, summary, examples, sites, verdicts, diagnoses, "
        "scores, survival, survival_tests. Got 'site'. Did you mean 'sites'?"
    )
    assert tuple(TableName) == TABLES


def test_check_says_what_would_run(study):
    ran = lesion("check", study)
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"small: 10 trials, about \d+ s on one thread here, \d\.\d GB\.", ran.stdout)
    two = lesion("check", study, "--workers", 2)
    assert re.search(r"small: 10 trials, about \d+ s with 2 workers here, \d\.\d GB\.", two.stdout)
    assert list(study.parent.glob("runs")) == []


def test_a_limit_scores_so_many_examples_of_every_task_in_a_run_of_its_own(
    study, finished, tmp_path
):
    out = tmp_path / "limited"
    ran = lesion("run", study, "--limit", 10, "--out", out)
    assert ran.returncode == 0, ran.stderr
    record = Record(out)
    assert record.study.name == "small-limit-10"
    assert len(record.task("pairs")["labels"]) == 10
    checked = lesion("check", study, "--limit", 10)
    assert re.search(r"tiny +pairs +10 +0\.0% +10", checked.stdout), checked.stdout
    assert "small-limit-10: 10 trials" in checked.stdout
    assert refused("run", finished.parent / "small.yaml", "--limit", 10, "--out", finished) == (
        f"{finished}: holds a run of another study. Changed:\n  name: 'small' -> 'small-limit-10'\n"
        "  tasks[0].examples: None -> 10\nGive another folder with --out, or restore the study."
    )


def test_lists_and_schema(tmp_path):
    for kind in ("models", "tasks", "lesions", "studies"):
        ran = lesion("list", kind)
        assert ran.returncode == 0 and ran.stdout
    assert "{where: {parts: [query]}}" in lesion("list", "lesions").stdout, "brackets are kept"
    assert json.loads(lesion("schema").stdout)["title"] == "A Lesion study"


def test_finetune_leaves_ordinary_model_folders(tmp_path, tiny_bert, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = labs.study(tiny_bert, data, finetune={"seeds": [3], "epochs": 1})
    ran = lesion("finetune", labs.write_study(tmp_path / "s.yaml", value), "--to", tmp_path / "m")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "m" / "tiny-pairs-seed3" / "model.safetensors").is_file()


def test_pretrain_trains_a_family_and_draws_how_it_learned(tmp_path):
    text = "\n".join(f"the {word} sat on the mat and saw the {word} ." for word in labs.WORDS * 40)
    for split in ("train", "valid"):
        (tmp_path / f"en.{split}.txt").write_text(text)
    config = {
        "groups": {"monolingual": ["en"]}, "seeds": [0], "credit": "nobody",
        "files": {"en": {"train": "en.train.txt", "valid": "en.valid.txt"}},
        "vocabulary": 80, "layers": 1, "hidden": 16, "heads": 2, "intermediate": 16,
        "positions": 32, "sequence_length": 16, "batch": 4, "tokens": 640, "held_out": 8,
        "evaluate_every": 320, "checkpoint_every": 320,
    }  # fmt: skip
    path = labs.write_study(tmp_path / "family.yaml", config)
    ran = lesion("pretrain", path, "--out", tmp_path / "twins")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "twins" / "en-0" / "model.safetensors").is_file()
    assert (tmp_path / "twins" / "learning.png").is_file()
    assert "en-0: 0.00 of 0.00 million tokens" in ran.stderr


def test_a_family_with_a_mistake_is_refused(tmp_path):
    path = labs.write_study(tmp_path / "family.yaml", {"groups": {}, "files": {}, "layer": 2})
    assert refused("pretrain", path, "--out", tmp_path / "twins") == (
        f"family.yaml:1: layer: unknown key. Allowed: {', '.join(schema.parameters(Pretraining))}. "
        "Did you mean 'layers'?"
    )


def test_killed_in_the_middle_and_started_again_the_record_is_the_same(study, finished, tmp_path):
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "lesion", "run", str(study), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (out / "record.sqlite").is_file() and len(Record(out).done()) >= 2:
            break
        time.sleep(0.005)
    process.kill()
    process.wait()
    ran = lesion("run", study, "--out", out)
    assert ran.returncode == 0, ran.stderr
    assert Record(out).rows("trials") == Record(finished).rows("trials")


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_resume(study, tmp_path):
    value = json.loads(study.read_text())
    labs.write_study(study, {**value, "draws": 5000})
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "lesion", "run", str(study), "--out", str(out)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not ((out / "record.sqlite").is_file() and Record(out).done()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert f"lesion run {out / 'study.yaml'} --out {out}" in said
    assert Record(out).done()


def test_a_run_with_workers_that_is_interrupted_keeps_what_is_finished(study, tmp_path):
    labs.write_study(study, {**json.loads(study.read_text()), "draws": 5000})
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "lesion", "run", str(study), "--out", str(out), "--workers", "2"],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while not ((out / "record.sqlite").is_file() and len(Record(out).done()) > 5):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert f"lesion run {out / 'study.yaml'} --out {out} --workers 2" in said
    assert len(Record(out).done()) > 5


# Bad input: the whole message, exit code 2, and nothing left behind.


def refused(*arguments: object) -> str:
    ran = lesion(*arguments)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stderr.strip().partition("lesion: ")[2]


def changed(study: Path, **changes: object) -> Path:
    return labs.write_study(study, {**json.loads(study.read_text()), **changes})


def with_task(study: Path, **changes: object) -> Path:
    (task,) = json.loads(study.read_text())["tasks"]
    return changed(study, tasks=[{**task, **changes}])


def test_a_missing_data_file(study, tmp_path):
    path = tmp_path / "gone.tsv"
    message = refused("run", with_task(study, dev=str(path)), "--out", tmp_path / "run")
    assert message == f"{path}: there is no such file."
    assert not (tmp_path / "run").exists()


def test_a_wrong_column(study, tmp_path):
    message = refused("run", with_task(study, text=["s1", "s3"]), "--out", tmp_path / "run")
    assert message == (
        f"{tmp_path / 'pairs.tsv'}: there is no column 's3'. The columns are 's1', 's2', 'same'."
    )


def test_an_unknown_key(study):
    message = refused("check", changed(study, drawss=3))
    assert message == (
        "small.yaml:1: drawss: unknown key. Allowed: name, models, tasks, lesions, doses, seed, "
        "draws, finetune, compare, figures, precision. Did you mean 'draws'?"
    )


def test_an_impossible_dose(study):
    message = refused("check", changed(study, doses=[0, 1.5]))
    assert message == "small.yaml:1: doses[1]: must be between 0 and 1. Got 1.5."


def test_an_unknown_part(study):
    message = refused("check", changed(study, lesions=[{"where": {"parts": ["mlp"]}}]))
    assert message == (
        "small.yaml:1: lesions[0].where.parts[0]: must be one of embeddings, query, key, value, "
        "attention_output, mlp_in, mlp_out, norms, pooler, classifier, mlm_head. Got 'mlp'. "
        "Did you mean 'mlp_in'?"
    )


def test_a_label_that_training_does_not_know(study, tmp_path):
    dev = tmp_path / "dev.tsv"
    dev.write_text("s1\ts2\tsame\na cat\ta dog\tmaybe\n")
    message = refused("run", with_task(study, dev=str(dev)), "--out", tmp_path / "run")
    assert message == (
        f"{dev}, line 2: the label 'maybe' is not in the training set "
        f"({tmp_path / 'pairs.tsv'}). Its labels are 'no', 'yes'."
    )


def test_an_empty_file(study, tmp_path):
    empty = tmp_path / "empty.tsv"
    empty.touch()
    message = refused("run", with_task(study, dev=str(empty)), "--out", tmp_path / "run")
    assert message == f"{empty}: is empty. Give a file with at least one row of data."


def test_an_unknown_family(study, tmp_path, tiny_bert):
    from transformers import AutoTokenizer, FunnelConfig, FunnelForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    small = FunnelConfig(
        vocab_size=len(tokenizer), d_model=16, n_head=2, d_head=8, d_inner=16, block_sizes=[1]
    )
    FunnelForSequenceClassification(small).save_pretrained(tmp_path / "funnel")
    tokenizer.save_pretrained(tmp_path / "funnel")
    path = changed(study, models=[{"source": str(tmp_path / "funnel")}])
    message = refused("run", path, "--out", tmp_path / "run")
    from lesion.models.families import FAMILIES

    assert message == (
        "funnel: model_type 'funnel' is not a family that Lesion knows. Known: "
        f"{', '.join(FAMILIES)}. Install a package that describes it, or add a file to "
        "lesion/models/families."
    )


def test_a_folder_that_is_no_model(study, tmp_path):
    (tmp_path / "empty").mkdir()
    path = changed(study, models=[{"source": str(tmp_path / "empty")}])
    message = refused("run", path, "--out", tmp_path / "run")
    assert message == (f"{tmp_path / 'empty'}: is not a model folder: it has no config.json.")


def test_a_record_of_another_study(study, finished):
    value = json.loads((finished.parent / "small.yaml").read_text())
    message = refused("run", labs.write_study(study, {**value, "seed": 4}), "--out", finished)
    assert message == (
        f"{finished}: holds a run of another study. Changed:\n  seed: 0 -> 4\n"
        "Give another folder with --out, or restore the study."
    )


def test_a_model_without_a_trained_head(study, tmp_path, tiny_bert):
    from transformers import AutoModel, AutoTokenizer

    AutoModel.from_pretrained(tiny_bert).save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path / "base")
    path = changed(study, models=[{"source": str(tmp_path / "base")}])
    message = refused("run", path, "--out", tmp_path / "run")
    assert message == (
        f"{tmp_path / 'base'}: has no trained classification head (classifier.bias is missing). "
        "Fine-tune it: give the study a finetune section."
    )


def test_a_device_that_is_not_there(study, tmp_path):
    message = refused("run", study, "--out", tmp_path / "run", "--device", "cuda:7")
    assert message.startswith("--device: 'cuda:7' is not available here.")


def test_a_number_of_workers_that_is_none(study, tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_WORKERS", "many")
    message = refused("run", study, "--out", tmp_path / "run")
    assert message == "LESION_WORKERS: must be a whole number of at least 1. Got 'many'."


def test_an_address_without_a_cluster(study, tmp_path):
    message = refused("run", study, "--out", tmp_path / "run", "--address", "10.0.0.1:6379")
    assert message == "--address: belongs to a cluster. Add --engine ray."


def test_a_precision_that_the_device_does_not_have(study, tmp_path):
    message = refused("run", study, "--out", tmp_path / "run", "--precision", "tf32")
    assert message == (
        "--precision: tf32 is a mode of CUDA devices. Got --device cpu; choose float32 or bf16, "
        "or --device cuda."
    )


def test_a_record_of_another_precision(study, finished):
    message = refused("run", study.parent / "small.yaml", "--out", finished, "--precision", "bf16")
    assert message == (
        f"{finished}: holds a run of another study. Changed:\n  precision: 'float32' -> 'bf16'\n"
        "Give another folder with --out, or restore the study."
    )


def test_an_interrupt_that_a_library_swallowed_stops_the_run_at_the_next_trial():
    from lesion.progress import Stop

    with Stop.on_ctrl_c():
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            Stop.check()
    Stop.check()

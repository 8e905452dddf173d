"""One sentence where something goes wrong, and nothing lost where a locale lacks a letter."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import lesion
from lesion import __version__, api, cli, progress, results
from lesion.analysis.frames import as_json
from lesion.analysis.scores import score
from lesion.errors import LesionError
from lesion.record.record import Record
from lesion.study.files import parse_study
from tests import families, labs
from tests.test_cli import lesion as command
from tests.test_cli import refused


@pytest.fixture(scope="module")
def lab(tmp_path_factory, tiny_bert) -> Path:
    """A folder with data, a study and its run; model and task have letters beyond ASCII."""
    folder = tmp_path_factory.mktemp("lab")
    value = labs.study(tiny_bert, labs.write_pairs(folder / "pairs.tsv"))
    value["models"][0]["name"], value["tasks"][0]["name"] = "tiné", "tâche"
    labs.write_study(folder / "small.yaml", value)
    api.run(value, folder / "run", workers=1)
    return folder


def started(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """A command in a process of its own, whose output is a pipe."""
    return subprocess.run(
        [sys.executable, "-m", "lesion", *map(str, arguments)],
        env=os.environ | environment, capture_output=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "locale", [{"PYTHONUTF8": "0", "LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "cp1252"}]
)
def test_every_command_prints_where_the_locale_lacks_letters(lab, locale, tmp_path):
    shown = started("show", lab / "run", **locale)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert "tiné" in shown.stdout.decode() and "✗" in shown.stdout.decode()
    text = started("export", lab / "run", "--what", "scores", **locale).stdout.decode()
    assert text.splitlines()[1].startswith("tiné,0,tâche,,0.0,0,")
    ran = started("run", lab / "small.yaml", "--out", tmp_path / "run", **locale)
    assert ran.returncode == 0, ran.stderr
    assert len([*(tmp_path / "run" / "figures").glob("*.svg")]) == 1
    assert Record(tmp_path / "run").rows("trials") == Record(lab / "run").rows("trials")


def test_a_terminal_gets_a_question_mark_for_what_it_cannot_show(monkeypatch):
    class Terminal(io.TextIOWrapper):
        def isatty(self):
            return True

    kept = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(kept, encoding="cp1252"))
    cli.print_anything()
    sys.stdout.write("é ✗")
    sys.stdout.flush()
    assert kept.getvalue() == b"\xe9 ?"


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file", "it is a file"), ("file/in", "{folder}/file is a file")],
)
def test_an_out_that_cannot_be_written_is_refused_before_anything_runs(
    lab, tmp_path, place, reason
):
    (tmp_path / "file").touch()
    out = tmp_path / place
    message = f"cannot be written: {reason.format(folder=tmp_path)}."
    assert refused("run", lab / "small.yaml", "--out", out) == (
        f"--out: {out} {message} Give a place with --out where you may write."
    )
    value = json.loads((lab / "small.yaml").read_text())
    study = labs.write_study(tmp_path / "f.yaml", {**value, "finetune": {"epochs": 1}})
    assert refused("finetune", study, "--to", out) == (
        f"--to: {out} {message} Give a place with --to where you may write."
    )


def test_a_folder_that_may_not_be_written_is_refused(lab, tmp_path, monkeypatch):
    monkeypatch.setattr("lesion.outputs.os.access", lambda *_: False)
    assert refused("run", lab / "small.yaml", "--out", tmp_path / "run") == (
        f"--out: {tmp_path / 'run'} cannot be written: the folder is read-only. Give a place with "
        "--out where you may write."
    )


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_table_is_not_written_to_a_folder_or_below_one_that_is_not_there(lab, tmp_path, form):
    options = ("--what", "scores", "--format", form, "--to")
    there = tmp_path / "no" / "table"
    assert refused("export", lab / "run", *options, there) == (
        f"--to: {there} cannot be written: there is no folder {there.parent}. Give a place with "
        "--to where you may write."
    )
    assert refused("export", lab / "run", *options, tmp_path) == (
        f"--to: {tmp_path} cannot be written: it is a folder. Give a place with --to where you may "
        "write."
    )


def test_a_device_called_gpu_is_cuda(lab, tmp_path):
    message = refused("run", lab / "small.yaml", "--out", tmp_path / "run", "--device", "gpu")
    assert message.startswith("--device: 'gpu' is not available here. A GPU is called cuda. Use ")


def test_a_head_that_there_is_not(tiny_bert):
    with pytest.raises(LesionError) as caught:
        lesion.load_model(str(tiny_bert), head="clasification")
    assert str(caught.value) == (
        "head: must be one of classification, mlm, causal, base. Got 'clasification'. Did you mean "
        "'classification'?"
    )


def test_a_tokenizer_is_loaded_by_the_name_of_its_model(tiny_bert):
    assert lesion.load_tokenizer(str(tiny_bert))("the cat")["input_ids"][0] == 2  # [CLS]


def test_the_package_lists_its_public_names_alone():
    names = [name for name in dir(lesion) if not name.startswith("_")]
    assert names == sorted(lesion.__all__)


def test_a_mapping_is_a_study_with_numbers_of_numpy_too(lab, tmp_path):
    value = json.loads((lab / "small.yaml").read_text())
    value |= {"doses": np.array([0, 0.3, 0.6, 1]), "draws": np.int64(2)}
    run = lesion.run(value, tmp_path / "run", workers=1)
    assert run.record.rows("trials") == Record(lab / "run").rows("trials")
    with pytest.raises(LesionError) as caught:
        lesion.run(None, tmp_path / "none")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "study: must be a Study, a mapping of its keys, a path, or the name of a shipped study. "
        "Got None."
    )


def test_a_model_may_be_its_source_alone():
    value = {"name": "s", "models": ["twin/en-0"], "tasks": ["mrpc"], "lesions": [{}], "doses": [1]}
    (model,) = parse_study(value).models
    assert (model.source, model.name) == ("twin/en-0", "en-0")
    with pytest.raises(LesionError) as caught:
        parse_study({**value, "models": [3]})
    assert str(caught.value) == (
        "study: models[0].source: must be text. Got 3. Put it in quotation marks: '3'."
    )


@pytest.mark.parametrize(
    ("asked", "console", "answer"),
    [
        (None, {"force_terminal": True}, True),
        (None, {"force_jupyter": True}, True),
        (None, {"force_terminal": False}, False),
        (True, {"force_terminal": False}, True),
        (False, {"force_terminal": True}, False),
    ],
)
def test_progress_is_shown_in_terminals_and_notebooks_unless_somebody_decides(
    asked, console, answer
):
    assert progress.wanted(asked, Console(file=io.StringIO(), **console)) is answer


def test_progress_from_python_is_quiet_by_default_and_plain_lines_if_asked(lab, tmp_path, capsys):
    api.run(lab / "small.yaml", tmp_path / "a", workers=1)
    assert capsys.readouterr() == ("", "")
    api.run(lab / "small.yaml", tmp_path / "b", workers=1, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "10/10 trials" in err


def test_the_version_and_short_help():
    assert command("--version").stdout == f"lesion {__version__}\n"
    assert command("-h").stdout == command("--help").stdout != ""
    assert command("run", "-h").stdout == command("run", "--help").stdout != ""


def test_quiet_prints_the_answer_alone(lab, tmp_path):
    loud = command("run", lab / "small.yaml", "--out", tmp_path / "a")
    quiet = command("run", lab / "small.yaml", "--out", tmp_path / "b", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (loud.stdout, "")
    assert "wrote" in loud.stderr
    assert refused("run", tmp_path / "no.yaml", "--quiet").startswith(f"{tmp_path / 'no.yaml'}: ")
    assert "wrote" in command("run", lab / "small.yaml", "--out", tmp_path / "a").stderr


def test_completion_knows_the_commands():
    code = "import sys; sys.argv[0] = 'lesion'; from lesion.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {"_LESION_COMPLETE": "complete_bash", "COMP_WORDS": "lesion exp", "COMP_CWORD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stdout.split() == ["export"], ran.stderr


def test_scores_are_every_metric_of_every_trial(lab):
    frame = results.Run(lab / "run").table("scores")
    record = Record(lab / "run")
    labels = record.task("tâche")["labels"]
    assert len(frame) == 10
    for row in frame.itertuples():
        outputs = next(
            record.outputs(trial)
            for trial in record.done()
            if trial[3:] == (row.lesion, row.dose, row.draw)
        )
        assert row.accuracy == np.mean(outputs.argmax(1) == labels)
        assert row.cross_entropy == score("cross_entropy", outputs, labels)


def test_examples_have_texts_and_answers_by_name(lab):
    ran = command("export", lab / "run", "--what", "examples")
    frame = pd.read_csv(io.StringIO(ran.stdout))
    written = pd.read_csv(lab / "pairs.tsv", sep="\t")
    first = frame[:24]
    assert first["text_1"].tolist() == written["s1"].tolist()
    assert first["text_2"].tolist() == written["s2"].tolist()
    assert first["label"].tolist() == written["same"].tolist()
    answers = np.where(first["output_yes"] > first["output_no"], "yes", "no")
    assert first["prediction"].tolist() == answers.tolist()
    assert first["correct"].tolist() == (answers == written["same"]).astype(float).tolist()
    assert ran.stderr == ""


def test_texts_that_changed_or_are_gone_are_left_out_with_a_reason(lab, tmp_path):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    value = json.loads((lab / "small.yaml").read_text().replace(str(lab), str(tmp_path)))
    api.run(value, tmp_path / "run", workers=1)
    data.write_text(data.read_text().replace("cat", "dog"))
    ran = command("export", tmp_path / "run", "--what", "examples")
    assert ran.stderr == (
        "tâche: its texts are left out: the examples at their source are not those that this run "
        "scored.\n"
    )
    data.unlink()
    gone = command("export", tmp_path / "run", "--what", "examples")
    assert gone.stderr == f"tâche: its texts are left out: {data}: there is no such file.\n"
    assert ran.stdout == gone.stdout
    header = (
        "model,seed,task,lesion,dose,draw,example,label,prediction,correct,output_no,output_yes"
    )
    assert gone.stdout.splitlines()[0] == header


def test_of_pairs_the_two_sentences_are_shown(tmp_path):
    study = {
        "name": "s", "models": ["twin/en-0"], "tasks": [{"name": "agreement-en", "examples": 24}],
        "lesions": [{}], "doses": [0, 1], "draws": 1,
    }  # fmt: skip
    frame = lesion.run(study, tmp_path / "run", workers=1).table("examples")
    assert not (frame["good"] == frame["bad"]).any()
    assert set(frame["prediction"].dropna()) == {"good", "bad"}
    assert frame["label"][0] == "simple"
    right = (frame["output_0"] > frame["output_1"]).map({True: "good", False: "bad"})
    told = frame["prediction"].notna()
    assert (frame["prediction"] == right)[told].all()


@pytest.mark.parametrize("what", results.TABLES)
def test_every_table_is_strict_json_in_which_no_number_became_null(lab, what):
    ran = command("export", lab / "run", "--what", what, "--format", "json")
    rows = json.loads(ran.stdout, parse_constant=lambda word: pytest.fail(word))
    frame = results.Run(lab / "run").table(what)
    assert len(rows) == len(frame)
    infinite = {"above 1": np.inf, "below 0.3": -np.inf, "not reached": np.inf}
    for name in frame.select_dtypes("float"):
        read = [float(infinite.get(row[name], row[name])) for row in rows]
        np.testing.assert_array_equal(read, frame[name])


def test_a_missing_text_is_null_and_a_missing_number_is_nan():
    frame = pd.DataFrame({"group": ["one", None], "dose": [0.5, np.nan]})
    assert json.loads(as_json(frame)) == [
        {"group": "one", "dose": 0.5},
        {"group": None, "dose": "nan"},
    ]


def test_show_json_says_which_dose_a_d50_is_above_and_nan(lab):
    shown = command("show", lab / "run", "--json").stdout
    found = json.loads(shown, parse_constant=lambda word: pytest.fail(word))
    row = found["summary"][0]
    assert (row["retained_area"], row["d50"], row["d50_hi"]) == ("nan", "nan", "above 1")
    assert (row["first_dose"], row["last_dose"], row["dose_scale"]) == (0.3, 1.0, "linear")


def test_the_slow_tokenizer_of_xlm_is_silent(tmp_path):
    model = families.build("xlm", tmp_path / "xlm")
    settings = json.loads((model / "tokenizer_config.json").read_text())
    settings |= {"lang2id": {"de": 0, "fr": 1}, "id2lang": {"0": "de", "1": "fr"}}
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    value = labs.study(model, labs.write_pairs(tmp_path / "pairs.tsv"))
    value["tasks"][0]["max_length"] = 10
    study = labs.write_study(tmp_path / "s.yaml", value)
    ran = started("run", study, "--out", tmp_path / "run")
    assert ran.returncode == 0, ran.stderr
    assert b"[transformers]" not in ran.stderr and b"are cut for tiny" in ran.stderr


def test_finetuning_a_head_that_it_cannot_make_is_refused(tmp_path):
    value = {
        "name": "pairs", "models": ["twin/en-0"], "tasks": ["agreement-en"], "lesions": [{}],
        "doses": [1], "finetune": {"epochs": 1},
    }  # fmt: skip
    study = labs.write_study(tmp_path / "s.yaml", value)
    assert refused("finetune", study, "--to", tmp_path / "heads") == (
        "pairs: has no task of kind classify, the only one for which a head is trained. It has "
        "agreement-en: choose checkpoints that were saved with their language model, and run the "
        "study."
    )
    assert not (tmp_path / "heads").exists()


def test_status_resumes_with_the_dtype_that_a_run_began_with(lab, tmp_path, tiny_bert):
    model = labs.store(tiny_bert, tmp_path / "half", "bfloat16")
    value = labs.study(model, lab / "pairs.tsv")
    with pytest.raises(KeyboardInterrupt):
        api.run(
            value, tmp_path / "run", workers=1, load_dtype="stored", watcher=labs.crash_after(2)
        )
    run = tmp_path / "run"
    assert command("status", run).stdout == (
        "small: 2 of 10 trials are done.\n"
        f"Resume with: lesion run {run / 'study.yaml'} --out {run} --load-dtype stored\n"
    )

"""One run a folder at a time, between real processes; a lock dies with its process."""

import errno
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lesion.errors import LesionError
from lesion.record import lock
from lesion.record.lock import locked
from tests import labs
from tests.test_cli import lesion as command

HOLD = """
import sys, time
from pathlib import Path
from lesion.record.lock import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(60)
"""
SOURCE = str(Path(lock.__file__).parents[2])


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of a folder."""
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    environment = os.environ | {"PYTHONPATH": SOURCE}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def take(folder: Path) -> None:
    with locked(folder, print):
        pass


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(LesionError) as caught:
        take(tmp_path / "run")
    said = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "THEN", str(caught.value))
    assert said == (
        f"{tmp_path / 'run'}: Process {holder.pid} on {platform.node()}, since THEN UTC, is "
        "running a study in this folder. Wait for it (lesion status shows how far it is), stop "
        "it, or give another folder with --out."
    )
    with pytest.raises(LesionError, match=f"Process {holder.pid} on "):
        take(tmp_path / "run")  # to be refused changes nothing


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert json.loads((tmp_path / "run" / "run.lock").read_text())["process"] == holder.pid
    with locked(tmp_path / "run", print):
        assert json.loads((tmp_path / "run" / "run.lock").read_text())["process"] == os.getpid()


def test_a_lock_is_given_back_also_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path, print):
        raise ZeroDivisionError
    take(tmp_path)
    assert (tmp_path / "run.lock").read_text() == ""


def test_two_threads_of_a_process_are_two(tmp_path):
    with locked(tmp_path, print), pytest.raises(LesionError, match=f"Process {os.getpid()} on "):
        take(tmp_path)


def test_a_file_system_without_locks_is_mentioned(tmp_path, monkeypatch):
    def none(file: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", none)
    notes: list[str] = []
    with locked(tmp_path, notes.append):
        pass
    assert notes == [
        f"{tmp_path}: its file system has no locks (No locks available). Take care that no other "
        "process runs in this folder."
    ]


@pytest.mark.slow
def test_a_run_is_refused_while_another_runs_in_its_folder_and_goes_on_when_that_is_killed(
    tmp_path, tiny_bert
):
    data = labs.write_pairs(tmp_path / "pairs.tsv", 240)
    study = labs.write_study(tmp_path / "small.yaml", labs.study(tiny_bert, data, draws=300))
    out = tmp_path / "run"
    arguments = [sys.executable, "-m", "lesion", "run", study, "--out", out, "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": SOURCE}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(arguments, env=environment, **quiet) as first:
        try:
            while done(out) < 5:
                assert first.poll() is None
                time.sleep(0.1)
            second = command("run", study, "--out", out)
            assert second.returncode == 2
            assert f"Process {first.pid} on {platform.node()}, since " in second.stderr
            assert command("status", out).returncode == command("show", out).returncode == 0
        finally:
            first.kill()
    before = done(out)
    third = subprocess.Popen(arguments, env=environment, **quiet)
    with third:
        try:
            while done(out) <= before:
                assert third.poll() is None, "the lock of a killed run is free"
                time.sleep(0.1)
        finally:
            third.kill()


def done(folder: Path) -> int:
    """Finished trials."""
    shown = command("status", folder)
    found = re.search(r": (\d+) of ", shown.stdout)
    return int(found[1]) if found else 0

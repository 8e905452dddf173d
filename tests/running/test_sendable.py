"""What worker processes cannot receive is found before one is started."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.running.backends import open_pool
from lesion.running.jobs import RunContext
from lesion.running.options import PoolOptions
from lesion.running.sendable import obstacle
from lesion.running.worker import InProcessPool
from lesion.study.files import parse_study
from lesion.study.resolve import resolve_study
from tests import labs

INSIDE = (
    "tests.running.test_sendable.test_a_class_of_the_program_is_found_by_its_name.<locals>.Mine is "
    "not at the top of a file, where worker processes cannot find it"
)


@pytest.fixture
def context(tmp_path, tiny_bert):
    study = parse_study(labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv")))
    return RunContext(study, *resolve_study(study))


def test_an_ordinary_study_can_be_sent(context):
    assert obstacle(context) is None


def test_a_class_of_the_program_is_found_by_its_name(context):
    class Mine(Lesion):
        """A caller's own damage, in a function."""

    found = obstacle(replace(context, damages={"mine": Mine()}))
    assert found is not None
    assert (found.reason, found.remedy) == (
        INSIDE,
        "put it in a module of its own, or --workers 1",
    )


def test_what_cannot_be_pickled_is_named_with_the_reason(context, tmp_path):
    with (tmp_path / "open.txt").open("w") as file:
        found = obstacle(replace(context, damages={"file": file}))
    assert found is not None
    assert found.reason.startswith("a part of the study cannot be sent to worker processes (")
    assert "TextIOWrapper" in found.reason


def local(context):
    return replace(context, damages={**context.damages, "mine": lambda model: model})


def test_a_run_that_asked_for_no_workers_stays_in_this_process_with_a_note(context, monkeypatch):
    monkeypatch.setenv("LESION_WORKERS", "2")
    notes = []
    with open_pool(local(context), PoolOptions(), notes.append) as pool:
        assert isinstance(pool, InProcessPool)
    assert notes == [
        "This run uses one process: tests.running.test_sendable.local.<locals>.<lambda> is not at "
        "the top of a file, where worker processes cannot find it."
    ]


def test_a_run_that_asked_for_workers_is_refused_with_the_remedy(context):
    with pytest.raises(LesionError) as caught:
        open_pool(local(context), PoolOptions(2), print).__enter__()
    assert str(caught.value) == (
        "--workers: tests.running.test_sendable.local.<locals>.<lambda> is not at the top of a "
        "file, where worker processes cannot find it: put it in a module of its own, or "
        "--workers 1."
    )


SCRIPT = """
from types import SimpleNamespace
from lesion.running.sendable import obstacle

class MyEffect:
    pass

study = SimpleNamespace(models=())
print(obstacle(SimpleNamespace(study=study, damages=MyEffect())).reason)
"""


def test_a_class_of_a_script_is_told_from_one_of_a_module(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=120
    )
    assert ran.stdout == (
        "MyEffect is defined in the program that runs the study, where worker processes cannot "
        "find it\n"
    ), ran.stderr


LIVE = """
import dataclasses
import sys

import lesion
from lesion.tasks.load import load_task
from lesion.tasks.spec import TaskSpec

plain = load_task(TaskSpec("agreement-en", examples=12))


class Mine(type(plain)):
    pass


fields = [field.name for field in dataclasses.fields(plain) if field.init]
study = {
    "name": "s", "models": ["twin/en-0"], "lesions": [{}], "doses": [0, 1], "draws": 1,
    "tasks": [Mine(**{name: getattr(plain, name) for name in fields})],
}
out, *workers = sys.argv[1:]
try:
    run = lesion.run(study, out, progress=True, workers=int(workers[0]) if workers else None)
    print(run.progress())
except lesion.LesionError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_task_of_a_script_runs_in_its_process_or_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "script.py").write_text(LIVE)
    reason = (
        "Mine is defined in the program that runs the study, where worker processes cannot find it"
    )
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "run")]
    environment = os.environ | {"LESION_WORKERS": "2"}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert ran.stdout == "(2, 2)\n", ran.stderr
    assert f"This run uses one process: {reason}." in ran.stderr
    ran = subprocess.run([*command, "2"], capture_output=True, text=True, timeout=300)
    assert ran.stdout == (
        f"--workers: {reason}: put it in a module of its own, or --workers 1.\n"
    ), ran.stderr

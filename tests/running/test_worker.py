"""What a worker is told, and what it says when it cannot work."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from lesion.models.load import resolve
from lesion.models.versions import builds
from lesion.running import worker as module
from lesion.running.jobs import Job, RunContext
from lesion.running.messages import (
    CutShare,
    Failed,
    Finished,
    Noted,
    Preparing,
    Ready,
    WeightsReady,
)
from lesion.running.processes import exit_reason
from lesion.running.worker import serve
from lesion.study.files import parse_study
from lesion.study.resolve import resolve_study
from lesion.study.trials import Patient, TrialResult
from lesion.tasks.load import load_task
from lesion.tasks.spec import TaskSpec
from tests import labs


def specs(folder) -> dict[str, TaskSpec]:
    """A task of every kind and origin that needs no network."""
    table = str(labs.write_pairs(folder / "pairs.tsv"))
    (folder / "minimal.jsonl").write_text('{"sentence_good": "a b", "sentence_bad": "a c"}\n')
    (folder / "text.txt").write_text("the cat sat on the mat and saw the dog run away .\n" * 8)
    return {
        "files": TaskSpec("files", train=table, dev=table, text=("s1", "s2"), label="same"),
        "glue": TaskSpec("mrpc"),
        "pairs": TaskSpec("pairs", kind="pairs", file=str(folder / "minimal.jsonl")),
        "cloze": TaskSpec("cloze", kind="cloze", file=str(folder / "text.txt")),
        "built in": TaskSpec("agreement-en"),
        "built in, classified": TaskSpec("subject-number-en"),
    }


KINDS = ("files", "glue", "pairs", "cloze", "built in", "built in, classified")


@pytest.mark.parametrize("kind", KINDS)
def test_every_task_can_be_sent_to_a_worker(kind, tmp_path):
    task = load_task(specs(tmp_path)[kind], labs.write_glue(tmp_path / "glue"))
    digest = task.digest  # reads the examples
    sent = pickle.loads(pickle.dumps(task))  # noqa: S301 -- as a pipe does
    assert sent.digest == digest
    assert np.array_equal(sent.targets, task.targets)


def work(context, *jobs):
    """All that a worker says of these jobs."""
    said, left = [], list(jobs)

    def receive():
        if not left:
            raise EOFError
        return left.pop(0)

    with pytest.raises(EOFError):
        serve(context, receive, said.append)
    return said


@pytest.fixture
def context(tmp_path, tiny_bert):
    study = parse_study(labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv")))
    return RunContext(study, *resolve_study(study))


def test_a_worker_finds_weights_and_measures_a_draw(context, tiny_bert):
    patient, checkpoint = Patient("tiny", 0, "pairs"), resolve(str(tiny_bert))
    draw = tuple(t for t in context.study.trials() if (t.lesion, t.draw) == ("weights", 1))
    said = work(context, Job(patient), Job(patient, checkpoint, "weights", 1, draw))
    assert said[:4] == [
        Ready(builds()),
        Preparing(patient),
        WeightsReady(patient, checkpoint),
        Finished(),
    ]
    assert isinstance(said[4], Noted), "its head names no classes"
    assert said[5] == CutShare(patient, 0.0)
    assert [one.trial for one in said[6:-1]] == list(draw)
    assert all(isinstance(one, TrialResult) for one in said[6:-1])
    assert said[-1] == Finished()


def test_a_mistake_of_the_user_is_a_sentence_and_one_of_ours_a_traceback(context, tmp_path):
    patient = Patient("tiny", 0, "pairs")
    there = resolve(context.study.models[0].source)
    gone = replace(there, path=str(tmp_path / "gone"))
    trials = tuple(context.study.trials())[1:2]
    _, users, *_, ours = work(
        context,
        Job(patient, gone, "weights", 0, trials),
        Job(patient, there, "no such lesion", 0, trials),
    )
    assert isinstance(users, Failed) and users.by_user
    assert "cannot be loaded as a model" in users.text
    assert isinstance(ours, Failed) and not ours.by_user
    assert ours.text.startswith("Traceback")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_a_worker_without_memory_ends_so_that_another_can_try(error, monkeypatch):
    class Full:
        def do(self, job, emit):
            raise error

    def leave(code):
        raise SystemExit(code)

    monkeypatch.setattr(module.os, "_exit", leave)
    with pytest.raises(SystemExit) as caught:
        module._outcome(Full(), Job(Patient("m", 0, "t")), lambda event: None)
    assert exit_reason(caught.value.code) == "ran out of memory"


def test_any_other_mistake_of_ours_is_told_with_its_traceback():
    class Broken:
        def do(self, job, emit):
            raise RuntimeError("out of range")

    told = module._outcome(Broken(), Job(Patient("m", 0, "t")), lambda event: None)
    assert isinstance(told, Failed) and not told.by_user
    assert told.text.endswith("RuntimeError: out of range\n")

"""Worker processes: the same record from any number of them, and from those that die."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lesion
from lesion.errors import LesionError
from lesion.models.versions import builds
from lesion.record.record import Record
from lesion.running.jobs import RunContext
from lesion.running.messages import Ready
from lesion.running.processes import ProcessBackend, exit_reason
from lesion.running.watcher import NullWatcher
from lesion.study.files import parse_study
from tests import labs


def children() -> list[int]:
    """Worker processes of this one."""
    return [one.pid for one in multiprocessing.active_children()]


@pytest.fixture
def small(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    two = [{"name": name, "source": str(tiny_bert)} for name in ("a", "b")]
    return parse_study(labs.study(tiny_bert, data, models=two, draws=4))


@pytest.fixture
def alone(small, tmp_path):
    return lesion.run(small, tmp_path / "alone", workers=1)


def tables(run) -> list:
    return [run.record.rows(name) for name in ("trials", "models", "tasks", "places")]


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_record_is_the_same_bit_for_bit_whatever_the_number_of_workers(
    workers, small, alone, tmp_path
):
    watcher = labs.Watcher()
    several = lesion.run(small, tmp_path / "several", workers=workers, watcher=watcher)
    assert tables(several) == tables(alone)
    assert several.progress() == (2 * (1 + 4 * 3 + 3),) * 2
    assert sorted(watcher.prepared) == [("a", 0, "pairs"), ("b", 0, "pairs")]
    assert not children()


@pytest.mark.parametrize("device", ["cpu:0", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_workers_that_share_a_device_are_fresh_interpreters_with_the_same_record(
    device, small, tmp_path, monkeypatch
):
    started = []
    start = ProcessBackend.start

    def seen(backend):
        worker = start(backend)
        started.append(type(backend._workers[worker].process).__name__)
        return worker

    monkeypatch.setattr(ProcessBackend, "start", seen)
    one, two = (
        lesion.run(small, tmp_path / str(workers), device=device, workers=workers)
        for workers in (1, 2)
    )
    assert started == ["SpawnProcess"] * 2
    assert tables(two) == tables(one)


def test_a_worker_that_is_stopped_before_it_begins_ends_in_silence():
    code = (
        "from multiprocessing import Pipe; from lesion.running.processes import main; "
        "ours, theirs = Pipe(); ours.close(); main(theirs, {})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads Linux's /proc")
def test_ctrl_c_is_blocked_in_the_first_worker_as_in_every_other():
    code = (
        "from lesion.running.processes import ProcessBackend; from pathlib import Path\n"
        "from types import SimpleNamespace\n"
        "backend = ProcessBackend(SimpleNamespace(device='cpu'))\n"
        "for worker in (backend.start(), backend.start()):\n"
        "    print(Path(f'/proc/{backend._workers[worker].process.pid}/status').read_text())\n"
        "backend.stop()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    blocked = [line.split()[1] for line in said.stdout.splitlines() if line.startswith("SigBlk")]
    assert [int(mask, 16) >> signal.SIGINT - 1 & 1 for mask in blocked] == [1, 1]


def test_a_killed_worker_is_replaced_and_its_draw_done_again(small, alone, tmp_path):
    watcher = labs.Watcher(after=4, act=lambda: os.kill(children()[0], signal.SIGKILL))
    broken = lesion.run(small, tmp_path / "broken", workers=2, watcher=watcher)
    assert tables(broken) == tables(alone)
    (note,) = [note for note in watcher.notes if note.startswith("A worker")]
    assert note.startswith("A worker was killed by SIGKILL, probably out of memory; ")
    assert not children()


def test_a_mistake_that_a_worker_meets_is_the_users_to_read(small, tmp_path):
    text = (tmp_path / "pairs.tsv").read_text().replace("\tno\n", "\tperhaps\n", 1)
    (tmp_path / "pairs.tsv").write_text(text)
    with pytest.raises(LesionError) as caught:
        lesion.run(small, tmp_path / "run", workers=2)
    assert str(caught.value).startswith(f"{small.models[0].source}: its head has 2 classes, but")
    assert not children()


def test_an_interrupt_ends_the_workers_and_the_record_can_be_finished(small, alone, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lesion.run(small, tmp_path / "run", workers=2, watcher=labs.Watcher(after=5, act=interrupt))
    assert not children()
    assert lesion.Run(tmp_path / "run").progress()[0] == 5
    assert tables(lesion.run(small, tmp_path / "run", workers=1)) == tables(alone)


SCRIPT = """
import lesion
lesion.run({study!r}, {out!r}, workers=2)   # no guard around it: workers do not import this file
"""


@pytest.mark.slow
def test_a_killed_driver_takes_its_workers_along_and_loses_nothing_that_was_finished(
    small, alone, tmp_path
):
    from lesion.study.files import write_study

    study, out = tmp_path / "study.yaml", tmp_path / "run"
    study.write_text(write_study(small))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(study=str(study), out=str(out)))
    driver = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    while not ((out / "record.sqlite").is_file() and len(Record(out).done()) >= 3):
        assert driver.poll() is None
        time.sleep(0.01)
    driver.kill()
    driver.wait()
    kept = Record(out).done()
    deadline = time.monotonic() + 60
    while group(driver.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert group(driver.pid) == []
    assert 3 <= len(kept) == len(Record(out).done())
    assert tables(lesion.run(small, out, workers=1)) == tables(alone)


def group(number: int) -> list[str]:
    """The processes of a process group."""
    listed = subprocess.run(["ps", "-eo", "pgid=,args="], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(number)]


@pytest.mark.slow
def test_heads_are_trained_once_whoever_trains_them(small, tmp_path, monkeypatch):
    study = parse_study({
        **labs.study(Path(small.models[0].source), tmp_path / "pairs.tsv"),
        "finetune": {"seeds": [0, 1], "epochs": 1},
    })  # fmt: skip
    runs = []
    for workers in (1, 2):
        monkeypatch.setenv("LESION_CACHE", str(tmp_path / f"cache{workers}"))
        runs.append(lesion.run(study, tmp_path / f"run{workers}", workers=workers))
        assert len(list((tmp_path / f"cache{workers}" / "finetuned").iterdir())) == 2
    assert runs[0].record.rows("trials") == runs[1].record.rows("trials")


@pytest.fixture
def wide(tmp_path):
    """A BERT of 20 MB, most of it embeddings."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path / "wide"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "sat", *labs.WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    shape = {"hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 512}
    config = BertConfig(vocab_size=15_000, num_hidden_layers=2, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="reads Linux's smaps")
def test_a_machine_holds_one_original_and_copies_only_of_what_is_damaged(wide, tmp_path):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesions = [{"name": "cut", "where": {"layers": "last", "tensors": ["weight"]}}]
    study = parse_study(labs.study(wide, data, lesions=lesions, draws=8))
    seen = []

    class Scales(NullWatcher):
        def measured(self, measured):
            seen.append(sum(mapped(child, "model.safetensors") for child in children()))

    lesion.run(study, tmp_path / "run", workers=2, watcher=Scales())
    size = (wide / "model.safetensors").stat().st_size
    damaged = 4 * (4 * 256 * 256 + 2 * 256 * 512)  # the six matrices of one layer, float32
    assert 0.1 * size < max(seen) <= size + 2 * (damaged + 64 * 1024)  # pages at the edges


def mapped(pid: int, file: str) -> int:
    """Bytes of a process's mappings of a file: shared ones divided by who shares them."""
    found, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if line[0] in "0123456789abcdef":
            inside = line.endswith(file)
        elif inside and line.startswith("Pss:"):
            found += int(line.split()[1]) * 1024
    return found


DRIVER = """
import sys
import lesion
lesion.run({study!r}, {out!r}, workers=2)
print(sorted(name for name in ("torch", "torch._dynamo", "sympy") if name in sys.modules))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are fresh interpreters")
def test_libraries_of_models_are_loaded_once_a_machine(small, tmp_path):
    from lesion.study.files import write_study

    study = tmp_path / "study.yaml"
    study.write_text(write_study(small))
    code = DRIVER.format(study=str(study), out=str(tmp_path / "run"))
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (said.stdout, said.stderr) == ("['torch']\n", "")  # the driver has no use for the rest
    backend = ProcessBackend(RunContext(small, {}, {}))
    workers = [backend.start(), backend.start()]
    assert all(backend.receive([worker]) == [(worker, Ready(builds()))] for worker in workers)
    own = [private(pid) for pid in children()]
    backend.stop()
    assert max(own) < 50e6  # torch and transformers alone take some 300 MB


def private(pid: int) -> int:
    """Bytes of a process that no other shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def test_the_end_of_a_process_is_worded():
    assert exit_reason(-9) == "was killed by SIGKILL, probably out of memory"
    assert exit_reason(-15) == "was killed by SIGTERM"
    assert exit_reason(12) == "ran out of memory"
    assert exit_reason(1) == "ended with exit code 1"

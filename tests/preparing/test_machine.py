import os
from types import SimpleNamespace

import pytest

from lesion.preparing import machine


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """Write files below another root, on a machine of 8 cores and 10 GB."""
    process = SimpleNamespace(cpu_affinity=lambda: list(range(8)))
    monkeypatch.setattr(machine.psutil, "Process", lambda: process)
    memory = SimpleNamespace(available=10_000)
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(machine, "ROOT", tmp_path)

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n", encoding="ascii")

    return write


def test_without_a_container_the_machine_counts(linux):
    assert (machine.available_memory(), machine.cores()) == (10_000, 8)


@pytest.mark.parametrize("path", ["/", "/slice/job"])
def test_the_limits_of_version_2_count_wherever_they_stand_above_a_process(linux, path):
    linux({
        "proc/self/cgroup": f"0::{path}",
        "sys/fs/cgroup/memory.max": "5000",
        "sys/fs/cgroup/memory.current": "3000",
        "sys/fs/cgroup/memory.stat": "anon 1500\ninactive_file 500",
        "sys/fs/cgroup/cpu.max": "250000 100000",
        "sys/fs/cgroup/slice/job/memory.max": "max",
        "sys/fs/cgroup/slice/job/cpu.max": "max 100000",
    })  # fmt: skip
    assert (machine.available_memory(), machine.cores()) == (5000 - 3000 + 500, 2)


def test_the_limits_of_version_1_count_too(linux):
    linux({
        "proc/self/cgroup": "5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "100",
        "sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": "4000",
        "sys/fs/cgroup/memory/docker/a/memory.usage_in_bytes": "3500",
        "sys/fs/cgroup/memory/docker/a/memory.stat": "cache 9\ntotal_inactive_file 20",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        "sys/fs/cgroup/cpu/docker/a/cpu.cfs_quota_us": "320000",
        "sys/fs/cgroup/cpu/docker/a/cpu.cfs_period_us": "100000",
    })  # fmt: skip
    assert (machine.available_memory(), machine.cores()) == (520, 3)


def test_a_container_that_is_full_has_nothing_left_and_one_core_at_least(linux):
    linux({
        "proc/self/cgroup": "0::/",
        "sys/fs/cgroup/memory.max": "5000",
        "sys/fs/cgroup/memory.current": "5100",
        "sys/fs/cgroup/cpu.max": "50000 100000",
    })  # fmt: skip
    assert (machine.available_memory(), machine.cores()) == (0, 1)


def test_where_a_system_binds_no_process_to_cores_all_are_counted(linux, monkeypatch):
    monkeypatch.setattr(machine.psutil, "Process", SimpleNamespace)  # macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cores() == 6


def test_this_machine_has_memory_and_a_core():
    assert 0 < machine.available_memory() < 2**50 and machine.cores() >= 1

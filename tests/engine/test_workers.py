"""Worker processes: the same record from any number of them, and from those that die."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lesion
from lesion.api import Quiet
from lesion.engine.workers import cause, cores
from lesion.errors import LesionError
from lesion.record import Record
from lesion.study import parse_study
from tests import labs


class Watcher(Quiet):
    """Remembers what it was told, and may do something after so many trials."""

    def __init__(self, after: int = -1, act=lambda: None) -> None:
        self.after, self.act, self.notes, self.prepared = after, act, [], []

    def preparing(self, *patient):
        self.prepared.append(patient)

    def note(self, sentence):
        self.notes.append(sentence)

    def measured(self, measured):
        self.after -= 1
        if not self.after:
            self.act()


def children() -> list[int]:
    """Worker processes of this one, by their command line."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "spawn_main" in line]


@pytest.fixture
def small(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    two = [{"name": name, "source": str(tiny_bert)} for name in ("a", "b")]
    return parse_study(labs.study(tiny_bert, data, models=two, draws=4))


@pytest.fixture
def alone(small, tmp_path):
    return lesion.run(small, tmp_path / "alone", workers=1)


def tables(run) -> list:
    return [run.record.rows(name) for name in ("trials", "models", "tasks")]


@pytest.mark.parametrize("workers", [2, 3])
def test_the_record_is_the_same_bit_for_bit_whatever_the_number_of_workers(
    workers, small, alone, tmp_path
):
    watcher = Watcher()
    several = lesion.run(small, tmp_path / "several", workers=workers, watcher=watcher)
    assert tables(several) == tables(alone)
    assert several.progress() == (2 * (1 + 4 * 3 + 3),) * 2
    assert sorted(watcher.prepared) == [("a", 0, "pairs"), ("b", 0, "pairs")]
    assert not children()

"""Which examples are scored where a study asks for fewer: a fixed sample, not the first."""

import json
from itertools import pairwise

import numpy as np
import pytest

from lesion.tasks.builtin.agreement import agreement
from lesion.tasks.load import load_task
from lesion.tasks.sampling import sample
from lesion.tasks.spec import TaskSpec
from tests import labs

LABELS = np.repeat([0, 1, 2], [60, 30, 11])


def test_fewer_examples_are_among_more():
    found = [set(sample(n, "mine", LABELS).tolist()) for n in range(1, 102)]
    assert [len(one) for one in found] == list(range(1, 102))
    assert all(fewer < more for fewer, more in pairwise(found))


def test_classes_keep_their_shares_within_one_example_whatever_the_number():
    shares = np.bincount(LABELS) / len(LABELS)
    for n in range(1, 102):
        counts = np.bincount(LABELS[sample(n, "mine", LABELS)], minlength=3)
        assert np.abs(counts - n * shares).max() < 1, n


def test_webster_s_division_is_kept():
    """Seats by the divisors 1, 3, 5, ..., counted one by one."""
    sizes = np.bincount(LABELS)
    for n in (1, 7, 20, 50, 90):
        seats = np.zeros(3, dtype=int)
        for _ in range(n):
            seats[np.argmax(sizes / (2 * seats + 1))] += 1
        counts = np.bincount(LABELS[sample(n, "mine", LABELS)], minlength=3)
        assert counts.tolist() == seats.tolist()


def test_positions_ascend_and_are_a_sample_of_the_whole_file():
    found = sample(50, "mine", np.zeros(5000, dtype=int))
    assert (np.diff(found) > 0).all()
    assert np.histogram(found, 5, (0, 5000))[0].min() > 2
    assert found.tolist() != sample(50, "other", np.zeros(5000, dtype=int)).tolist()


def test_the_sample_of_a_task_is_the_same_for_ever():
    """Stored results are about these very examples."""
    assert sample(6, "mine", LABELS).tolist() == [4, 21, 43, 64, 74, 97]


def test_finer_groups_are_balanced_inside_the_coarser_ones():
    coarse = np.repeat(np.arange(6), 40)
    fine = np.tile(np.arange(4), 60) + 4 * coarse
    found = sample(48, "mine", fine, coarse)
    assert np.bincount(coarse[found]).tolist() == [8] * 6
    assert np.bincount(fine[found]).tolist() == [2] * 24


def sorted_file(folder, size=600):
    lines = [f"text {n}\t{'no' if n < size // 3 else 'yes'}" for n in range(size)]
    (folder / "sorted.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    return TaskSpec("mine", dev=str(folder / "sorted.tsv"), text=("text",), label="label")


def given(spec, **changes):
    return spec.with_keys(**changes)


def test_a_file_that_is_sorted_by_label_is_sampled_in_its_shares(tmp_path):
    spec = sorted_file(tmp_path)
    task, more = (load_task(given(spec, examples=n)) for n in (90, 120))
    assert np.bincount(task.targets).tolist() == [30, 60]
    numbers = [int(text.split()[1]) for text in task.evaluated.texts[0]]
    assert numbers == sorted(numbers), "the order of the file"
    assert task.targets.tolist() == [int(number >= 200) for number in numbers]
    assert set(task.evaluated.texts[0]) < set(more.evaluated.texts[0])
    assert len(task.split("dev")) == 600


def test_as_many_examples_as_there_are_or_more_are_all_of_them(tmp_path):
    spec = sorted_file(tmp_path)
    whole = load_task(spec).evaluated.digest
    for n in (600, 601):
        assert load_task(given(spec, examples=n)).evaluated.digest == whole


@pytest.mark.parametrize("name", ["mrpc", "rte"])
def test_glue_is_sampled_too(name, tmp_path):
    folder = labs.write_glue(tmp_path / "glue", examples=30)
    whole = load_task(TaskSpec(name), folder)
    task = load_task(TaskSpec(name, examples=12), folder)
    kept = sample(12, name, whole.targets)
    assert task.targets.tolist() == whole.targets[kept].tolist()
    assert task.evaluated.texts[1] == tuple(whole.evaluated.texts[1][place] for place in kept)
    assert kept.tolist() != list(range(12))


def test_pairs_are_sampled_with_every_paradigm_in_its_share(tmp_path):
    lines = [
        {"sentence_good": f"a {n}", "sentence_bad": f"b {n}", "UID": "one" if n < 80 else "two"}
        for n in range(120)
    ]
    (tmp_path / "blimp.jsonl").write_text("\n".join(map(json.dumps, lines)))
    spec = TaskSpec("blimp", "pairs", file=str(tmp_path / "blimp.jsonl"), label="UID", examples=30)
    task = load_task(spec)
    assert np.bincount(task.targets).tolist() == [20, 10]
    kept = sample(30, "blimp", np.repeat([0, 1], [80, 40]))
    assert task.evaluated.good == tuple(f"a {n}" for n in kept)
    assert task.evaluated.bad == tuple(f"b {n}" for n in kept)


@pytest.mark.parametrize("language", ["en", "de"])
def test_built_in_pairs_keep_their_balance_for_every_multiple_of_24(language):
    whole, few = agreement(language), agreement(language, examples=48)
    assert np.bincount(few.targets).tolist() == [8] * 6
    assert set(few.evaluated.good) < set(whole.evaluated.good)
    groups = few.evaluated.groups
    assert np.bincount(groups).tolist() == [2] * 24
    assert few.evaluated.good != whole.evaluated.good[:48]

"""The contract suites of tasks and metrics hold for every entry of this package.

Those of damage, corruptions and families are called beside their other tests.
"""

from pathlib import Path

import pytest

from lesion.tasks.kinds import TASK_KINDS
from lesion.tasks.load import load_task
from lesion.tasks.metrics import METRICS, Metric
from lesion.tasks.spec import TaskSpec
from lesion.testing import check_metric, check_task
from tests import families

OFFERED = [(kind.word, metric.word) for kind in TASK_KINDS.values() for metric in kind.metrics]


@pytest.mark.parametrize(("kind", "metric"), OFFERED)
def test_every_metric_of_every_kind_keeps_its_contract(kind, metric):
    results = check_metric(METRICS[metric], kind)
    assert {result.outcome for result in results} == {"passed"}


def test_a_metric_of_a_user_keeps_its_contract():
    check_metric(Metric.of(margin, chance=0.0), "pairs", checks=MARGIN)


def margin(outputs, targets):
    """How much likelier the good sentence is, in nats."""
    return outputs[:, 0] - outputs[:, 1]


MARGIN = ["weights equal a resampled loop", "the best constant answer scores chance"]

TEXT = (
    "the old sailor told a long story and a dog ran across the wide street .\n"
    "nobody heard the small bird sing while rain fell on the quiet town all night .\n"
)


@pytest.fixture
def tasks(tmp_path):
    """A task of every kind on a few examples, and the same on other ones."""

    def spec(kind: str, number: int) -> TaskSpec:
        folder = tmp_path / str(number)
        folder.mkdir(exist_ok=True)
        word = ("cat", "dog")[number]
        if kind == "classify":
            lines = [f"the {word} sat {n}\t{'no' if n % 3 else 'yes'}" for n in range(6)]
            path = folder / "rows.tsv"
            path.write_text("s\ty\n" + "\n".join(lines) + "\n")
            return TaskSpec("mine", train=str(path), dev=str(path), text=["s"], label="y")
        if kind == "pairs":
            path = folder / "pairs.tsv"
            path.write_text(f"good\tbad\nthe {word} sat .\tthe {word} sit .\na dog\tdog a\n")
        else:
            path = folder / "novel.txt"
            path.write_text(TEXT.replace("dog", word) * 3)
        length = {"length": 20} if kind == "lm" else {}
        return TaskSpec("mine", kind, file=str(path), **length)

    return lambda kind: tuple(load_task(spec(kind, number)) for number in (0, 1))


@pytest.mark.parametrize("kind", TASK_KINDS)
def test_every_kind_of_task_keeps_its_contract(kind, tasks, tiny_bert, tmp_path):
    task, other = tasks(kind)
    model: Path | str = tiny_bert
    if TASK_KINDS[kind].head == "causal":
        model = families.build("gpt2", tmp_path / "gpt2", "causal")
    elif TASK_KINDS[kind].head == "mlm":
        model = families.build("bert", tmp_path / "bert", "mlm")
    results = check_task(task, model, other=other)
    assert {result.outcome for result in results} == {"passed"}

import pytest

from lesion.errors import LesionError
from lesion.preparing.machine import cores
from lesion.running.options import PoolOptions, parse_resources, worker_count


def test_what_is_said_counts_before_the_environment_and_the_cores(monkeypatch):
    monkeypatch.setenv("LESION_WORKERS", "3")
    assert worker_count(PoolOptions(5), "cpu") == 5
    assert worker_count(PoolOptions(), "cpu") == 3
    monkeypatch.delenv("LESION_WORKERS")
    assert worker_count(PoolOptions(), "cpu") == cores() >= 1


def test_a_gpu_is_shared_only_where_that_is_asked_for(monkeypatch):
    monkeypatch.setenv("LESION_WORKERS", "3")
    assert worker_count(PoolOptions(), "cuda:1") == 1
    assert worker_count(PoolOptions(2), "cuda") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "--workers: must be at least 1. Got 0."),
        ({"engine": "slurm"}, "--engine: must be one of local, ray. Got 'slurm'."),
        ({"resources": {"cpu": 2}}, "--resources: belongs to a cluster. Add --engine ray."),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(LesionError) as caught:
        PoolOptions(**options)
    assert str(caught.value) == message


def test_resources_are_read_as_they_are_typed():
    assert parse_resources("cpu=2, memory=8e9,fast_disk=1") == {
        "cpu": 2, "memory": 8e9, "fast_disk": 1,
    }  # fmt: skip
    assert parse_resources("") == {}
    with pytest.raises(LesionError) as caught:
        parse_resources("two")
    assert str(caught.value) == "--resources: must be like cpu=1,gpu=0.5,memory=8e9. Got 'two'."

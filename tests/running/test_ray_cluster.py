"""A cluster of several nodes on this machine, by Ray's own utility; one of them is lost."""

import time
import tomllib
from pathlib import Path

import pytest

import lesion
from lesion.errors import LesionError
from lesion.running.watcher import NullWatcher
from lesion.study.files import parse_study
from tests import labs

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def small(tmp_path, tiny_bert):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    return parse_study(labs.study(tiny_bert, data, draws=60))


def test_without_ray_a_user_is_told_what_to_install(small, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(LesionError) as caught:
        lesion.run(small, tmp_path / "run", engine="ray")
    assert str(caught.value) == (
        '--engine: ray is not installed. Install it with pip install "ray>=2.50".'
    )
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert extras["ray"] == ["ray>=2.50"]


@pytest.fixture
def cluster():
    """A head without processors, and two nodes of one each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    quick = {"include_dashboard": False, "_system_config": {"enable_worker_prestart": False}}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **quick})
    nodes = [made.add_node(num_cpus=1, resources={"bench": 1}) for _ in range(2)]
    made.wait_for_nodes()
    yield made, nodes
    made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's, of the processes that it leaves to end by themselves
def test_a_lost_node_costs_only_its_unfinished_draws(cluster, small, tmp_path):
    made, nodes = cluster

    class Loss(NullWatcher):
        """Takes a node away as soon as two draws are seen to go on at once."""

        seen, notes, under_way = 0, (), frozenset()

        def measured(self, measured):
            self.seen += 1
            draw = frozenset([(measured.trial.lesion, measured.trial.draw)])
            if nodes and measured.trial.lesion:
                time.sleep(0.5)  # gives the second worker the time to come
                last = measured.trial.dose == 1
                self.under_way = self.under_way - draw if last else self.under_way | draw
                if len(self.under_way) == 2:
                    made.remove_node(nodes.pop(0), allow_graceful=False)
                    nodes.clear()

        def note(self, sentence):
            self.notes = (*self.notes, sentence)

    watcher = Loss()
    run = lesion.run(
        small, tmp_path / "run", engine="ray", address=made.address,
        resources={"cpu": 1, "bench": 1}, watcher=watcher,
    )  # fmt: skip
    alone = lesion.run(small, tmp_path / "alone", workers=1)
    for table in ("trials", "models", "tasks", "places"):
        assert run.record.rows(table) == alone.record.rows(table)
    assert sum(note.startswith("A worker was lost with its node") for note in watcher.notes) == 1
    assert not nodes
    assert watcher.seen == run.progress()[1]  # what was told before was not done again


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_there_is_no_cluster_at_an_address(small, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "1")
    with pytest.raises(LesionError) as caught:
        lesion.run(small, tmp_path / "run", engine="ray", address="auto")
    assert str(caught.value).startswith("--address: there is no Ray cluster at 'auto': ")


def test_weights_that_a_node_does_not_see_are_refused(tiny_bert, tmp_path):
    from dataclasses import replace

    from lesion.models.load import check_available, resolve

    found = resolve(str(tiny_bert))
    check_available(found)
    for wrong, said in (
        (replace(found, path=str(tmp_path / "gone")), "is not there on "),
        (replace(found, digest="beef"), "holds another model on "),
    ):
        with pytest.raises(LesionError) as caught:
            check_available(wrong)
        assert str(caught.value).startswith(f"{wrong.path}: {said}")
        assert str(caught.value).endswith(
            "Every node must see the same folders: put models, and the cache (LESION_CACHE), on "
            "storage that they share."
        )
    check_available(replace(found, revision="c0ffee", path="owner/name"))  # the hub has it

import pytest

from lesion.damage.distraction import Distraction
from lesion.damage.lesion import Lesion, Together
from lesion.engine import estimate
from lesion.engine.estimate import Cost, cost, damaged, free
from lesion.models.load import load_model
from lesion.specs import Finetuning, ModelSpec
from lesion.study import parse_study
from lesion.tasks import load
from tests import labs


@pytest.fixture
def study(tmp_path, tiny_bert):
    return parse_study(labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv")))


def test_a_trial_and_a_training_take_time_and_memory(study, tiny_bert, untouched_randomness):
    task = load(study.tasks[0])
    found, _ = cost(ModelSpec(str(tiny_bert)), task, Finetuning(epochs=2))
    assert found.parameters == sum(p.numel() for p in load_model(str(tiny_bert)).parameters())
    assert found.weights == 4 * found.parameters
    # trained and scored on the same examples, twice, at three times the price, less the padding
    assert 0 < found.training <= 6 * found.seconds
    assert found.process > 5e7 and found.scoring >= 0
    assert cost(ModelSpec(str(tiny_bert)), task)[0].training == 0


def test_weights_are_counted_once_a_machine_and_libraries_too_where_workers_are_forks(monkeypatch):
    one = Cost(seconds=1, parameters=1000, process=100, scoring=10)
    assert one.machine(1, damaged=7) == 4000 + (100 + 10 + 7)
    for forks, libraries in ((True, 100), (False, 3 * 100)):
        monkeypatch.setattr(estimate, "FORKS", forks)
        three = 4000 + 100 + libraries + 3 * (estimate.OWN + 10 + 7)  # 100: the driver
        assert one.machine(3, damaged=7) == three


def test_a_worker_has_its_own_copy_of_what_a_lesion_writes_to(tiny_bert):
    model = load_model(str(tiny_bert))
    matrix = 4 * 32 * 64
    first = Lesion(layers="first", parts=("mlp_in",), tensors=("weight",))
    assert damaged(first, model) == matrix
    both = Together(
        (first, Lesion(layers="first", parts=("mlp_in", "mlp_out"), tensors=("weight",)))
    )
    assert damaged(both, model) == 2 * matrix
    gradients = 4 * sum(p.numel() for p in model.parameters())
    taylor = Lesion(order="importance", layers="first", parts=("mlp_in",), tensors=("weight",))
    assert damaged(taylor, model) == matrix + gradients
    assert damaged(Distraction("drop"), model) == 0


def test_what_is_free_is_known_on_linux():
    there = free()
    assert there is None or 0 < there < 2**50

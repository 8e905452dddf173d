import pytest
import torch

from lesion.damage.lesion import Lesion, Together, WithRecovery
from lesion.distraction.distraction import Distraction
from lesion.models.load import load_model
from lesion.models.recipes import Finetuning, Recovery
from lesion.preparing import cost as costs
from lesion.preparing.cost import Cost, activation_bytes, measure_cost, writable_bytes
from lesion.preparing.rehearsal import admit
from lesion.study.files import parse_study
from lesion.study.specs import ModelSpec
from lesion.tasks.load import load_task
from tests import labs


@pytest.fixture
def study(tmp_path, tiny_bert):
    return parse_study(labs.study(tiny_bert, labs.write_pairs(tmp_path / "pairs.tsv")))


def test_a_trial_and_a_training_take_time_and_memory(study, tiny_bert, untouched_randomness):
    task = load_task(study.tasks[0])
    recipe, spec = Finetuning(epochs=2), ModelSpec(str(tiny_bert))
    found = measure_cost(admit(spec, task, recipe), recipe, learns=True)
    assert found.parameters == sum(p.numel() for p in load_model(str(tiny_bert)).parameters())
    assert found.weights == 4 * found.parameters
    # trained and scored on the same examples, twice, at three times the price, less the padding
    assert 0 < found.training <= 6 * found.seconds
    assert found.process > 5e7 and found.scoring >= 0
    assert found.activations > 0
    plain = measure_cost(admit(spec, task))
    assert plain.training == plain.activations == 0


def test_weights_are_counted_once_a_machine_and_libraries_too_where_workers_are_forks(monkeypatch):
    one = Cost(seconds=1, parameters=1000, process=100, scoring=10)
    assert one.total_bytes(1, written=7) == 4000 + (100 + 10 + 7)
    for forks, libraries in ((True, 100), (False, 3 * 100)):
        monkeypatch.setattr(costs, "USES_FORKSERVER", forks)
        three = 4000 + 100 + libraries + 3 * (costs.WORKER_BYTES + 10 + 7)  # 100: the driver
        assert one.total_bytes(3, written=7) == three


def test_a_worker_has_its_own_copy_of_what_a_lesion_writes_to(tiny_bert):
    model = load_model(str(tiny_bert))
    matrix = 4 * 32 * 64
    first = Lesion(layers="first", parts=("mlp_in",), tensors=("weight",))
    assert writable_bytes(first, model) == matrix
    both = Together(
        (first, Lesion(layers="first", parts=("mlp_in", "mlp_out"), tensors=("weight",)))
    )
    assert writable_bytes(both, model) == 2 * matrix
    gradients = 4 * sum(p.numel() for p in model.parameters())
    taylor = Lesion(order="importance", layers="first", parts=("mlp_in",), tensors=("weight",))
    assert writable_bytes(taylor, model) == matrix + gradients
    assert writable_bytes(taylor, model, activations=9) == matrix + gradients + 9
    assert writable_bytes(Distraction("drop"), model) == 0
    back = WithRecovery(first, Recovery(steps=1, batch_size=5))
    # weights, gradients, two averages, and the weights before; what the lesion is undone with
    steps = 1.2 * (4 * gradients + 5 * 9)
    assert writable_bytes(back, model, activations=9) == round(steps) + gradients + matrix


def test_fine_tuning_takes_weights_four_times_and_the_activations_of_a_batch(monkeypatch):
    one = Cost(seconds=1, parameters=1000, process=100, scoring=10, activations=20)
    each = round(1.2 * (4 * 4 * 1000 + 8 * 20))
    assert one.training_bytes(1, batch=8) == 100 + each
    monkeypatch.setattr(costs, "USES_FORKSERVER", True)
    assert one.training_bytes(2, batch=8) == 200 + 2 * (costs.WORKER_BYTES + each)


def test_activations_are_what_autograd_keeps_of_the_longest_example(
    study, tiny_bert, untouched_randomness
):
    """Of a linear map in a row of its own, it keeps the input: 4 bytes a number."""
    task = load_task(study.tasks[0])
    patient = admit(ModelSpec(str(tiny_bert)), task, Finetuning())
    length = max(len(row["input_ids"]) for row in task.encode_split(
        "train", patient.tokenizer, patient.model.config)[0])  # fmt: skip
    inputs = 3 * length * (32 + 32 + 64) * 4  # of each layer: attention, its output, the MLP's
    found = activation_bytes(patient)
    assert 3 * inputs < found < 12 * inputs
    assert not patient.model.training
    assert all(tensor.grad is None for tensor in patient.model.parameters())


def test_the_growth_of_a_process_is_seen_though_it_shrinks_again():
    assert costs._growth(lambda: torch.ones(50_000_000).sum()) > 100_000_000

"""Training after damage: what is dead stays dead, the rest learns, and nothing of it remains."""

import itertools

import pytest
import torch
from transformers import AutoTokenizer

import lesion
from lesion.damage.lesion import Lesion, Together, WithRecovery
from lesion.errors import LesionError
from lesion.models.inputs import Batcher
from lesion.models.load import load_model
from lesion.models.recipes import Recovery
from lesion.preparing.recovery import linear_schedule, open_with_training, train
from lesion.running.check import preview, training_examples
from lesion.study.damages import build
from lesion.study.files import parse_study, read_study, write_study
from lesion.tasks.load import load_task
from tests import labs
from tests.families import state

RECIPE = Recovery(steps=3, learning_rate=0.01, batch_size=4, warmup=0.0, weight_decay=0.01)
HEADS = {"name": "heads", "units": "heads", "recover": {"steps": 2, "learning_rate": 0.01}}


def written(tmp_path, tiny_bert, **changes):
    data = labs.write_pairs(tmp_path / "pairs.tsv")
    lesions = changes.pop("lesions", [HEADS])
    return parse_study(labs.study(tiny_bert, data, lesions=lesions, doses=[0.5, 1], **changes))


def rows(run) -> list[dict]:
    names, found = run.record.rows("trials")
    return [dict(zip(names, row, strict=True)) for row in found]


@pytest.fixture
def patient(tmp_path, tiny_bert):
    """Model, batcher and task."""
    study = written(tmp_path, tiny_bert)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    model = load_model(str(tiny_bert))
    batcher = Batcher(tokenizer, model.config, "en", torch.device("cpu"))
    return model, batcher, load_task(study.tasks[0])


def test_recovery_runs_beside_the_lesion_from_the_same_damage(tmp_path, tiny_bert):
    study = written(tmp_path, tiny_bert)
    assert [one.name for one in study.lesions] == ["heads", "heads + recovery"]
    run = lesion.run(study, tmp_path / "run")
    found = {(one["lesion"], one["dose"], one["draw"]): one for one in rows(run)}
    for dose, draw in itertools.product((0.5, 1.0), (0, 1)):
        alone, trained = (found[name, dose, draw] for name in ("heads", "heads + recovery"))
        assert alone["damage"] == trained["damage"]
        assert alone["outputs"] != trained["outputs"]
    assert [a.lesion for a in run.analyses] == ["heads", "heads + recovery"]
    plain = {key: value for key, value in HEADS.items() if key != "recover"}
    without = lesion.run(written(tmp_path, tiny_bert, lesions=[plain]), tmp_path / "without")
    assert rows(without) == [one for one in rows(run) if "recovery" not in one["lesion"]]


def test_an_interrupted_recovery_ends_up_equal_to_an_uninterrupted_one(tmp_path, tiny_bert):
    study = written(tmp_path, tiny_bert)
    with pytest.raises(KeyboardInterrupt):
        lesion.run(study, tmp_path / "broken", watcher=labs.crash_after(7))
    assert lesion.Run(tmp_path / "broken").progress() == (7, 9)
    resumed = rows(lesion.run(study, tmp_path / "broken"))
    assert resumed == rows(lesion.run(study, tmp_path / "whole"))


DAMAGES = {
    "neurons": Lesion("neurons", parts=("mlp_in",), name="one"),
    "heads held at their means": Lesion("heads", effect="mean", name="one"),
    "noise": Lesion("weights", effect="noise", parts=("value",), name="one"),
    "several": Together((Lesion("layers", layers=0), Lesion("words", name="two"))),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_destroyed_is_held_the_rest_learns_and_all_of_it_is_undone(
    patient, name, untouched_randomness
):
    model, batcher, task = patient
    damage = DAMAGES[name]
    examples = [{"input_ids": torch.tensor([[2, 5, 6, 3]])}]
    intact = state(model)
    with damage.applied(model, 0.4, draw=1, examples=examples):
        damaged = state(model)
    with damage.applied(model, 0.7, draw=1, examples=examples):
        deeper = state(model)
    back = WithRecovery(damage, RECIPE)
    with open_with_training(back, model, batcher, task, 1, examples) as wound:
        receipt = wound.deepen(0.4)
        trained = state(model)
        assert not model.training
        assert all(tensor.grad is None for tensor in model.parameters())
        wound.deepen(0.7)
        learned_deeper = state(model)
        assert wound.deepen(0.4) == receipt
        again = state(model)
    for key, before in intact.items():
        hit, deep = damaged[key] != before, deeper[key] != before
        assert torch.equal(trained[key][hit], damaged[key][hit]), key
        assert torch.equal(learned_deeper[key][deep], deeper[key][deep]), key
        assert torch.equal(again[key], trained[key]), "the way to a dose does not matter"
        if key.endswith("classifier.weight"):
            assert not torch.equal(trained[key], before)
        assert torch.equal(model.state_dict()[key], before), key


@pytest.mark.parametrize("width", [None, "bfloat16"])
@pytest.mark.parametrize("effect", ["flip", "zero", "one"])
def test_a_bit_is_held_and_the_other_bits_of_its_number_are_free(patient, effect, width):
    model, batcher, task = patient
    kind = {"parts": ("mlp_in",), "tensors": ("weight",), "layers": 0, "bits": "mantissa"}
    damage = Lesion("bits", effect=effect, format=width, name="one", **kind)
    tensor = model.bert.encoder.layer[0].intermediate.dense.weight
    intact = stored(tensor, width)
    with Lesion("bits", format=width, name="one", **kind).applied(model, 0.1):
        chosen = stored(tensor, width) ^ intact
    with damage.applied(model, 0.1):
        damaged = stored(tensor, width)
    with open_with_training(WithRecovery(damage, RECIPE), model, batcher, task, 0) as wound:
        wound.deepen(0.1)
        trained = stored(tensor, width)
    assert torch.equal(trained & chosen, damaged & chosen)
    assert ((trained ^ damaged) & ~chosen).bool().float().mean() > 0.5


def stored(tensor: torch.Tensor, width: str | None) -> torch.Tensor:
    tensor = tensor.detach()
    if width == "bfloat16":
        return tensor.to(torch.bfloat16).view(torch.int16).clone()
    return tensor.view(torch.int32).clone()


def crash_inside(opened) -> None:
    with opened as wound:
        wound.deepen(0.5)
        raise RuntimeError("crash")


def test_an_exception_while_training_leaves_the_model_whole(patient):
    model, batcher, task = patient
    before = state(model)
    damage = WithRecovery(Lesion("neurons"), RECIPE)
    with pytest.raises(RuntimeError, match="crash"):
        crash_inside(open_with_training(damage, model, batcher, task, 0))
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


def test_a_step_is_adamws_on_the_clipped_gradient(patient):
    """By hand: decay of the matrices, then lr * g / (|g| + eps), as AdamW's first step is."""
    model, batcher, _ = patient
    inputs = {**batcher.tokenizer("the cat sat", return_tensors="pt"), "labels": torch.tensor([1])}
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    before = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    model(**inputs).loss.backward()
    gradients = {name: tensor.grad.clone() for name, tensor in model.named_parameters()}
    model.zero_grad()
    norm = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    share = min(1.0, 1 / float(norm))
    train(model, iter([inputs]), Recovery(1, 0.01, 1, 0.0, 0.1), lambda: None)
    for name, tensor in model.named_parameters():
        gradient = gradients[name] * share
        decayed = before[name] * (1 - 0.01 * 0.1 if tensor.dim() > 1 else 1)
        expected = decayed - 0.01 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(tensor.detach(), expected, rtol=1e-4, atol=1e-4)


def test_the_rate_rises_and_falls_as_transformers_does():
    from transformers import get_linear_schedule_with_warmup

    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = get_linear_schedule_with_warmup(optimiser, 2, 20)
    for step in range(20):
        assert linear_schedule(step, 20, 0.1) == pytest.approx(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()


def test_settings_default_to_those_of_fine_tuning_and_survive_the_file(tmp_path, tiny_bert):
    tuned = {"finetune": {"seeds": [3], "learning_rate": 1e-3, "batch_size": 7}}
    study = written(tmp_path, tiny_bert, **tuned)
    assert study.lesions[1].retrained == Recovery(2, 0.01, 7, 0.1, 0.01)
    assert [one.recover for one in study.lesions] == [None, None]
    (tmp_path / "s.yaml").write_text(write_study(study))
    assert read_study(tmp_path / "s.yaml").lesions == study.lesions


def test_the_preview_counts_the_examples_that_are_trained_on(tmp_path, tiny_bert):
    study = written(tmp_path, tiny_bert, draws=3)
    draws, doses, steps, batch = 3, 2, 2, 32
    found = [training_examples(study, one, build(one, 0)) for one in study.lesions]
    assert found == [0, draws * doses * steps * batch]


def test_a_control_recovers_too_and_damages_taken_together_as_one(tmp_path, tiny_bert):
    top = {"name": "top", "units": "heads", "order": "magnitude", "control": "matched"}
    both = {"name": "both", "together": [{"name": "a"}, {"name": "b", "units": "heads"}]}
    lesions = [{**top, "recover": {"steps": 1}}, {**both, "recover": {"steps": 1}}]
    study = written(tmp_path, tiny_bert, lesions=lesions)
    assert [one.name for one in study.lesions] == [
        "top", "top (matched control)", "top + recovery", "top (matched control) + recovery",
        "both", "both + recovery",
    ]  # fmt: skip
    plain, trained = (build(one, 0) for one in study.lesions[-2:])
    assert isinstance(trained, WithRecovery) and trained.lesion == plain
    assert [len(study.draws_of(one)) for one in study.lesions] == [1, 2, 1, 2, 2, 2]


def test_a_lesion_beneath_that_is_left_first_takes_the_recovery_with_it(patient):
    model, batcher, task = patient
    before = state(model)
    beneath = Lesion(units="neurons").opened(model)
    beneath.__enter__().deepen(0.3)
    with open_with_training(WithRecovery(Lesion(), RECIPE), model, batcher, task, 0) as wound:
        wound.deepen(0.5)
        with pytest.raises(LesionError, match="Both are undone, and the model is whole"):
            beneath.__exit__(None, None, None)
        assert all(torch.equal(before[name], one) for name, one in state(model).items())
        with pytest.raises(LesionError, match="This lesion is no longer open"):
            wound.deepen(0.6)
    assert all(torch.equal(before[name], one) for name, one in state(model).items())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"distraction": "drop", "recover": {"steps": 1}},
         "recover: a distraction has none; it damages the texts."),
        ({"recover": {"steps": 0}}, "recover.steps: must be at least 1. Got 0."),
        ({"recover": {"steps": 1}, "retrained": {"steps": 1}},
         "retrained: is what recover runs beside the lesion; give one of them."),
        ({"together": [{"recover": {"steps": 1}}]}, "together: its lesions cannot have recover."),
        ({"recovr": {"steps": 1}}, "Did you mean 'recover'?"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_the_reason(given, message):
    with pytest.raises(LesionError) as caught:
        parse_study(labs.study("a", "b", lesions=[given]))
    assert message in str(caught.value)


def test_tasks_without_training_examples_are_refused_before_anything_runs(tmp_path, tiny_bert):
    study = written(tmp_path, tiny_bert, tasks=["agreement-en"])
    with pytest.raises(LesionError) as caught:
        lesion.run(study, tmp_path / "run")
    assert str(caught.value) == (
        "heads + recovery: recovery needs a task of kind classify, which has training examples. "
        "agreement-en is of kind pairs. Give them studies of their own."
    )
    files = {"dev": str(tmp_path / "pairs.tsv"), "text": ["s1", "s2"], "label": "same"}
    study = written(tmp_path, tiny_bert, tasks=[{"name": "mine", **files}])
    assert preview(study).problems == (
        "heads + recovery: recovery needs training examples, and mine has none. "
        "Give the task a train file, or leave recover out.",
    )

"""Time and memory of a study, estimated from a few timed batches before anything runs."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psutil
import torch
from torch import nn

from lesion.damage.lesion import Lesion
from lesion.damage.opening import selected_sites
from lesion.models.finetune import preserve_rng
from lesion.models.load import load_config, load_tokenizer, resolve
from lesion.models.recipes import Finetuning
from lesion.preparing.machine import USES_FORKSERVER
from lesion.preparing.rehearsal import Patient, lesson
from lesion.record.cuts import Text
from lesion.scoring.scorer import Scorer
from lesion.study.damages import Damage
from lesion.study.needs import LABELS, distractions, lesions_of, needs, recovery_of, trains
from lesion.study.specs import ModelSpec
from lesion.study.study import Study
from lesion.study.trials import INTACT
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification

PROBE_BATCHES = 3
CHECKED = 1000  # examples whose texts are damaged to see how many are cut
LOOK_SECONDS = 0.002  # seconds between two looks at the memory of a process
WORKER_BYTES = 50_000_000  # of a worker beside libraries, weights, scoring: tokenizer, rows
TRAINING_PASSES = 3  # times the arithmetic of scoring: a backward pass is twice a forward pass
HEAP = 1.2  # times what training holds: temporaries, and gaps that allocators leave (measured)
TRAINING_STATES = 4  # times the weights: themselves, their gradients, and Adam's two averages


class Cost(NamedTuple):
    """What one trial of a model on a task costs on this machine, on one thread.

    Attributes:
        seconds: wall time of scoring every example once.
        parameters: of the model with its head.
        process: bytes of a process with its libraries and inputs, without weights.
        scoring: bytes that scoring takes for a while.
        training: seconds of fine-tuning one head; 0 where there is none.
        fallback_reason: why it has no fast forward pass; "" where it has.
        cut: share of the examples that are cut at the task's max_length.
        activations: bytes that a step of training keeps of one example; 0 where there is none.
    """

    seconds: float
    parameters: int
    process: int
    scoring: int
    training: float = 0.0
    fallback_reason: str = ""
    cut: float = 0.0
    activations: int = 0

    @property
    def weights(self) -> int:
        """Bytes of the model in float32: once a machine, however many workers."""
        return 4 * self.parameters

    def total_bytes(self, workers: int, written: int) -> int:
        """Bytes of all processes together; `written`: what each worker copies."""
        if workers == 1:
            return self.weights + self.process + self.scoring + written
        each = WORKER_BYTES + self.scoring + written
        return self.weights + self._libraries(workers) + workers * each

    def training_bytes(self, workers: int, batch: int) -> int:
        """Bytes of all processes together while as many fine-tune a head, so many examples a step.

        The pages of the weights' file are not counted: nothing reads them any more.
        """
        each = _stepping(self.weights, batch * self.activations)
        if workers == 1:
            return self.process + each
        return self._libraries(workers) + workers * (WORKER_BYTES + each)

    def _libraries(self, workers: int) -> int:
        copies = 1 if USES_FORKSERVER else workers
        return self.process * (1 + copies)  # the first is that of this process


def measure_cost(patient: Patient, recipe: Finetuning | None = None, learns: bool = False) -> Cost:
    """Time a few batches of a model, with its head or a new one; extrapolate by tokens.

    Args:
        recipe: how heads are trained; None where they are not.
        learns: whether gradients are taken of the model, with or without steps.

    Raises:
        LesionError: if the model cannot read the task's examples.
    """
    model, task = patient.model, patient.task
    scorer = Scorer(model, patient.tokenizer, task, columns=patient.columns)
    tokens = scorer.tokens
    last, steps = len(tokens) - 1, PROBE_BATCHES - 1
    probes = sorted({round(step * last / steps) for step in range(PROBE_BATCHES)})
    process = _process_bytes()
    # the first batch also pays for warming up, and is the largest
    scoring = _growth(lambda: scorer.forward(probes[0]))
    start = time.perf_counter()
    for probe in probes:
        scorer.forward(probe)
    rate = (time.perf_counter() - start) / sum(tokens[probe] for probe in probes)
    trained = trains(task)
    return Cost(
        rate * sum(tokens),
        sum(tensor.numel() for tensor in model.parameters()),
        process,
        scoring,
        rate * _read_in_training(patient, recipe) * TRAINING_PASSES if recipe and trained else 0.0,
        scorer.fallback_reason,
        scorer.cut,
        activation_bytes(patient) if learns and trained else 0,
    )


def _read_in_training(patient: Patient, recipe: Finetuning) -> float:
    """Tokens of all epochs."""
    task: Any = patient.task
    rows, _ = task.encode_split("train", patient.tokenizer, patient.model.config)
    return sum(len(row["input_ids"]) for row in rows) * recipe.epochs


def activation_bytes(patient: Patient) -> int:
    """Bytes of activations that a step of training keeps of one example, for its gradients.

    Of the longest: batches of about one length are drawn, and one has the longest examples.
    """
    model, inputs = patient.model, lesson(patient)
    weights = {tensor.untyped_storage().data_ptr() for tensor in model.parameters()}
    sizes: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with preserve_rng(), torch.enable_grad(), hooks:
        model.train()  # dropout keeps its masks
        try:
            loss = model(**inputs).loss  # while it is there, so is all that it keeps
        finally:
            model.eval()
    del loss
    return sum(sizes.values()) // len(inputs["labels"])


def cut_shares(
    spec: ModelSpec, task: Task, lesions: Sequence[Damage], study: Study, intact: float
) -> dict[Text, dict[float, float]]:
    """Which share of the examples is cut for a model: intact, and at each dose of distractions.

    The first draw stands for all, and by how much it cuts more of `CHECKED` examples for all.
    """
    cut = {(spec.name, task.name, INTACT): {0.0: intact}}
    changed = distractions(lesions)
    if not changed or not isinstance(task, Classification):
        return cut
    checkpoint = resolve(spec.source, spec.revision)
    tokenizer, config = load_tokenizer(checkpoint), load_config(checkpoint)
    some = task.with_examples(task.evaluated.sample(CHECKED, task.name))
    usual, seen = some.encode(tokenizer, config).cut, [0.0]
    doses = {lesion.name: study.doses_of(lesion) for lesion in study.lesions}
    for distraction in changed:
        shares = cut[spec.name, task.name, distraction.name] = {}
        with distraction.open(
            some, tokenizer, lambda version: seen.append(version.encode(tokenizer, config).cut)
        ) as wound:
            for dose in doses[distraction.name]:
                wound.deepen(dose)
                shares[dose] = min(max(intact + (seen[-1] - usual), 0.0), 1.0)
    return cut


def writable_bytes(damage: Damage, model: nn.Module, activations: int = 0) -> int:
    """Bytes of what damage may write to: each worker has its own copy of these.

    Gradients of all weights are counted where the order takes them, and all that training needs
    where it follows the damage: what it changes is kept to be restored, and so is what the lesion
    writes to.

    Args:
        activations: bytes that a step of training keeps of one example, see `activation_bytes`.
    """
    lesions, recovery = lesions_of(damage), recovery_of(damage)
    if not lesions:
        return 0  # it damages texts
    weights = sum(tensor.nbytes for tensor in model.parameters())
    if recovery is not None:
        batch = recovery.batch_size or Finetuning().batch_size
        return _stepping(weights, batch * activations) + weights + _written(lesions, model)
    gradients = weights + activations if LABELS in needs(damage) else 0
    return _written(lesions, model) + gradients


def _stepping(weights: int, activations: int) -> int:
    """Bytes of a process that trains: weights in their states, activations of a batch."""
    return round(HEAP * (TRAINING_STATES * weights + activations))


def _written(lesions: Sequence[Lesion], model: nn.Module) -> int:
    tensors = {
        id(tensor): tensor
        for lesion in lesions
        for site in selected_sites(lesion, model)
        for tensor in (getattr(site, name) for name in lesion.tensors)
        if tensor is not None
    }
    return sum(tensor.nbytes for tensor in tensors.values())


def _process_bytes() -> int:
    """Bytes of this process that are no pages of files, such as libraries and mapped weights."""
    process = psutil.Process()
    memory = process.memory_info()
    if hasattr(memory, "shared"):  # Linux
        return int(memory.rss - memory.shared)
    return int(process.memory_full_info().uss)


def _growth(act: Callable[[], object]) -> int:
    """Bytes by which this process grows, at most, while something is done."""
    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def look() -> None:
        nonlocal most
        while not done.wait(LOOK_SECONDS):
            most = max(most, process.memory_info().rss)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        act()
    finally:
        done.set()
        thread.join()
    return int(max(most, process.memory_info().rss) - before)

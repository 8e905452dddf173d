"""About what a study takes, in time and memory: a few timed batches before anything runs."""

import contextlib
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from lesion.cuts import Text
from lesion.damage.distraction import Distraction, Told
from lesion.damage.lesion import Damage, Recovering, Together
from lesion.engine.forward import Scorer
from lesion.engine.workers import FORKS
from lesion.models import anatomy
from lesion.models.finetune import preserved_randomness
from lesion.models.load import load_config, load_model, load_tokenizer, resolve
from lesion.specs import Finetuning, ModelSpec
from lesion.study import INTACT, Study
from lesion.tasks.base import Task
from lesion.tasks.classify import Classification

PROBES = 3
CHECKED = 1000  # examples whose texts are damaged to see how many are cut
BASE = 300_000_000  # bytes of a process with its libraries, where they cannot be measured
OWN = 50_000_000  # bytes of a worker beside libraries, weights and scoring: tokenizer, rows
TRAINING = 3  # times the arithmetic of scoring: a backward pass is twice a forward pass
STATES = 4  # times the weights: themselves, their gradients, and Adam's two averages


class Cost(NamedTuple):
    """What one trial of a model on a task costs on this machine, on one thread.

    Attributes:
        seconds: wall time of scoring every example once.
        parameters: of the model with its head.
        process: bytes of a process with its libraries and inputs, without weights.
        scoring: bytes that scoring takes for a while.
        training: seconds of fine-tuning one head; 0 where there is none.
        slow: why it is scored by its own forward; "" where it is not.
        cut: share of the examples that are cut at the task's max_length.
    """

    seconds: float
    parameters: int
    process: int
    scoring: int
    training: float = 0.0
    slow: str = ""
    cut: float = 0.0

    @property
    def weights(self) -> int:
        """Bytes of the model in float32: once a machine, however many workers."""
        return 4 * self.parameters

    def machine(self, workers: int, damaged: int) -> int:
        """Bytes of all processes together; `damaged`: what a worker must have of its own."""
        if workers == 1:
            return self.weights + self.process + self.scoring + damaged
        libraries = self.process * (1 + (1 if FORKS else workers))  # the driver's, the workers'
        return self.weights + libraries + workers * (OWN + self.scoring + damaged)


def cost(
    spec: ModelSpec, task: Task, recipe: Finetuning | None = None, device: str = "cpu"
) -> tuple[Cost, nn.Module]:
    """Time a few batches, with an untrained head where one is to be trained; extrapolate by tokens.

    Returns what was measured, and the model that it was measured on.

    Raises:
        LesionError: if the model cannot be had, or lacks the head that the task needs.
    """
    checkpoint = resolve(spec.source, spec.revision)
    trained = recipe is not None and task.head == "classification"
    settings: dict[str, Any] = {"num_labels": len(task.classes)} if trained else {}
    with preserved_randomness():  # an untrained head is drawn from torch's global generator
        model = load_model(
            checkpoint, head=task.head, device=device, complete=not trained, **settings
        )
    tokenizer = load_tokenizer(checkpoint)
    scorer = Scorer(model, tokenizer, task)
    tokens = scorer.tokens
    probes = sorted({round(share * (len(tokens) - 1) / (PROBES - 1)) for share in range(PROBES)})
    process = _resident("RssAnon", BASE)
    before = _fresh_peak()
    scorer.forward(probes[0])  # the first batch also pays for warming up, and is the largest
    start = time.perf_counter()
    for probe in probes:
        scorer.forward(probe)
    rate = (time.perf_counter() - start) / sum(tokens[probe] for probe in probes)
    training = 0.0
    if recipe and isinstance(task, Classification):
        rows, _ = task.encode_split("train", tokenizer, model.config)
        seen = sum(len(row["input_ids"]) for row in rows) * recipe.epochs
        training = rate * seen * TRAINING
    found = Cost(
        rate * sum(tokens),
        sum(tensor.numel() for tensor in model.parameters()),
        process,
        max(_resident("VmHWM", 0) - before, 0),
        training,
        scorer.note,
        scorer.cut,
    )
    return found, model


def cut_shares(
    spec: ModelSpec, task: Task, lesions: Sequence[Damage], study: Study, intact: float
) -> dict[Text, dict[float, float]]:
    """Which share of the examples is cut for a model: intact, and at each dose of distractions.

    The first draw stands for all, and by how much it cuts more of `CHECKED` examples for all.
    """
    found = {(spec.name, task.name, INTACT): {0.0: intact}}
    distractions = [one for one in lesions if isinstance(one, Distraction)]
    if not distractions or not isinstance(task, Classification):
        return found
    checkpoint = resolve(spec.source, spec.revision)
    tokenizer, config = load_tokenizer(checkpoint), load_config(checkpoint)
    few = Told(task.split_name, task.classes, task.evaluated.sample(CHECKED, task.name))
    some = replace(task, source=few, scored=task.split_name, examples=None)
    usual, seen = some.encode(tokenizer, config).cut, [0.0]
    doses = {one.name: study.doses_of(one) for one in study.lesions}
    for one in distractions:
        shares = found[spec.name, task.name, one.name] = {}
        with one.wounded(
            some, tokenizer, lambda version: seen.append(version.encode(tokenizer, config).cut)
        ) as wound:
            for dose in doses[one.name]:
                wound.deepen(dose)
                shares[dose] = min(max(intact + (seen[-1] - usual), 0.0), 1.0)
    return found


def damaged(damage: Damage, model: nn.Module) -> int:
    """Bytes of what a lesion may write to: a worker has its own copy of these.

    Gradients of all weights are counted where the order asks for them, and all that training
    needs where it follows the damage.
    """
    if isinstance(damage, Distraction):
        return 0
    if isinstance(damage, Recovering):
        return STATES * sum(tensor.nbytes for tensor in model.parameters())
    tensors = {
        id(tensor): tensor
        for lesion in (damage.lesions if isinstance(damage, Together) else (damage,))
        for site in anatomy.select(model, lesion.layers, lesion.reach)
        for tensor in (getattr(site, name) for name in lesion.tensors)
        if tensor is not None
    }
    own = sum(tensor.nbytes for tensor in tensors.values())
    gradients = sum(tensor.nbytes for tensor in model.parameters()) if damage.needs_examples else 0
    return own + gradients


def free() -> int | None:
    """Bytes that this machine has left; None where it does not say."""
    return _read("/proc/meminfo", "MemAvailable")


def _resident(key: str, otherwise: int) -> int:
    found = _read("/proc/self/status", key)
    return otherwise if found is None else found


def _fresh_peak() -> int:
    """Forget the peak of the resident size, and return the size now (Linux; else 0)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _resident("VmRSS", 0)


def _read(path: str, key: str) -> int | None:
    """A line `key: 123 kB` of a file of Linux's."""
    with contextlib.suppress(OSError):
        found = re.search(rf"^{key}:\s+(\d+) kB$", Path(path).read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else None
    return None

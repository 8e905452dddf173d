"""About how long a study takes: a few timed batches before anything runs."""

import time
from typing import Any, NamedTuple

from lesion.engine.forward import Scorer
from lesion.models.finetune import preserved_randomness
from lesion.models.load import load_model, load_tokenizer, resolve
from lesion.specs import ModelSpec
from lesion.tasks.base import Task

PROBES = 3


class Cost(NamedTuple):
    """What one trial of a model on a task costs on this machine.

    Attributes:
        seconds: wall time of scoring every example once.
        parameters: of the model with its head.
    """

    seconds: float
    parameters: int


def cost(spec: ModelSpec, task: Task, device: str = "cpu") -> Cost:
    """Time a few batches with an untrained head and extrapolate by padded tokens."""
    checkpoint = resolve(spec.source, spec.revision)
    settings: dict[str, Any] = {"num_labels": len(task.classes)} if task.classes else {}
    with preserved_randomness():  # an untrained head is drawn from torch's global generator
        model = load_model(checkpoint, head=task.head, device=device, complete=False, **settings)
    scorer = Scorer(model, load_tokenizer(checkpoint), task)
    tokens = scorer.tokens
    probes = sorted({round(share * (len(tokens) - 1) / (PROBES - 1)) for share in range(PROBES)})
    scorer.forward(probes[0])  # the first batch also pays for warming up
    start = time.perf_counter()
    for probe in probes:
        scorer.forward(probe)
    seconds = time.perf_counter() - start
    share = sum(tokens) / sum(tokens[probe] for probe in probes)
    return Cost(seconds * share, sum(tensor.numel() for tensor in model.parameters()))

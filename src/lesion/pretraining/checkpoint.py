"""Training checkpoints, written to a temporary file and then moved: a kill leaves them intact."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from lesion.atomic import write
from lesion.errors import LesionError
from lesion.pretraining.learning import LearningScore


def save_checkpoint(
    path: Path,
    fingerprint: str,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    scores: Sequence[LearningScore],
) -> None:
    """Save weights, state of the optimiser, step and scores in one safetensors file.

    It does not hold the order and the masks of the data, which follow from the seed and the step.
    """
    tensors = {f"model/{name}": weight.detach() for name, weight in model.named_parameters()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{key}": value for key, value in state.items()}
    facts = {"fingerprint": fingerprint, "step": step, "scores": list(map(list, scores))}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write(path, save(contiguous, {"lesion": json.dumps(facts)}))


def restore_checkpoint(
    path: Path,
    fingerprint: str,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> tuple[int, list[LearningScore]]:
    """Load a checkpoint, if there is one: the next step, and the scores so far."""
    if not path.exists():
        return 0, []
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["lesion"])
        if facts["fingerprint"] != fingerprint:
            raise LesionError(
                f"{path} was made with other settings or another tokenizer. "
                "Give another --out, or delete that file to train this twin from the start."
            )
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(file.get_tensor(f"model/{name}"))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name in file.keys():  # noqa: SIM118 (not a dict)
            kind, *where = name.split("/")
            if kind == "optimiser":
                state.setdefault(int(where[0]), {})[where[1]] = file.get_tensor(name)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return facts["step"], [LearningScore(*row) for row in facts["scores"]]

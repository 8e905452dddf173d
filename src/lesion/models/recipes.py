"""How models are trained: a head before the damage, and all that is left after it."""

import dataclasses
from dataclasses import dataclass

from lesion.schema.fields import field


@dataclass(frozen=True)
class Finetuning:
    """How a task head is trained before the damage."""

    seeds: tuple[int, ...] = field("one fine-tuned model each", (0,), at_least=0)
    epochs: float = field("passes over the training set", 3.0, at_least=0)
    learning_rate: float = field("peak of a linear schedule", 2e-5, at_least=0, at_most=1)
    batch_size: int = field("examples a step", 32, at_least=1)
    warmup: float = field("share of the steps that warm up", 0.1, at_least=0, at_most=1)
    weight_decay: float = field("AdamW's weight decay", 0.01, at_least=0, at_most=1)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be different numbers. Got {list(self.seeds)}.")


RECOVERY_SUFFIX = " + recovery"  # after the name of the lesion whose damage it is


@dataclass(frozen=True)
class Recovery:
    """How a damaged model is trained again, its destroyed units held as they are."""

    steps: int = field("optimiser steps on the training set", at_least=1)
    learning_rate: float | None = field(
        "peak of a linear schedule (default: as finetune)", None, at_least=0, at_most=1
    )
    batch_size: int | None = field("examples a step (default: as finetune)", None, at_least=1)
    warmup: float | None = field(
        "share of the steps that warm up (default: as finetune)", None, at_least=0, at_most=1
    )
    weight_decay: float | None = field(
        "AdamW's weight decay (default: as finetune)", None, at_least=0, at_most=1
    )

    def with_defaults(self, finetuning: Finetuning) -> "Recovery":
        """With the settings of fine-tuning in place of those that are not given."""
        missing = {
            part.name: getattr(finetuning, part.name)
            for part in dataclasses.fields(self)
            if getattr(self, part.name) is None
        }
        return dataclasses.replace(self, **missing)

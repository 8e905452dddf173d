"""How models are trained: a head before the damage, and all that is left after it."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from lesion.schema import Between, ByShape, Growing, Spec, doc


@dataclass(frozen=True)
class Finetuning(Spec):
    """How a task head is trained before the damage."""

    seeds: Annotated[
        tuple[Annotated[int, Between(0)], ...] | Growing,
        ByShape(),
        doc("one fine-tuned model each: a list, or {from, to} for as many of 0, 1, ... as needed"),
    ] = (0,)
    epochs: Annotated[float, Between(0), doc("passes over the training set")] = 3.0
    learning_rate: Annotated[float, Between(0, 1), doc("peak of a linear schedule")] = 2e-5
    batch_size: Annotated[int, Between(1), doc("examples a step")] = 32
    warmup: Annotated[float, Between(0, 1), doc("share of the steps that warm up")] = 0.1
    weight_decay: Annotated[float, Between(0, 1), doc("AdamW's weight decay")] = 0.01

    def __post_init__(self) -> None:
        if isinstance(self.seeds, Growing):
            return
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be different numbers. Got {list(self.seeds)}.")

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The seeds; where they are added as needed, all that might be."""
        return tuple(range(self.seeds.most)) if isinstance(self.seeds, Growing) else self.seeds


RECOVERY_SUFFIX = " + recovery"  # after the name of the lesion whose damage it is


@dataclass(frozen=True)
class Recovery(Spec):
    """How a damaged model is trained again, its destroyed units held as they are."""

    steps: Annotated[int, Between(1), doc("optimiser steps on the training set")]
    learning_rate: Annotated[
        float | None, Between(0, 1), doc("peak of a linear schedule (default: as finetune)")
    ] = None
    batch_size: Annotated[int | None, Between(1), doc("examples a step (default: as finetune)")] = (
        None
    )
    warmup: Annotated[
        float | None, Between(0, 1), doc("share of the steps that warm up (default: as finetune)")
    ] = None
    weight_decay: Annotated[
        float | None, Between(0, 1), doc("AdamW's weight decay (default: as finetune)")
    ] = None

    def with_defaults(self, finetuning: Finetuning) -> "Recovery":
        """With the settings of fine-tuning in place of those that are not given."""
        missing = {
            part.name: getattr(finetuning, part.name)
            for part in dataclasses.fields(self)
            if getattr(self, part.name) is None
        }
        return dataclasses.replace(self, **missing)

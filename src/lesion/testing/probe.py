"""What a lesion writes to a model, read from the weights themselves and never from a receipt."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from lesion.damage.effects import Effect, Target
from lesion.damage.lesion import Lesion
from lesion.damage.unit_base import Units
from lesion.models.load import load_model
from lesion.testing.results import SkippedError, require
from lesion.testing.surroundings import described, in_another_process
from lesion.testing.tiny import tiny_model

if TYPE_CHECKING:
    from lesion.damage.wound import Wound

HEAD = "mlm"
DOSES = (0.0, 0.02, 0.3, 0.75, 1.0)
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
Bits = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Mark(Effect):
    """Destroyed numbers become NaN, and destroyed bits flip: what is hit can be seen."""

    word = "mark"

    def values(self, intact: torch.Tensor, target: Target) -> torch.Tensor:
        """NaN on the CPU."""
        return intact.new_full((), float("nan"), device="cpu")

    def on_bits(self, stored: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """The bits of the masks change."""
        return stored ^ masks


def marked(lesion: Lesion) -> Lesion:
    """The lesion with an effect that can be seen on every unit."""
    return dataclasses.replace(lesion, effect=Mark())


@dataclass(frozen=True, eq=False)
class Subject:
    """The model on which entries are checked.

    Attributes:
        source: hub id, folder or built-in twin; "" for a model in memory.
        head: with which it is loaded.
        model: the model.
        examples: inputs with labels, for effects and orders that measure something.
    """

    source: str
    head: str
    model: Any
    examples: Sequence[Mapping[str, torch.Tensor]]

    @classmethod
    def of(cls, model: str | Path | nn.Module, head: str, examples: Sequence[Any]) -> Subject:
        """A subject; examples are made up where there are none."""
        if isinstance(model, nn.Module):
            return cls("", head, model, examples or _examples(model, head))
        source = str(model or tiny_model())
        loaded = load_model(source, head=head)
        return cls(source, head, loaded, examples or _examples(loaded, head))

    def bits(self) -> Bits:
        """Every number of the model, as the integer of its bits."""
        return bits(self.model)

    @contextmanager
    def opened(self, lesion: Lesion, draw: int = 0) -> Iterator[Wound]:
        """The lesion on the model."""
        with lesion.opened(self.model, draw, self.examples) as wound:
            yield wound

    def at(self, lesion: Lesion, *doses: float, draw: int = 0) -> Bits:
        """The model's numbers at the last of some doses."""
        with self.opened(lesion, draw) as wound:
            for dose in doses:
                wound.deepen(dose)
            return self.bits()


def _examples(model: Any, head: str) -> list[dict[str, torch.Tensor]]:
    """Three rows of five tokens, with the labels that the head takes."""
    rng = np.random.default_rng(0)
    rows = rng.integers(4, min(model.config.vocab_size, 1000), (3, 5))
    examples = []
    for number, row in enumerate(rows):
        ids = torch.tensor([row.tolist()])
        labels = torch.tensor([number % 2]) if head == "classification" else ids
        mask = torch.ones_like(ids)
        examples.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    return examples


def bits(model: nn.Module) -> Bits:
    """Every number of a model as the integer of its bits: NaN equals itself, -0 is not 0."""
    return {name: tensor.detach().view(INTEGERS[tensor.element_size()]).clone()
            for name, tensor in model.named_parameters()}  # fmt: skip


def same(first: Bits, second: Bits) -> bool:
    """Whether all bits are equal."""
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def alike(first: Bits, second: Bits) -> bool:
    """Whether all numbers are equal, where NaN equals every NaN.

    The bits of a NaN are lost where a number is kept in another format than it is stored in.
    """
    return all(
        bool(((tensor == second[name]) | (_is_nan(tensor) & _is_nan(second[name]))).all())
        for name, tensor in first.items()
    )


def _is_nan(integers: torch.Tensor) -> torch.Tensor:
    floats = {2: torch.float16, 4: torch.float32, 8: torch.float64}
    return integers.view(floats[integers.element_size()]).isnan()


def own_format(units: type[Units], model: nn.Module) -> Units:
    """Units in the format of the model's tensors, where they have a format."""
    if "format" not in units.parameters():
        return units()
    cls: Any = units
    return cls(format=str(next(model.parameters()).dtype).removeprefix("torch."))


def chosen(intact: Bits, marks: Bits, single_bits: bool) -> Bits:
    """The bits that belong to destroyed units, from a model whose destroyed units are marked."""
    differing = {name: intact[name] ^ marks[name] for name in intact}
    if single_bits:
        return differing
    return {name: -(mask != 0).to(mask.dtype) for name, mask in differing.items()}


def mixed(intact: Bits, whole: Bits, mask: Bits) -> Bits:
    """Intact numbers with the bits of the mask from others."""
    return {name: (intact[name] & ~mask[name]) | (whole[name] & mask[name]) for name in intact}


def is_restored(subject: Subject, lesion: Lesion) -> None:
    """Fail unless every bit comes back on leaving, also after an error."""
    before = subject.bits()
    subject.at(lesion, 0.3, 1.0)
    require(same(before, subject.bits()), "A bit of the model is not restored.")
    try:
        with subject.opened(lesion) as wound:
            wound.deepen(0.7)
            raise KeyError
    except KeyError:
        require(same(before, subject.bits()), "After an error a bit is not restored.")


def digests(
    entry: list[Any], source: str, head: str, kind: str, units: Sequence[str]
) -> dict[str, str]:
    """Digests of a model's bits at dose 0.4 of a lesion with an entry, by the word of its units."""
    subject, made = Subject.of(source, head, ()), {}
    for word in units:
        lesion = Lesion(word, **{kind: described(entry)}, name="check", seed=3)
        hashed = hashlib.blake2b(digest_size=16)
        for tensor in subject.at(lesion, 0.4, draw=2).values():
            hashed.update(tensor.numpy().tobytes())
        made[word] = hashed.hexdigest()
    return made


def another_process_makes_the_same(
    subject: Subject, description: list[Any], kind: str, units: Sequence[str], measures: bool
) -> None:
    """Fail unless another process makes the same damage.

    Args:
        description: of the entry, see `lesion.testing.surroundings.description`.
        kind: "effect" or "order".
        units: words of units.
        measures: whether something is measured on examples. Sums then depend on the number of
            threads, which is another one there otherwise.
    """
    if not subject.source:
        raise SkippedError("another process cannot load a model in memory: give its folder")
    threads = torch.get_num_threads() + (not measures)
    code = (
        f"import torch; torch.set_num_threads({threads})\n"
        "from lesion.testing.probe import digests\n"
        "print(json.dumps(digests(*arguments)))"
    )
    given = (description, subject.source, subject.head, kind, list(units))
    there = json.loads(in_another_process(code, *given))
    differing = [word for word, local in digests(*given).items() if there[word] != local]
    require(not differing, f"Another process damages {', '.join(differing)} in another way.")

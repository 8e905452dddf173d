"""The contract of units: populations, and the entries of tensors that each unit owns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import nn

from lesion.damage.lesion import Lesion
from lesion.damage.population import Population
from lesion.damage.unit_base import Units
from lesion.errors import LesionError
from lesion.testing import probe
from lesion.testing.entries import entry_checks, made
from lesion.testing.probe import HEAD, Subject, marked, same
from lesion.testing.results import Options, Result, SkippedError, require, run_checks


def check_units(
    units: Units | type[Units],
    *,
    model: str | Path | nn.Module = "",
    head: str = HEAD,
    examples: Sequence[Any] = (),
    **options: Unpack[Options],
) -> list[Result]:
    """Check units on a model.

    Args:
        units: an object, or a class that is made with the parameters of its `example`.
        model: a source, or a model in memory. Default: a tiny random BERT.
        head: with which a source is loaded.
        examples: model inputs, for the mean of activations. Default: made up.
        options: see `lesion.testing.results.Options`.

    Raises:
        ContractError: if a check failed.
    """
    suite = _Suite(made(units), Subject.of(model, head, examples))
    checks = {
        **entry_checks(suite.units, Units),
        "populations have addresses of their own": suite.addresses_differ,
        "every unit owns numbers, and no number belongs to two": suite.numbers_belong_to_one,
        "a destroyed unit is destroyed in all that it owns": suite.units_go_as_a_whole,
        "weight and bias can be reached alone": suite.tensors_can_be_chosen,
        "its default effect and the mean can be opened": suite.effects_can_be_opened,
        "every bit is restored": lambda: probe.is_restored(suite.subject, suite.lesion),
    }
    return run_checks(f"Units {suite.units.word}", checks, **options)


class _Suite:
    def __init__(self, units: Units, subject: Subject) -> None:
        self.units, self.subject = units, subject
        self.lesion = Lesion(units)

    def populations(self) -> Iterator[Population]:
        """Those of one lesion, while it is open."""
        with self.subject.opened(marked(self.lesion)) as wound:
            yield from wound.lesions[0].populations

    def addresses_differ(self) -> None:
        counted = Counter(population.address for population in self.populations())
        twice = [address for address, number in counted.items() if number > 1]
        require(counted, "There is no population.")
        require(not twice, f"Populations share the address {twice[:1]}.")

    def numbers_belong_to_one(self) -> None:
        for population in self.populations():
            if population.bit_selection is not None:
                raise SkippedError("several bits have one number")
            owns = torch.zeros(population.count, dtype=torch.bool)
            for owned in population.tensors:
                sums = owned.sum_by_unit(torch.ones_like(owned.tensor), population.count)
                owns |= sums > 0
                every = owned.owned(torch.arange(population.count)).sum()
                twice = int(sums.sum()) > int(every)
                require(not twice, f"{population.name}: a number belongs to two units.")
            require(owns.all(), f"{population.name}: a unit owns nothing.")

    def units_go_as_a_whole(self) -> None:
        """Marks at half of the dose, read from the tensors: each unit has all or none."""
        with self.subject.opened(marked(self.lesion)) as wound:
            wound.deepen(0.5)
            for population in wound.lesions[0].populations:
                if population.bit_selection is not None:
                    raise SkippedError("several bits have one number")
                for owned in population.tensors:
                    ones = torch.ones_like(owned.tensor)
                    size = owned.sum_by_unit(ones, population.count)
                    marks = owned.tensor.detach().isnan().float()
                    hit = owned.sum_by_unit(marks, population.count)
                    whole = (hit == 0) | (hit == size)
                    require(whole.all(), f"{population.name}: a unit is destroyed in part.")

    def tensors_can_be_chosen(self) -> None:
        intact = self.subject.bits()
        for kind in ("weight", "bias"):
            lesion = marked(Lesion(self.units, tensors=(kind,)))
            try:
                after = self.subject.at(lesion, 1.0)
            except LesionError:
                continue  # they own none
            other = {"weight": ".bias", "bias": ".weight"}[kind]
            hit = [name for name in after if name.endswith(other)
                   and not torch.equal(after[name], intact[name])]  # fmt: skip
            require(not hit, f"tensors: {kind} reaches {', '.join(hit[:3])}.")

    def effects_can_be_opened(self) -> None:
        before = self.subject.bits()
        at_default = self.subject.at(self.lesion, 1.0)
        require(not same(before, at_default), "The default effect changes nothing.")
        if self.units.effects_need == "values":
            self.subject.at(Lesion(self.units, effect="mean"), 1.0)

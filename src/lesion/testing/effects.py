"""The contract of an effect: what becomes of destroyed units of every kind that takes it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import nn

from lesion.damage.effects import Effect
from lesion.damage.lesion import Lesion
from lesion.damage.unit_base import Units
from lesion.damage.units import UNITS
from lesion.errors import LesionError
from lesion.testing import probe
from lesion.testing.entries import entry_checks, made
from lesion.testing.probe import DOSES, HEAD, Subject, chosen, marked, mixed, own_format, same
from lesion.testing.results import Options, Result, SkippedError, require, run_checks
from lesion.testing.surroundings import description, untouched_generators


def check_effect(
    effect: Effect | type[Effect],
    *,
    model: str | Path | nn.Module = "",
    head: str = HEAD,
    units: Sequence[str] = (),
    orders: Sequence[str] = ("random",),
    scopes: Sequence[str] = ("site",),
    examples: Sequence[Any] = (),
    **options: Unpack[Options],
) -> list[Result]:
    """Check an effect on a model.

    Args:
        effect: an object, or a class that is made with the parameters of its `example`.
        model: a source, or a model in memory. Default: a tiny random BERT.
        head: with which a source is loaded.
        units: words of units. Default: all that take the effect and are possible in the model.
        orders, scopes: words of those under which doses are taken.
        examples: model inputs, for effects that measure activations. Default: made up.
        options: see `lesion.testing.results.Options`.

    Raises:
        ContractError: if a check failed.
    """
    suite = _Suite(made(effect), Subject.of(model, head, examples), units, orders, scopes)
    each = suite.with_every_lesion
    checks = {
        **entry_checks(suite.effect, Effect),
        "some units take it": suite.some_units_take_it,
        "it is refused where it says so": suite.is_refused_where_it_says_so,
        "destroyed units and no others take its values": each(suite.destroyed_units_take_values),
        "every bit is restored": each(lambda lesion: probe.is_restored(suite.subject, lesion)),
        "draws differ exactly if it is random": suite.draws_differ_exactly_if_random,
        "a dose can be its strength": suite.dose_can_be_strength,
        "half precision is damaged and restored": suite.half_precision,
        "no global generator is moved": suite.no_global_generator,
        "another process makes the same damage": suite.another_process,
    }
    return run_checks(f"Effect {suite.effect.word}", checks, **options)


class _Suite:
    def __init__(
        self,
        effect: Effect,
        subject: Subject,
        units: Sequence[str],
        orders: Sequence[str],
        scopes: Sequence[str],
    ) -> None:
        self.effect, self.subject = effect, subject
        self.words, self.orders, self.scopes = units or tuple(UNITS), orders, scopes

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The words of the units on which it can be opened."""
        possible = []
        for word in self.words:
            try:
                with self.subject.opened(Lesion(word, effect=self.effect)):
                    possible.append(word)
            except LesionError:
                continue
        return tuple(possible)

    def with_every_lesion(self, check: Callable[[Lesion], None]) -> Callable[[], None]:
        """A check of lesions with the effect, over units, orders and scopes."""

        def run() -> None:
            for units in self.units:
                kind = own_format(_units(units), self.subject.model)
                for order in kind.orders or self.orders:
                    for scope in self.scopes:
                        lesion = Lesion(kind, order, scope, self.effect, name="check")
                        _named(check, lesion, f"units {units}, order {order}, scope {scope}")

        return run

    def some_units_take_it(self) -> None:
        require(self.units, f"None of the units {', '.join(self.words)} takes it.")

    def is_refused_where_it_says_so(self) -> None:
        for what, why in self.effect.refuses.items():
            key, _, word = what.partition(": ")
            given: dict[str, Any] = {key: word} if word else {}
            if not given:
                continue  # a key alone has no value that is known here
            try:
                Lesion(**given, effect=self.effect)
            except LesionError as error:
                require(why in str(error), f"{what} is refused for another reason: {error}")
                continue
            raise AssertionError(f"{what} is not refused.")

    def destroyed_units_take_values(self, lesion: Lesion) -> None:
        """What is destroyed has at every dose the values that it has at dose 1; the rest is intact.

        Which units are destroyed is read from a model in which they are marked. Dose 0 destroys
        nothing, and the way to a dose, up or down, does not matter.
        """
        subject, intact = self.subject, self.subject.bits()
        single_bits = lesion.units.effects_need == "on_bits"
        whole = subject.at(lesion, 1.0, draw=1)
        masks = {}
        with subject.opened(marked(lesion), draw=1) as wound:
            for dose in DOSES:
                wound.deepen(dose)
                masks[dose] = chosen(intact, subject.bits(), single_bits)
        with subject.opened(lesion, draw=1) as wound:
            for dose in (*DOSES, *DOSES[1:3]):
                wound.deepen(dose)
                now, expected = subject.bits(), mixed(intact, whole, masks[dose])
                wrong = [name for name in now if not torch.equal(now[name], expected[name])]
                require(not wrong, f"Dose {dose} leaves other numbers in {', '.join(wrong[:3])}.")

    def draws_differ_exactly_if_random(self) -> None:
        """At dose 1, where no order decides; draws of units with others beside them."""
        for units in self.units:
            if _units(units).effects_need != "values":
                continue
            lesion = Lesion(units, effect=self.effect)
            with self.subject.opened(lesion) as wound:
                populations = [p for open_ in wound.lesions for p in open_.populations]
            if all(population.count < 4 for population in populations):
                continue
            first = self.subject.at(lesion, 1.0)
            draws = (self.subject.at(lesion, 1.0, draw=draw) for draw in range(1, 4))
            differ = any(not same(first, other) for other in draws)
            random = bool(self.effect.random)
            does = "differ" if differ else "do not differ"
            require(differ == random, f"random is {random}, but draws on {units} {does}.")

    def dose_can_be_strength(self) -> None:
        """Both ends of the range of its parameter are taken, and what is beyond is refused."""
        if not self.effect.dose:
            raise SkippedError("it has no strength")
        part = type(self.effect).parameters()[self.effect.dose]
        lesion = Lesion(self.units[0], effect=self.effect, dose_is="strength")
        ends = [(part.low, -1.0), (part.high, 1.0)]
        with self.subject.opened(lesion) as wound:
            for end, step in ends:
                if end is None or not math.isfinite(end):
                    continue
                wound.deepen(end)
                try:
                    wound.deepen(end + step)
                except LesionError:
                    continue
                raise AssertionError(f"Strength {end + step} is taken, which is out of range.")

    def half_precision(self) -> None:
        for dtype in (torch.bfloat16, torch.float16):
            half = copy.deepcopy(self.subject.model).to(dtype)
            subject = Subject("", self.subject.head, half, self.subject.examples)
            for units in self.units:
                lesion = Lesion(units, effect=self.effect)
                probe.is_restored(subject, lesion)
                hit = not same(subject.bits(), subject.at(marked(lesion), 0.4))
                require(hit, f"{units} in {dtype} are not damaged.")

    def no_global_generator(self) -> None:
        for units in self.units:
            with untouched_generators():
                self.subject.at(Lesion(units, effect=self.effect), 0.5)

    def another_process(self) -> None:
        entry = description(self.effect)
        measures = self.effect.needs_activations
        probe.another_process_makes_the_same(self.subject, entry, "effect", self.units, measures)


def _units(word: str) -> type[Units]:
    units: Any = UNITS[word]
    return units


def _named(check: Callable[[Lesion], None], lesion: Lesion, where: str) -> None:
    """A check whose failures name the lesion."""
    try:
        check(lesion)
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error

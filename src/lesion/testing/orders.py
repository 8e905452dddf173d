"""The contract of an order: orderings that are permutations, keys, scopes and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from torch import nn

from lesion.damage.lesion import Lesion
from lesion.damage.orderings import Ordering
from lesion.damage.orders import Order
from lesion.damage.population import Population
from lesion.damage.scopes import SCOPES
from lesion.damage.units import UNITS
from lesion.errors import LesionError
from lesion.testing import probe
from lesion.testing.entries import entry_checks, made
from lesion.testing.probe import DOSES, HEAD, Subject, alike, marked, same
from lesion.testing.results import Options, Result, SkippedError, require, run_checks
from lesion.testing.surroundings import description, untouched_generators

Numbers = Callable[[Population], Any]
Orderings = list[tuple[Population, Ordering]]
FEW = 64  # positions of an ordering whose keys are looked for


def check_order(
    order: Order | type[Order],
    *,
    model: str | Path | nn.Module = "",
    head: str = HEAD,
    units: Sequence[str] = (),
    scopes: Sequence[str] = tuple(SCOPES),
    examples: Sequence[Any] = (),
    ranks_by: Numbers | None = None,
    **options: Unpack[Options],
) -> list[Result]:
    """Check an order on a model.

    Args:
        order: an object, or a class that is made with the parameters of its `example`.
        model: a source, or a model in memory. Default: a tiny random BERT.
        head: with which a source is loaded.
        units: words of units. Default: all that take the order and are possible in the model.
        scopes: words of scopes.
        examples: model inputs with labels, for orders by gradients. Default: made up.
        ranks_by: population -> a number for each unit. Units go in ascending order of it.
        options: see `lesion.testing.results.Options`.

    Raises:
        ContractError: if a check failed.
    """
    suite = _Suite(made(order), Subject.of(model, head, examples), units, scopes, ranks_by)
    checks = {
        **entry_checks(suite.order, Order),
        "some units take it": suite.some_units_take_it,
        "an ordering has every unit once": suite.units_stand_once,
        "keys ascend, and ties go by position": suite.keys_ascend,
        "part of an ordering is that part of the whole": suite.parts_are_of_the_whole,
        "units go in the order of what it ranks by": suite.goes_by_numbers,
        "doses are exact and nested in every scope": suite.doses_are_exact_and_nested,
        "draws differ exactly if it is random": suite.draws_differ_exactly_if_random,
        "ranking changes no weight": suite.ranking_changes_nothing,
        "every bit is restored": suite.every_bit_is_restored,
        "no global generator is moved": suite.no_global_generator,
        "another process makes the same order": suite.another_process,
    }
    return run_checks(f"Order {suite.order.word}", checks, **options)


class _Suite:
    def __init__(
        self,
        order: Order,
        subject: Subject,
        units: Sequence[str],
        scopes: Sequence[str],
        ranks_by: Numbers | None,
    ) -> None:
        self.order, self.subject, self.ranks_by = order, subject, ranks_by
        self.words, self.scopes = units or tuple(UNITS), scopes
        self._orderings: dict[Any, Orderings] = {}
        self.before = subject.bits()

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The words of the units on which it can be opened."""
        possible = []
        for word in self.words:
            try:
                with self.subject.opened(Lesion(word, self.order)):
                    possible.append(word)
            except LesionError:
                continue
        return tuple(possible)

    def lesions(self, scopes: Sequence[str] = ()) -> Iterator[Lesion]:
        """Lesions with the order whose destroyed units are marked."""
        for units in self.units:
            for scope in scopes or self.scopes:
                yield marked(Lesion(units, self.order, scope, name="check"))

    def orderings(self, lesion: Lesion, draw: int = 0) -> Orderings:
        """The populations of a lesion and their orderings, which are made once."""
        key = (lesion.units, lesion.scope, draw)
        if key not in self._orderings:
            self._orderings[key] = self.ranked(lesion, draw)
        return self._orderings[key]

    def ranked(self, lesion: Lesion, draw: int = 0) -> Orderings:
        """The populations of a lesion and their orderings, made anew."""
        with self.subject.opened(lesion, draw) as wound:
            (opened,) = wound.lesions
            return [(population, opened.orderings[number])
                    for number, population in enumerate(opened.populations)]  # fmt: skip

    def some_units_take_it(self) -> None:
        require(self.units, f"None of the units {', '.join(self.words)} takes it.")

    def units_stand_once(self) -> None:
        for lesion in self.lesions():
            for population, ordering in self.orderings(lesion):
                units = ordering.units(0, ordering.count)
                require(len(units) == ordering.count, f"{_place(lesion, population)}: units lack.")
                once = len(np.unique(units)) == len(units)
                require(once, f"{_place(lesion, population)}: a unit stands twice.")
                inside = not len(units) or int(units.max()) < population.count
                require(inside, f"{_place(lesion, population)}: there is no such unit.")

    def keys_ascend(self) -> None:
        """Keys are found by halving: `count_below` is all that an ordering tells of them."""
        for lesion in self.lesions():
            for population, ordering in self.orderings(lesion):
                place = _place(lesion, population)
                require(ordering.count_below(0) == 0, f"{place}: a key is below 0.")
                every = ordering.count_below(2**32) == ordering.count
                require(every, f"{place}: not every key is below 2**32.")
                for start, stop in _ties(ordering):
                    tied = ordering.units(start, stop)
                    ascending = bool((np.diff(tied.astype(np.int64)) > 0).all())
                    require(ascending or _is_listed(ordering), f"{place}: ties are out of order.")

    def parts_are_of_the_whole(self) -> None:
        for lesion in self.lesions():
            for population, ordering in self.orderings(lesion):
                whole, count = ordering.units(0, ordering.count), ordering.count
                borders = [0, count // 5, count // 5, count // 2, count]
                parts = [ordering.units(start, stop) for start, stop in pairwise(borders)]
                equal = np.array_equal(np.concatenate(parts), whole)
                require(equal, f"{_place(lesion, population)}: parts differ from the whole.")

    def goes_by_numbers(self) -> None:
        if self.ranks_by is None:
            raise SkippedError("give ranks_by, the numbers by which it ranks")
        for lesion in self.lesions():
            for population, ordering in self.orderings(lesion):
                numbers = np.asarray(self.ranks_by(population), np.float32)
                units = ordering.units(0, ordering.count).astype(np.int64)
                falls = np.flatnonzero(np.diff(numbers[units]) < 0)
                require(not len(falls), f"{_place(lesion, population)}: numbers fall.")

    def doses_are_exact_and_nested(self) -> None:
        """Read from the weights: round(dose * n) units of what is ordered together are hit.

        What is hit at a dose is hit at every larger one, and the way to a dose does not matter.
        """
        for lesion in self.lesions():
            groups = lesion.scope.groups([population for population, _ in self.orderings(lesion)])
            intact, states = self.subject.bits(), []
            with self.subject.opened(lesion) as wound:
                (opened,) = wound.lesions
                for dose in DOSES:
                    wound.deepen(dose)
                    counts = _destroyed(opened.populations, wound.intact)
                    totals = [opened.orderings[number].count for number in range(len(counts))]
                    _check_counts(lesion, dose, groups, totals, counts)
                    states.append(self.subject.bits())
                wound.deepen(DOSES[2])
                require(alike(self.subject.bits(), states[2]), "The way to a dose matters.")
            for less, more in pairwise(states):
                for name, tensor in intact.items():
                    healed = (less[name] ^ tensor) & ~(more[name] ^ tensor)
                    kept = not bool(healed.any())
                    require(kept, f"A larger dose of {lesion.units.word} heals {name}.")

    def draws_differ_exactly_if_random(self) -> None:
        random = bool(self.order.random)
        for units in self.units:
            lesion = Lesion(units, self.order)
            first = self.ranked(lesion)
            if all(ordering.count < 4 for _, ordering in first):
                continue
            others = (self.ranked(lesion, draw) for draw in range(1, 6))
            differ = any(not _are_equal(first, other) for other in others)
            does = "differ" if differ else "do not differ"
            require(differ == random, f"random is {random}, but draws of {units} {does}.")

    def ranking_changes_nothing(self) -> None:
        for lesion in self.lesions(self.scopes[:1]):
            with self.subject.opened(lesion):
                require(same(self.before, self.subject.bits()), "Opening a lesion changes weights.")

    def every_bit_is_restored(self) -> None:
        for lesion in self.lesions(self.scopes[:1]):
            probe.is_restored(self.subject, lesion)

    def no_global_generator(self) -> None:
        for lesion in self.lesions(self.scopes[:1]):
            with untouched_generators():
                self.ranked(lesion)

    def another_process(self) -> None:
        entry = description(self.order)
        measures = bool(self.order.gradients)
        probe.another_process_makes_the_same(self.subject, entry, "order", self.units, measures)


def _place(lesion: Lesion, population: Population) -> str:
    return f"{lesion.units.word} of {population.name}"


def _is_listed(ordering: Ordering) -> bool:
    """Whether its ties go by the lines of a file."""
    return type(ordering).__name__ == "ListedOrdering"


def _ties(ordering: Ordering) -> Iterator[tuple[int, int]]:
    """Stretches of equal keys, at some positions of an ordering."""
    step = max(1, ordering.count // FEW)
    for position in range(0, ordering.count, step):
        low, high = 0, 2**32  # the key at the position is at least low, and below high
        while high - low > 1:
            middle = (low + high) // 2
            if ordering.count_below(middle) > position:
                high = middle
            else:
                low = middle
        yield ordering.count_below(low), ordering.count_below(high)


def _check_counts(
    lesion: Lesion,
    dose: float,
    groups: Sequence[Sequence[int]],
    totals: Sequence[int],
    counts: Sequence[int],
) -> None:
    """Compare the units that are hit with the share of the dose in each group of populations."""
    where = f"units {lesion.units.word}, scope {lesion.scope.word}, dose {dose}"
    for group in groups:
        total = sum(totals[number] for number in group)
        destroyed = sum(counts[number] for number in group)
        message = f"{where}: {destroyed} of {total} are destroyed."
        require(destroyed == round(dose * total), message)


def _destroyed(populations: Sequence[Population], intact: Any) -> list[int]:
    """How many units of each population are marked, counted in the tensors."""
    counts = []
    for population in populations:
        if population.bit_selection is not None:
            (owned,) = population.tensors
            kind = probe.INTEGERS[owned.tensor.element_size()]
            changed = owned.tensor.detach().view(kind) ^ intact[id(owned.tensor)].view(kind)
            integers = changed.numpy().view(f"u{owned.tensor.element_size()}")
            counts.append(int(np.bitwise_count(integers).sum()))
            continue
        marked_units = np.zeros(population.count, bool)
        for owned in population.tensors:
            marks = owned.tensor.detach().isnan().float()
            marked_units |= owned.sum_by_unit(marks, population.count).numpy() > 0
        counts.append(int(marked_units.sum()))
    return counts


def _are_equal(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return all(
        np.array_equal(ordering.units(0, ordering.count), other.units(0, other.count))
        for (_, ordering), (_, other) in zip(first, second, strict=True)
    )

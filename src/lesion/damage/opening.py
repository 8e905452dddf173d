"""Lesions opened on a live model: its units are selected, proven and ordered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn

from lesion.damage.arguments import whole_draw
from lesion.damage.choosing import word_of
from lesion.damage.importance import importances
from lesion.damage.mean_ablation import values_at_mean
from lesion.damage.nesting import standing
from lesion.damage.open_lesion import OpenLesion
from lesion.damage.orders import OrderContext
from lesion.damage.originals import ALWAYS_COPY, Originals
from lesion.damage.proof import prove
from lesion.damage.receipt import Receipt
from lesion.damage.rows import Inputs
from lesion.damage.wound import Wound
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.anatomy import Site
from lesion.models.places import family_of
from lesion.models.stored import memory_format

if TYPE_CHECKING:
    from lesion.damage.lesion import Lesion


@contextmanager
def opened(
    lesions: Sequence[Lesion],
    model: nn.Module,
    draw: int = 0,
    examples: Sequence[Inputs] = (),
    originals: Originals | None = None,
) -> Iterator[Wound]:
    """See `lesion.damage.lesion.Lesion.opened`."""
    family_of(model)  # refuses what is no model, before anything is read of it
    draw = whole_draw(draw)
    with standing(model) as place:
        each = [_open_single(lesion, model, draw, examples) for lesion in lesions]
        wound = Wound(model, each, originals or ALWAYS_COPY)
        place.fill(wound.tensors, wound.leave)
        wound.may_write = place.check
        yield wound


@contextmanager
def applied(
    lesions: Sequence[Lesion],
    model: nn.Module,
    dose: float,
    draw: int = 0,
    examples: Sequence[Inputs] = (),
) -> Iterator[Receipt]:
    """See `lesion.damage.lesion.Lesion.applied`."""
    with opened(lesions, model, draw, examples) as wound:
        yield wound.deepen(dose)


def selected_sites(lesion: Lesion, model: nn.Module) -> list[Site]:
    """The sites of a model that a lesion may reach.

    Raises:
        LesionError: if the model lacks a layer or a part of them.
    """
    parts = lesion.selected_parts or dict.fromkeys(site.part for site in anatomy.sites(model))
    return anatomy.select_sites(model, lesion.layers, tuple(parts))


def _open_single(
    lesion: Lesion, model: nn.Module, draw: int, examples: Sequence[Inputs]
) -> OpenLesion:
    units, order, effect = lesion.units, lesion.order, lesion.effect
    sites = selected_sites(lesion, model)
    stored = memory_format(model)
    populations = units.stored_as(stored).populations(sites, lesion.tensors)
    prove(model, populations)
    effect.check(lesion.name, word_of(units), populations)
    measure, needs_means = order.gradients, effect.needs_activations
    measured = importances(model, populations, examples, measure) if measure else {}
    means = values_at_mean(model, units, populations, examples) if needs_means else {}
    address = (lesion.name, draw if lesion.random else 0)
    context = OrderContext(lesion.seed, address, measured)
    single = OpenLesion(lesion, effect.stored_as(stored), populations, context, means)
    if not single.units:
        listed = "".join(f" that {path} lists" for path in lesion.paths.values())
        raise LesionError(
            f"{lesion.name}: has no targets: {type(model).__name__} has no {word_of(units)} with "
            f"{' or '.join(lesion.tensors)} in {', '.join(lesion.selected_parts or ('any part',))}"
            f"{listed}."
        )
    return single

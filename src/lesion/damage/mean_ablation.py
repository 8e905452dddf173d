"""Mean ablation: what holds the activation of a destroyed unit at its mean, without a hook.

The output of a neuron does not depend on its input once its row of the matrix is 0. Its bias is
then its output: the mean of its outputs on calibration examples, before any activation function.
Units are held as follows (Wang et al. 2023 for heads of language models):

- neurons: row 0, bias the mean output; a column of an embedding table is the mean in every row.
- heads: rows of the value projection 0, their bias the mean input of the output projection.
  Attention weights sum to 1, so the head hands on its mean whatever it attends to.
- dimensions: scale 0 and shift the mean in every norm behind which the residual stream is read.
- layers: attention and MLP each add their mean to the stream.
- weights: the mean of their tensor; words: the mean row of their table. These need no examples.

Means are over all real tokens of all examples, never over padding (`rows.py`). A module that runs
several times (the shared layers of ALBERT) has one mean over all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from lesion.damage.population import Population, UnitTensor
from lesion.damage.rows import Inputs, eval_mode, rows
from lesion.errors import LesionError
from lesion.models.anatomy import Site

if TYPE_CHECKING:
    from lesion.damage.units import Units

ModuleSide = tuple[Site, str]  # where an activation is measured: "in" or "out" of a module


def values_at_mean(
    model: nn.Module, units: Units, populations: Sequence[Population], examples: Sequence[Inputs]
) -> dict[int, torch.Tensor]:
    """What holds units at their means: id of a `UnitTensor` -> values that fit its tensor.

    A tensor that is not in the result stays as it is.

    Args:
        examples: model inputs, one or more rows each; attention_mask marks padding.

    Raises:
        LesionError: if there are no examples, or no bias that could hold the means.
    """
    if not units.mean_needs_examples:
        return {id(owned): units.mean(owned) for population in populations
                for owned in population.tensors}  # fmt: skip
    pairs = [pair for population in populations for pair in units.activations(model, population)]
    means = mean_activations(model, [side for _, side in pairs], examples)
    return {
        id(owned): _value(owned, mean)
        for (tensors, _), mean in zip(pairs, means, strict=True)
        for owned in tensors
    }


def _value(owned: UnitTensor, mean: torch.Tensor) -> torch.Tensor:
    """A bias is the mean, and so is every row of a table; a matrix is 0."""
    dtype = owned.tensor.dtype
    if owned.site is not None and is_table(owned.site):
        return mean.to(dtype).expand_as(owned.tensor)
    return mean.to(dtype) if owned.tensor_kind == "bias" else owned.tensor.new_zeros(())


def is_table(site: Site) -> bool:
    """Whether a site is a table of embeddings, whose output is a row."""
    return isinstance(site.module, nn.Embedding)


def is_projection(site: Site) -> bool:
    """Whether a site is a matrix with a bias of its own class, such as the one behind a table."""
    return isinstance(site.module, nn.Linear)


def require_weight_and_bias(
    model: nn.Module, site: Site, tensors: Sequence[UnitTensor], units: str
) -> None:
    """A mean stands in a bias, and the matrix before it must be there to be 0.

    Raises:
        LesionError: if the site lacks one of them, or the lesion does not reach both.
    """
    for kind in ("bias", "weight"):
        if getattr(site, kind) is None:
            raise LesionError(
                f"effect mean: {site.name} of {type(model).__name__} has no {kind} of its own, "
                f"so the mean of its {units} cannot be held. Take effect zero, or other parts."
            )
    if len(tensors) < 2:
        raise LesionError(
            f"effect mean: of {units} it takes weight and bias. Leave where.tensors out."
        )


def mean_activations(
    model: nn.Module, sides: Sequence[ModuleSide], examples: Sequence[Inputs]
) -> list[torch.Tensor]:
    """Mean activation at each side of a module, over all real tokens: float64 (units of the site,).

    Raises:
        LesionError: without examples, or for a module that does not run on them.
    """
    if not examples:
        raise LesionError("effect mean: needs calibration examples to take the mean over.")
    sums: dict[tuple[nn.Module, str], torch.Tensor] = {}
    tokens: dict[tuple[nn.Module, str], int] = {}
    with (
        eval_mode(model),
        _accumulating({(site.module, side) for site, side in sides}, sums, tokens),
        torch.no_grad(),
    ):
        for inputs in rows(model, examples):
            model(**inputs)
    means = []
    for site, side in sides:
        if (site.module, side) not in sums:
            raise LesionError(f"effect mean: {site.name} is not run on the calibration examples.")
        mean = sums[site.module, side] / tokens[site.module, side]
        if site.block is not None and side == "out":
            size = len(mean) // site.block[1]
            mean = mean.narrow(0, site.block[0] * size, size)
        means.append(mean)
    return means


@contextmanager
def _accumulating(
    sides: set[tuple[nn.Module, str]],
    sums: dict[tuple[nn.Module, str], torch.Tensor],
    tokens: dict[tuple[nn.Module, str], int],
) -> Iterator[None]:
    """Add up activations while the block runs; the hooks are removed afterwards."""

    def add(key: tuple[nn.Module, str], value: torch.Tensor) -> None:
        channels = 1 if isinstance(key[0], nn.Conv1d) else -1
        vectors = value.detach().double().movedim(channels, -1).flatten(0, -2)
        sums[key] = sums.get(key, 0) + vectors.sum(0)
        tokens[key] = tokens.get(key, 0) + len(vectors)

    def watch(side: str, module: nn.Module, given: tuple, made: torch.Tensor) -> None:
        add((module, side), given[0] if side == "in" else made)

    hooks = [module.register_forward_hook(partial(watch, side)) for module, side in sides]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

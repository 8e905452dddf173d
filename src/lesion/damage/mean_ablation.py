"""Mean ablation: what holds the activation of a destroyed unit at its mean, without a hook.

A neuron's output no longer depends on its input once its row of the matrix is 0, and its bias is
then what it always says: the mean of what it said on calibration examples, before any activation
function. So are held (Wang et al. 2023 for heads of language models):

- neurons: row 0, bias the mean output; a column of an embedding table is the mean all through.
- heads: the same for their rows of the value projection, with the mean that reaches the output
  projection. Attention weights sum to 1, so that whatever is attended to, the head says its mean.
- dimensions: where everything reads the residual stream, behind its norms: scale 0, shift the mean.
- layers: what attention and MLP add to the stream, each its mean.
- weights: the mean of their tensor; words: the mean row of their table. These need no examples.

Means are over all real tokens of all examples, never over padding (`rows.py`). A module that runs
several times (the shared layers of ALBERT) has one mean over all.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from lesion.damage.rows import Inputs, evaluating, rows
from lesion.damage.units import Population, Span
from lesion.errors import LesionError
from lesion.models.anatomy import Site

Place = tuple[Site, str]  # a module's side: "in" or "out"
UNMEASURED = ("weights", "words")


def means(
    model: nn.Module, units: str, populations: Sequence[Population], examples: Sequence[Inputs]
) -> dict[int, torch.Tensor]:
    """What holds units at their means: id of a span -> values that fit its tensor.

    A span that is not there stays as it is.

    Args:
        units: a word of `lesion.words`.
        examples: model inputs, one or more rows each; padding is told by attention_mask.

    Raises:
        LesionError: if there are no examples, or no bias that could hold the means.
    """
    spans = [span for one in populations for span in one.spans]
    if units == "weights":
        return {id(span): span.tensor.double().mean().to(span.tensor.dtype) for span in spans}
    if units == "words":
        return {id(span): _rows(span, span.tensor.double().mean(0)) for span in spans}
    held = [pair for one in populations for pair in _PLANS[units](model, one)]
    found = measured(model, [place for _, place in held], examples)
    return {
        id(span): _values(span, mean)
        for (part, _), mean in zip(held, found, strict=True)
        for span in part
    }


def _values(span: Span, mean: torch.Tensor) -> torch.Tensor:
    if span.site is not None and isinstance(span.site.module, nn.Embedding):
        return _rows(span, mean)
    return mean.to(span.tensor.dtype) if span.kind == "bias" else span.tensor.new_zeros(())


def _rows(span: Span, mean: torch.Tensor) -> torch.Tensor:
    return mean.to(span.tensor.dtype).expand_as(span.tensor)


Plan = Iterator[tuple[list[Span], Place]]


def _neurons(model: nn.Module, one: Population) -> Plan:
    for site, spans in _by_site(one):
        if not isinstance(site.module, nn.Embedding):
            _need_both(model, site, spans, "neurons")
        yield spans, (site, "out")


def _heads(model: nn.Module, one: Population) -> Plan:
    found = {site.part: (site, spans) for site, spans in _by_site(one)}
    if not {"value", "attention_output"} <= set(found):
        raise LesionError(
            "effect mean: the mean of a head is what its value projection hands to the output "
            "projection: where.parts must hold both, with as many heads. Layer "
            f"{one.layer} of {type(model).__name__} has it in {', '.join(found) or 'none'}."
        )
    site, spans = found["value"]
    _need_both(model, site, spans, "heads")
    yield spans, (found["attention_output"][0], "in")


def _dimensions(model: nn.Module, one: Population) -> Plan:
    held = [
        (site, spans)
        for site, spans in _by_site(one)
        if site.part == "norms"
        or (site.part == "embeddings" and isinstance(site.module, nn.Linear) and len(spans) == 2)
    ]
    if all(site.part != "norms" for site, _ in held):
        raise LesionError(
            "effect mean: dimensions are held behind the norms, through which everything reads "
            "them. Add norms to where.parts."
        )
    for site, spans in held:
        _need_both(model, site, spans, "dimensions")
        yield spans, (site, "out")


def _layers(model: nn.Module, one: Population) -> Plan:
    for site, spans in _by_site(one):
        _need_both(model, site, spans, "layers")
        yield spans, (site, "out")


_PLANS: dict[str, Callable[[nn.Module, Population], Plan]] = {
    "neurons": _neurons,
    "heads": _heads,
    "dimensions": _dimensions,
    "layers": _layers,
}


def _by_site(one: Population) -> list[tuple[Site, list[Span]]]:
    found: dict[Site, list[Span]] = {}
    for span in one.spans:
        assert span.site is not None, "units of a model are at sites"
        found.setdefault(span.site, []).append(span)
    return list(found.items())


def _need_both(model: nn.Module, site: Site, spans: Sequence[Span], units: str) -> None:
    """A mean stands in a bias, and the matrix before it must be there to be silenced."""
    for kind in ("bias", "weight"):
        if getattr(site, kind) is None:
            raise LesionError(
                f"effect mean: {site.name} of {type(model).__name__} has no {kind} of its own, "
                f"so the mean of its {units} cannot be held. Take effect zero, or other parts."
            )
    if len(spans) < 2:
        raise LesionError(
            f"effect mean: of {units} it takes weight and bias. Leave where.tensors out."
        )


def measured(
    model: nn.Module, places: Sequence[Place], examples: Sequence[Inputs]
) -> list[torch.Tensor]:
    """Mean activation at each place over all real tokens: float64 (units of the site,).

    Raises:
        LesionError: without examples, or for a module that does not run on them.
    """
    if not examples:
        raise LesionError("effect mean: needs calibration examples to take the mean over.")
    sums: dict[tuple[nn.Module, str], torch.Tensor] = {}
    tokens: dict[tuple[nn.Module, str], int] = {}
    with (
        evaluating(model),
        _watched({(site.module, side) for site, side in places}, sums, tokens),
        torch.no_grad(),
    ):
        for inputs in rows(model, examples):
            model(**inputs)
    found = []
    for site, side in places:
        if (site.module, side) not in sums:
            raise LesionError(f"effect mean: {site.name} does nothing on the calibration examples.")
        mean = sums[site.module, side] / tokens[site.module, side]
        if site.block is not None and side == "out":
            size = len(mean) // site.block[1]
            mean = mean.narrow(0, site.block[0] * size, size)
        found.append(mean)
    return found


@contextmanager
def _watched(
    sides: set[tuple[nn.Module, str]],
    sums: dict[tuple[nn.Module, str], torch.Tensor],
    tokens: dict[tuple[nn.Module, str], int],
) -> Iterator[None]:
    """Add up what passes while the block runs; the hooks are gone afterwards."""

    def add(key: tuple[nn.Module, str], value: torch.Tensor) -> None:
        channels = 1 if isinstance(key[0], nn.Conv1d) else -1
        said = value.detach().double().movedim(channels, -1).flatten(0, -2)
        sums[key] = sums.get(key, 0) + said.sum(0)
        tokens[key] = tokens.get(key, 0) + len(said)

    def watch(side: str, module: nn.Module, given: tuple, made: torch.Tensor) -> None:
        add((module, side), given[0] if side == "in" else made)

    hooks = [module.register_forward_hook(partial(watch, side)) for module, side in sides]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()

"""A model run block by block: embeddings, layers of attention and MLP, a head.

BERT and its relatives are one function. Where a family keeps its modules, and how its arithmetic
differs, is in its `Family` (`lesion.models.families`).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from lesion.models.families import FAMILIES, find_family
from lesion.models.families.base import Family, FastForward
from lesion.scoring.compact import Attention, Mlp

Inputs = Mapping[str, torch.Tensor]


class Encoder(NamedTuple):
    """A model as embeddings, layers, a head and an output layer; all read the live parameters.

    Attributes:
        embed: padded inputs -> (rows, tokens, width).
        embedding_modules: the modules whose parameters `embed` and `bias` read.
        layers: the two blocks of each.
        head: (rows, positions, width) -> logits (rows, classes), or the input of `output`.
        output: the layer of a masked model that has a row for each token of the vocabulary; None
            for a classifier.
        bias: length -> what is added to the scores, (1, heads, length, length); None for nothing.
    """

    embed: Callable[[Inputs], torch.Tensor]
    embedding_modules: tuple[nn.Module, ...]
    layers: tuple[tuple[Attention, Mlp], ...]
    head: Callable[[torch.Tensor], torch.Tensor]
    output: nn.Linear | None
    bias: Callable[[int], torch.Tensor] | None

    def logits(self, states: torch.Tensor, token_ids: torch.Tensor | None = None) -> torch.Tensor:
        """(rows, positions, width) -> (rows, classes) or (rows, positions, vocabulary or n).

        Args:
            states: outputs of the last layer at the positions that the head reads.
            token_ids: int64 (rows, n), the candidates of each row; None for the vocabulary.
        """
        logits = self.head(states)
        if self.output is None:
            return logits
        if token_ids is None:
            every: torch.Tensor = self.output(logits)
            return every
        return logits @ self.output.weight[token_ids].mT + self.output.bias[token_ids][:, None]


def encoder_of(model: nn.Module, head: str) -> Encoder | str:
    """The model block by block, or the reason why it must be run as a whole.

    Args:
        head: what the task needs, "classification" or "mlm".
    """
    config: Any = model.config
    family = find_family(config.model_type)
    if family is None or family.fast is None or head not in family.fast.heads:
        return f"{config.model_type} with a {head} head has no fast forward"
    fast = family.fast
    if getattr(config, "is_decoder", False) or not fast.is_standard(config):
        return f"{type(model).__name__} has options that the fast forward does not support"
    if any(parameter.dtype != torch.float32 for parameter in model.parameters()):
        return "the fast forward is for float32"
    built_in = FAMILIES.get(config.model_type) is family  # a package's describes its own classes
    if built_in and (own := _own_class(model)):
        return f"{own} is not a class of transformers, and may compute something else"
    base: Any = model.base_model
    layers = [_layer(base, config, family, fast, number) for number in range(_depth(config))]
    output = model.get_output_embeddings() if head == "mlm" else None  # type: ignore[operator]
    if any(layer is None for layer in layers) or type(output) not in (nn.Linear, type(None)):
        return f"{type(model).__name__} has modules that the fast forward does not support"
    return Encoder(
        embed=partial(fast.embed, base),
        embedding_modules=_embedding_modules(base, family),
        layers=tuple(layer for layer in layers if layer is not None),
        head=partial(fast.heads[head], model),
        output=output,
        bias=partial(fast.bias, base) if fast.bias else None,
    )


def _own_class(model: nn.Module) -> str:
    """The first class of its modules that neither transformers nor torch defines; "" for none."""
    for module in model.modules():
        kind = type(module)
        if kind.__module__.partition(".")[0] not in ("transformers", "torch"):
            return kind.__name__
    return ""


def _embedding_modules(base: Any, family: Family) -> tuple[nn.Module, ...]:
    paths = (path for part in ("embeddings", "norms") for path in family.body[part])
    modules = (_module(base, path) for path in paths if "{n}" not in path)
    return tuple(module for module in modules if module is not None)


def _depth(config: Any) -> int:
    return int(config.num_hidden_layers)


def _layer(
    base: Any, config: Any, family: Family, fast: FastForward, number: int
) -> tuple[Attention, Mlp] | None:
    """The blocks of a layer, if they are made of plain modules. Layers may share one set."""
    number = number * int(getattr(config, family.layers)) // _depth(config)
    parts = ("query", "key", "value", "attention_output", "mlp_in", "mlp_out")
    linear = [_module(base, family.body[part][0].replace("{n}", str(number))) for part in parts]
    paths = [path.replace("{n}", str(number)) for path in family.body["norms"] if "{n}" in path]
    norms = [_module(base, path) for path in paths]
    plain = all(type(module) is nn.Linear and module.bias is not None for module in linear)
    if not plain or [type(norm) for norm in norms] != [nn.LayerNorm, nn.LayerNorm]:
        return None
    query, key, value, output, inner, outer = linear
    first, second = norms
    return (
        Attention(query, key, value, output, first, int(config.num_attention_heads)),  # type: ignore[arg-type]
        Mlp(inner, outer, second, fast.activation(config)),  # type: ignore[arg-type]
    )


def _module(root: Any, path: str) -> nn.Module | None:
    try:
        module: nn.Module = root.get_submodule(path)
    except AttributeError:
        return None
    return module

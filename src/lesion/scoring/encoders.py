"""Which models can be run block by block, and how: a literal table of the post-norm encoders.

BERT and its relatives are one function: embeddings, then layers of attention and MLP, each added to
the stream and normalised, then a head. Where a family keeps its modules is said by
`lesion.models.families`; here stands only what differs in the arithmetic.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from transformers.activations import ACT2FN

from lesion.models.families import FAMILIES
from lesion.scoring.blocks import Attention, Mlp

Inputs = Mapping[str, torch.Tensor]
Head = Callable[[Any, torch.Tensor], torch.Tensor]


class Encoder(NamedTuple):
    """A model as embeddings, layers, a head and an output layer; all read the live parameters.

    Attributes:
        embed: padded inputs -> (rows, tokens, width).
        below: the modules whose parameters `embed` and `bias` read.
        layers: the two blocks of each.
        head: (rows, reads, width) -> logits (rows, classes), or what `output` takes.
        output: the layer of a masked model that has a row for each word; None for a classifier.
        bias: length -> what is added to the scores, (1, heads, length, length); None for nothing.
    """

    embed: Callable[[Inputs], torch.Tensor]
    below: tuple[nn.Module, ...]
    layers: tuple[tuple[Attention, Mlp], ...]
    head: Callable[[torch.Tensor], torch.Tensor]
    output: nn.Linear | None
    bias: Callable[[int], torch.Tensor] | None

    def logits(self, states: torch.Tensor, words: torch.Tensor | None = None) -> torch.Tensor:
        """(rows, reads, width) -> (rows, classes) or (rows, reads, words).

        Args:
            states: what the last layer says at the places that are read.
            words: int64 (rows, n), those that are asked of each row; None for all.
        """
        found = self.head(states)
        if self.output is None:
            return found
        if words is None:
            every: torch.Tensor = self.output(found)
            return every
        return found @ self.output.weight[words].mT + self.output.bias[words][:, None]


class Kind(NamedTuple):
    """An entry of `KINDS`.

    Attributes:
        embed: base model, inputs -> embedded tokens.
        heads: kind of head -> model, states at the places that are read -> logits of classes, or
            what the output layer of a masked model takes.
        activation: configuration -> that of the MLP.
        bias: base model, length -> what is added to the scores.
        plain: configuration -> whether the model is such an encoder, without special options.
    """

    embed: Callable[[Any, Inputs], torch.Tensor]
    heads: dict[str, Head]
    activation: Callable[[Any], Any] = lambda config: ACT2FN[config.hidden_act]
    bias: Callable[[Any, int], torch.Tensor] | None = None
    plain: Callable[[Any], bool] = lambda config: True


def _embeddings(base: Any, inputs: Inputs) -> torch.Tensor:
    named = {key: inputs[key] for key in ("input_ids", "token_type_ids") if key in inputs}
    found: torch.Tensor = base.embeddings(**named)
    return found


def _widened(base: Any, inputs: Inputs) -> torch.Tensor:
    found = _embeddings(base, inputs)
    return base.embeddings_project(found) if hasattr(base, "embeddings_project") else found


def _xlm_embeddings(base: Any, inputs: Inputs) -> torch.Tensor:
    ids = inputs["input_ids"]
    found = base.embeddings(ids) + base.position_embeddings(base.position_ids[:, : ids.shape[1]])
    if "langs" in inputs and base.use_lang_emb and base.n_langs > 1:
        found = found + base.lang_embeddings(inputs["langs"])
    normed: torch.Tensor = base.layer_norm_emb(found)
    return normed


def _distances(base: Any, length: int) -> torch.Tensor:
    """MPNet's bias by the distance of two places."""
    table = base.encoder.relative_attention_bias.weight
    found: torch.Tensor = base.encoder.compute_position_bias(table.new_empty(1, length, 1))
    return found


def _distilbert_classes(model: Any, states: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = model.classifier(functional.relu(model.pre_classifier(states[:, 0])))
    return found


def _distilbert_words(model: Any, states: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = model.vocab_layer_norm(model.activation(model.vocab_transform(states)))
    return found


def _roberta_words(model: Any, states: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = model.lm_head.layer_norm(functional.gelu(model.lm_head.dense(states)))
    return found


def _albert_classes(model: Any, states: torch.Tensor) -> torch.Tensor:
    base = model.albert
    found: torch.Tensor = model.classifier(base.pooler_activation(base.pooler(states[:, 0])))
    return found


def _albert_words(model: Any, states: torch.Tensor) -> torch.Tensor:
    head = model.predictions
    found: torch.Tensor = head.LayerNorm(head.activation(head.dense(states)))
    return found


_BERT = Kind(
    _embeddings,
    {
        "classification": lambda model, states: model.classifier(model.bert.pooler(states)),
        "mlm": lambda model, states: model.cls.predictions.transform(states),
    },
)
_ROBERTA = Kind(
    _embeddings,
    {
        "classification": lambda model, states: model.classifier(states),
        "mlm": _roberta_words,
    },
)
KINDS: dict[str, Kind] = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "electra": Kind(
        _widened,
        {
            "classification": lambda model, states: model.classifier(states),
            "mlm": lambda model, states: model.generator_predictions(states),
        },
    ),
    "distilbert": Kind(
        _embeddings,
        {"classification": _distilbert_classes, "mlm": _distilbert_words},
        activation=lambda config: ACT2FN[config.activation],
    ),
    "albert": Kind(
        lambda base, inputs: base.encoder.embedding_hidden_mapping_in(_embeddings(base, inputs)),
        {
            "classification": _albert_classes,
            "mlm": _albert_words,
        },
        plain=lambda config: config.inner_group_num == 1,
    ),
    "mpnet": Kind(_embeddings, _ROBERTA.heads, bias=_distances),
    "xlm": Kind(
        _xlm_embeddings,
        {
            "classification": lambda model, states: model.sequence_summary(states),
            "mlm": lambda model, states: states,
        },
        activation=lambda config: functional.gelu if config.gelu_activation else functional.relu,
        plain=lambda config: (
            not config.causal and not config.asm and config.summary_type == "first"
        ),
    ),
}


def encoder_of(model: nn.Module, head: str) -> Encoder | str:
    """The model block by block, or why it must be run as a whole.

    Args:
        head: what the task needs, "classification" or "mlm".
    """
    config: Any = model.config
    kind = KINDS.get(config.model_type)
    if kind is None or head not in kind.heads:
        return f"{config.model_type} with a {head} head has no fast forward"
    if getattr(config, "is_decoder", False) or not kind.plain(config):
        return f"{type(model).__name__} has options that the fast forward does not know"
    if any(parameter.dtype != torch.float32 for parameter in model.parameters()):
        return "the fast forward is for float32"
    if own := _own_class(model):
        return f"{own} is not a class of transformers, and may compute something else"
    base: Any = model.base_model
    body = FAMILIES[config.model_type].body
    below = (path for part in ("embeddings", "norms") for path in body[part] if "{n}" not in path)
    modules = (_module(base, path) for path in below)
    layers = tuple(_layer(base, config, kind, number) for number in range(_depth(config)))
    output = model.get_output_embeddings() if head == "mlm" else None  # type: ignore[operator]
    if any(layer is None for layer in layers) or type(output) not in (nn.Linear, type(None)):
        return f"{type(model).__name__} has modules that the fast forward does not know"
    return Encoder(
        embed=partial(kind.embed, base),
        below=tuple(module for module in modules if module is not None),
        layers=tuple(layer for layer in layers if layer is not None),
        head=partial(kind.heads[head], model),
        output=output,
        bias=partial(kind.bias, base) if kind.bias else None,
    )


def _own_class(model: nn.Module) -> str:
    """The first class of its modules that neither transformers nor torch defines; "" for none."""
    for module in model.modules():
        kind = type(module)
        if kind.__module__.partition(".")[0] not in ("transformers", "torch"):
            return kind.__name__
    return ""


def _depth(config: Any) -> int:
    return int(config.num_hidden_layers)


def _layer(base: Any, config: Any, kind: Kind, number: int) -> tuple[Attention, Mlp] | None:
    """The blocks of a layer, if they are made of plain modules. Layers may share one set."""
    family = FAMILIES[config.model_type]
    number = number * int(getattr(config, family.layers)) // _depth(config)
    parts = ("query", "key", "value", "attention_output", "mlp_in", "mlp_out")
    linear = [_module(base, family.body[part][0].replace("{n}", str(number))) for part in parts]
    paths = [path.replace("{n}", str(number)) for path in family.body["norms"] if "{n}" in path]
    norms = [_module(base, path) for path in paths]
    plain = all(type(one) is nn.Linear and one.bias is not None for one in linear)
    if not plain or [type(one) for one in norms] != [nn.LayerNorm, nn.LayerNorm]:
        return None
    query, key, value, output, inner, outer = linear
    first, second = norms
    return (
        Attention(query, key, value, output, first, int(config.num_attention_heads)),  # type: ignore[arg-type]
        Mlp(inner, outer, second, kind.activation(config)),  # type: ignore[arg-type]
    )


def _module(root: Any, path: str) -> nn.Module | None:
    try:
        found: nn.Module = root.get_submodule(path)
    except AttributeError:
        return None
    return found

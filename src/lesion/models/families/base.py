"""What Lesion must know of a family of models, in one object.

A path leads to one module. Paths under `body` start at the base model (`model.base_model`), paths
under `head` at the model with its head. A path that a particular model lacks (a head that it was
not loaded with, an option that is off) is skipped.

- `{n}` stands for the layer, counted from 0.
- `[k/m]` is block k of m equal blocks of the module's output units, for families that keep
  several projections in one tensor: `Wqkv[0/3]` is the query.
- A part may have several modules. In a gated MLP, `mlp_in` 0 goes through the activation and
  `mlp_in` 1 is multiplied with it: neuron i of the MLP is row i of both.
- The first module of a head reads the residual stream, each other one reads the module before it.
  A classifier behind a pooler reads the pooler.
- A classifier exists only if its last module does (ModernBERT's `head` serves both heads).

The files of families import no torch when they are loaded; function bodies do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Paths = Mapping[str, tuple[str, ...]]
"""Part of a model -> module paths."""


def hidden_act(config: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """The activation that most configurations name as `hidden_act`."""
    from transformers.activations import ACT2FN

    activation: Callable[[torch.Tensor], torch.Tensor] = ACT2FN[config.hidden_act]
    return activation


@dataclass(frozen=True)
class FastForward:
    """The arithmetic of a post-norm encoder that differs between families.

    These encoders are one function: embeddings, then layers of attention and MLP, each added to
    the stream and normalised, then a head (`lesion.scoring.encoders`).

    Attributes:
        embed: base model, inputs -> embedded tokens, (rows, tokens, width).
        heads: "classification" or "mlm" -> a function of the model and of the states at the
            positions that the head reads. It returns logits of classes, or the input of the output
            layer of a masked model.
        activation: configuration -> activation of the MLP.
        bias: base model, length -> what is added to the attention scores; None for nothing.
        is_standard: configuration -> False if an option changes the arithmetic.
    """

    embed: Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor]
    heads: Mapping[str, Callable[[Any, torch.Tensor], torch.Tensor]]
    activation: Callable[[Any], Callable[[torch.Tensor], torch.Tensor]] = hidden_act
    bias: Callable[[Any, int], torch.Tensor] | None = None
    is_standard: Callable[[Any], bool] = lambda config: True


@dataclass(frozen=True)
class Family:
    """All models of one `model_type`.

    Attributes:
        word: the `model_type` of their configurations.
        body, head: part -> module paths.
        layers: the number in the configuration that counts the sets of layer weights.
        biases: whether every matrix of a layer has a bias. A mean of activations is held in it.
        causal: whether a token attends only to the tokens before it.
        skips_padding: whether positions are counted from the one after the padding's id.
        fast: the fast forward pass; None if models are run by their own forward.
        register: registers an architecture from outside transformers with its Auto classes. It is
            called once in each process, before a model of the family is loaded.
    """

    word: str
    body: Paths
    head: Paths
    layers: str = "num_hidden_layers"
    biases: bool = True
    causal: bool = False
    skips_padding: bool = False
    fast: FastForward | None = None
    register: Callable[[], None] | None = None

"""Batches of examples as they are given, one row at a time and without padding.

Means are over tokens and importances over examples. A batch that was padded has tokens that are
none, and the gradient of a batch is a mean over its examples; so every row is run alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lesion.errors import LesionError

Inputs = Mapping[str, torch.Tensor]


def rows(model: nn.Module, examples: Sequence[Inputs]) -> list[Inputs]:
    """Every row of every batch, cut to its real tokens: those that its attention_mask names.

    Args:
        examples: model inputs, (rows, tokens) each.

    Raises:
        LesionError: for a mask that is no padding, or padding without a mask.
    """
    return [row for number, batch in enumerate(examples) for row in _rows(model, batch, number)]


def _rows(model: nn.Module, inputs: Inputs, number: int) -> Iterator[Inputs]:
    tokens = inputs.get("input_ids", inputs.get("inputs_embeds"))
    if tokens is None or tokens.dim() < 2:
        raise LesionError(
            f"examples[{number}]: needs input_ids or inputs_embeds of shape (rows, tokens, ...). "
            f"Got {', '.join(f'{name} {tuple(tensor.shape)}' for name, tensor in inputs.items())}."
        )
    size = tuple(tokens.shape[:2])
    mask = inputs.get("attention_mask")
    if mask is None:
        _check_unpadded(model, inputs, number)
        mask = torch.ones(size)
    if tuple(mask.shape) != size:
        raise LesionError(
            f"examples[{number}]: attention_mask must be of shape {size}, as its tokens. Got "
            f"{tuple(mask.shape)}."
        )
    for place, real in enumerate(mask.bool().cpu()):
        real_tokens = real.nonzero().flatten().tolist()
        if not real_tokens or real_tokens[-1] - real_tokens[0] + 1 > len(real_tokens):
            raise LesionError(
                f"examples[{number}]: attention_mask must be 1 for the real tokens, side by side, "
                f"and 0 for padding. Row {place} has "
                + ("no real token." if not real_tokens else "zeros between its ones.")
            )
        if size[0] == 1 and len(real_tokens) == size[1]:
            yield inputs
        else:
            cut = slice(real_tokens[0], real_tokens[-1] + 1)
            yield {name: _part(name, tensor, size, place, cut) for name, tensor in inputs.items()}


def _check_unpadded(model: nn.Module, inputs: Inputs, number: int) -> None:
    """Without a mask all tokens count; the token that pads cannot be told from a real one."""
    config: Any = getattr(model, "config", None)
    pad, ids = getattr(config, "pad_token_id", None), inputs.get("input_ids")
    if pad is not None and ids is not None and bool((ids == pad).any()):
        raise LesionError(
            f"examples[{number}]: has the padding token ({pad}) and no attention_mask, so that "
            "padding cannot be told from text. Give the attention_mask that the tokenizer makes."
        )


def _part(name: str, tensor: Any, size: tuple[int, ...], place: int, cut: slice) -> Any:
    """A row of a tensor, and of one with tokens the real ones."""
    if not isinstance(tensor, torch.Tensor) or not tensor.dim():
        return tensor
    by_token = tensor.dim() > 1 and tensor.shape[1] == size[1]
    if name == "labels" and tensor.is_floating_point():  # (rows, classes), however many tokens
        by_token = False
    row = tensor[place : place + 1] if tensor.shape[0] == size[0] else tensor
    return row[:, cut] if by_token else row


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Without dropout, whatever the model is in the middle of."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training

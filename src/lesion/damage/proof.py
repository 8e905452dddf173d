"""Proof that a model computes with what a lesion writes, before anything is written.

A receipt counts what was written. It is true of the model only if the module reads the tensor that
was written to: not if pruning, weight norm or another parametrization makes the weight anew at
every forward, an adapter adds to it, a hook changes the output, or another module shares the
memory. So each module that a lesion reaches is looked at every time, and tried once on a small
input: Linear, Conv1D, Embedding and norms must give what their formula gives with the live tensors;
one of another class must give twice as much with its tensors doubled. Nothing of the model runs.
"""

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.modules import module as every_module
from torch.nn.utils import parametrize
from transformers.pytorch_utils import Conv1D

from lesion.damage.overlap import shared
from lesion.damage.population import Population
from lesion.errors import LesionError
from lesion.models.anatomy import Site, sites

PLAIN = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
ADAPTER = "Merge the adapter into the weights first (PEFT: merge_and_unload())."
REMAKERS = {  # what the older utilities leave beside a tensor that they make anew -> what ends it
    "mask": 'torch.nn.utils.prune.remove(module, "{}")',
    "g": 'torch.nn.utils.remove_weight_norm(module, "{}")',
    "u": 'torch.nn.utils.remove_spectral_norm(module, "{}")',
}
_proven: weakref.WeakKeyDictionary[nn.Module, tuple] = weakref.WeakKeyDictionary()


def prove(model: nn.Module, populations: Sequence[Population]) -> None:
    """Refuse a model whose modules do not compute with the tensors that a lesion would write to.

    Raises:
        LesionError: naming the module, what is the matter, and what helps.
    """
    reached: dict[tuple[nn.Module, str], Site] = {}
    for tensor in (tensor for population in populations for tensor in population.tensors):
        if tensor.site is not None:
            reached.setdefault((tensor.site.module, tensor.tensor_kind), tensor.site)
    for (_, kind), site in reached.items():
        _check_tensor(site, kind)
    _check_alone(model, reached)
    for module, site in {module: site for (module, _), site in reached.items()}.items():
        _check_whole(model, module, site)
        state = _state(module)
        if state is None or _proven.get(module) != state:
            _try(module, site)
            if state is not None:
                _proven[module] = state


def _check_tensor(site: Site, kind: str) -> None:
    tensor = site.own(kind)
    if tensor is None:
        raise LesionError(f"{site.called}: {_remade(site.module, kind)}")
    known = type(tensor) in (torch.Tensor, nn.Parameter)
    if not known or tensor.dtype not in PLAIN or tensor.layout != torch.strided:
        stored = type(tensor).__name__ if not known else tensor.dtype
        raise LesionError(
            f"{site.called}: its {kind} is stored as {stored}; lesions are of plain tensors in "
            "float64, float32, bfloat16 or float16. Load the model without quantisation."
        )
    if tensor.is_meta:
        raise LesionError(
            f"{site.called}: its {kind} has no values yet (device meta). Load the model's weights "
            "first."
        )
    if any(not step and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)):
        raise LesionError(
            f"{site.called}: its {kind} repeats one number in memory at several places, so that "
            f"no unit can be damaged alone. Give it memory of its own: {kind}.clone()."
        )


def _remade(module: Any, kind: str) -> str:
    """Why a tensor that a module shows is not kept by it."""
    again = "at every forward. Make it a parameter again: {}.".format
    if parametrize.is_parametrized(module, kind):
        makers = ", ".join(type(maker).__name__ for maker in module.parametrizations[kind])
        end = f'torch.nn.utils.parametrize.remove_parametrizations(module, "{kind}")'
        return f"its {kind} is made anew by {makers} {again(end)}"
    kept = [*module._parameters, *module._buffers]
    for mark, end in REMAKERS.items():
        if f"{kind}_{mark}" in kept:
            of = [name for name in kept if name.startswith(f"{kind}_")]
            return f"its {kind} is made anew from {', '.join(of)} {again(end.format(kind))}"
    name, inner = type(module).__name__, ", ".join(list(module._modules)[:1])
    if inner:
        return (
            f"{name} has no {kind} of its own: it computes with more than the layer that it wraps "
            f"({inner}). {ADAPTER}"
        )
    return f"its {kind} is neither a parameter nor a buffer of {name}. Make it one: nn.Parameter."


def _check_alone(model: nn.Module, reached: dict[tuple[nn.Module, str], Site]) -> None:
    """No two modules of the body share memory; that heads share the embeddings is known."""
    body = getattr(model, "base_model", model)
    inner = {id(module) for module in body.modules()}
    held: list[tuple[str, nn.Module, torch.Tensor]] = []
    for path, module in model.named_modules(remove_duplicate=False):
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None and not tensor.is_meta:
                held.append((f"{path}.{name}", module, tensor))
    reachable = [
        (site, kind, own)
        for (_, kind), site in reached.items()
        if (own := site.own(kind)) is not None
    ]
    known: set[tuple[int, str]] = set()
    pairs = shared([own for *_, own in reachable], [tensor for *_, tensor in held])
    for number, holder in sorted(pairs):
        site, kind, own = reachable[number]
        path, module, tensor = held[holder]
        itself = module is site.module and path.endswith(f".{kind}")
        if itself and (id(module), kind) not in known:
            known.add((id(module), kind))
        elif itself or tensor is not own or id(module) in inner:
            raise LesionError(
                f"{site.called}: its {kind} shares memory with {path}, so that damage to one is "
                f"damage to both. Give each its own: {kind}.clone()."
            )


def _check_whole(model: nn.Module, module: nn.Module, site: Site) -> None:
    """A module holds nothing beside weight and bias but what are sites themselves."""
    if getattr(module, "max_norm", None) is not None:
        raise LesionError(
            f"{site.called}: its max_norm writes to its weight at every forward. Set max_norm to "
            "None."
        )
    others = [
        (name, tensor)
        for name, tensor in module.named_parameters()
        if name not in ("weight", "bias")
    ]
    if others:
        known = {id(part.own(kind)) for part in sites(model) for kind in ("weight", "bias")}
        unknown = [name for name, tensor in others if id(tensor) not in known]
        if unknown:
            raise LesionError(
                f"{site.called}: {type(module).__name__} computes with {', '.join(unknown)} "
                f"beside its weight and bias, where no lesion reaches. {ADAPTER}"
            )


def _state(module: nn.Module) -> tuple | None:
    """By what a module is known again; None where it can change without showing it."""
    if (
        module._forward_hooks
        or module._forward_pre_hooks
        or "forward" in vars(module)
        or every_module._global_forward_hooks
        or every_module._global_forward_pre_hooks
    ):
        return None
    tensors = (module._parameters.get(kind) for kind in ("weight", "bias"))
    where = ((id(tensor), tensor.data_ptr()) for tensor in tensors if tensor is not None)
    return (type(module), module.training, *where)


@torch.no_grad()
def _try(module: Any, site: Site) -> None:
    """Run a module on a small input; what comes out must be what its tensors make of it."""
    if module._parameters.get("weight") is None and module._buffers.get("weight") is None:
        # A bias alone (DeBERTa's head, whose matrix is the embeddings') cannot be tried.
        if _state(module) is None:
            raise LesionError(_changed(module, site))
        return
    given = _small(module)
    try:
        made = module(given)
        expected = _expected(module, given)
        doubled = None if expected is not None else _doubled(module, given)
    except Exception as error:  # whatever a hook or a foreign forward does
        raise LesionError(
            f"{site.called}: {type(module).__name__} does not run on an input of its own "
            f"({type(error).__name__}: {error}), so that nothing shows that it computes with what "
            "is written. Remove hooks and replaced forwards before the lesion is opened."
        ) from None
    if expected is not None:
        if not _equal(made, expected):
            raise LesionError(_changed(module, site))
    elif not _equal(made, type(module).forward(module, given)):
        raise LesionError(_changed(module, site))
    elif not _equal(doubled, 2 * made):
        raise LesionError(
            f"{site.called}: what {type(module).__name__} gives does not follow its weight and "
            "bias: with both doubled it is not doubled. Lesions need modules that do."
        )


def _changed(module: nn.Module, site: Site) -> str:
    return (
        f"{site.called}: what {type(module).__name__} gives is not what its weight and bias make "
        "of its input: a forward hook, a replaced forward or an adapter changes it. Remove that "
        "before the lesion is opened."
    )


def _small(module: Any) -> torch.Tensor:
    """Two tokens for a module, made without a generator."""
    weight = module.weight
    if isinstance(module, nn.Embedding):
        return torch.tensor([[0, module.num_embeddings - 1]], device=weight.device)
    if isinstance(module, nn.Conv1d):
        channels = weight.shape[1] * module.groups
        shape: tuple[int, ...] = (1, channels, module.dilation[0] * (weight.shape[2] - 1) + 2)
    elif isinstance(module, nn.LayerNorm):
        shape = (1, 2, *module.normalized_shape)
    else:
        axis = 0 if isinstance(module, Conv1D) or weight.dim() == 1 else 1
        shape = (1, 2, weight.shape[axis])
    steps = torch.arange(torch.Size(shape).numel(), device=weight.device, dtype=torch.float32)
    return torch.cos(steps * 0.7).reshape(shape).to(weight.dtype)


def _expected(module: Any, given: torch.Tensor) -> torch.Tensor | None:
    """What the formula of a known class gives; None for a class that computes otherwise."""
    weight, forward = module.weight, type(module).forward
    bias: Any = getattr(module, "bias", None)
    if isinstance(module, nn.Linear) and forward is nn.Linear.forward:
        return functional.linear(given, weight, bias)
    if isinstance(module, Conv1D) and forward is Conv1D.forward:
        rows = torch.addmm(bias, given.flatten(0, -2), weight)  # the same operation: equal bits
        return rows.view(*given.shape[:-1], -1)
    if isinstance(module, nn.Embedding) and forward is nn.Embedding.forward:
        return functional.embedding(given, weight)
    if isinstance(module, nn.LayerNorm) and forward is nn.LayerNorm.forward:
        return functional.layer_norm(given, module.normalized_shape, weight, bias, module.eps)
    return None


def _doubled(module: nn.Module, given: torch.Tensor) -> torch.Tensor:
    """What a module gives with weight and bias doubled: what is linear in them, twice as much."""
    kept = {**module._parameters, **module._buffers}
    pairs = ((kind, kept.get(kind)) for kind in ("weight", "bias"))
    twice = {kind: 2 * tensor for kind, tensor in pairs if tensor is not None}
    return functional_call(module, twice, (given,))


def _equal(made: Any, other: torch.Tensor) -> bool:
    """Whether two outputs agree within rounding; not finite numbers alike."""
    if not isinstance(made, torch.Tensor) or made.shape != other.shape:
        return False
    share = 1e-4 if other.dtype in (torch.float32, torch.float64) else 0.05
    finite = other.double()[other.isfinite()].abs()
    room = share * float(finite.max()) if finite.numel() else 0.0
    return torch.allclose(made.double(), other.double(), rtol=0, atol=room, equal_nan=True)

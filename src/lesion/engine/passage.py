"""The rows of a task on their way through an encoder, block by block.

A block runs over all packs before the next one starts, so that it is made lean once and its
weights stay in the processor's cache. What stands below the lowest block that changed since the
last time is kept and not computed again; the top layer is computed only where the head reads.

What is computed for a model in some state never depends on the states before: what was kept is bit
for bit what would be computed again.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import nn

from lesion.engine.blocks import Attention, Mlp, ready
from lesion.engine.encoders import Encoder
from lesion.engine.last import last_layer
from lesion.engine.packing import Pack

WAVE_BYTES = 2**27  # states of the packs that go through together
KEPT_BYTES = 2**28  # states that are kept from one call to the next; past it, they are recomputed
LOGITS = 2**19  # computed and read at a time, so that they do not leave the processor's cache

States = list[torch.Tensor]
Version = tuple[tuple[int, int], ...]


class Passage:
    """Packs and an encoder. Call `run` as often as the model's weights change.

    Args:
        encoder: reads live parameters; they may be changed in place, under autograd's version
            counting (not through `.data`).
        packs: all of a task's rows.
    """

    def __init__(self, encoder: Encoder, packs: Sequence[Pack]) -> None:
        self._encoder, self._packs = encoder, packs
        self._waves = waves(packs, encoder.layers[0][0].norm.weight.shape[0])
        # embeddings, two blocks for each layer but the last, and the last layer
        self._steps = 2 * len(encoder.layers)
        self._modules = [_modules_of(encoder, step) for step in range(self._steps)]
        self._before: list[Version] = []
        self._kept: dict[int, tuple[int, list[Version], States]] = {}

    def run(self) -> Iterator[tuple[list[int], torch.Tensor, bool]]:
        """States at the places that are read, wave by wave.

        Yields:
            numbers of packs, states (rows * reads, width) in their order, and whether all states
            below the last layer were finite.
        """
        versions = [_version(modules) for modules in self._modules]
        lowest = _first_difference(versions, self._before)
        self._before = versions
        for wave, members in enumerate(self._waves):
            packs = [self._packs[number] for number in members]
            start, states = self._start(wave, versions)
            for step in range(start, self._steps):
                if step == lowest and step > start:
                    self._keep(wave, versions, step, states)
                if step < self._steps - 1:
                    states = self._step(step, packs, states)
            yield members, last_layer(self._encoder, packs, states), _finite(states)

    def alone(self, number: int) -> tuple[torch.Tensor, bool]:
        """The same of one pack; nothing is kept."""
        packs = [self._packs[number]]
        states: States = []
        for step in range(self._steps - 1):
            states = self._step(step, packs, states)
        return last_layer(self._encoder, packs, states), _finite(states)

    def _start(self, wave: int, versions: list[Version]) -> tuple[int, States]:
        """The highest step whose input is kept and still true, and that input."""
        step, then, states = self._kept.get(wave, (0, [], []))
        if then[:step] == versions[:step]:
            return step, list(states)
        del self._kept[wave]
        return 0, []

    def _keep(self, wave: int, versions: list[Version], step: int, states: States) -> None:
        """Hold on to the input of a step, as far as there is room."""
        self._kept.pop(wave, None)
        size = sum(map(_bytes, states))
        held = sum(_bytes(one) for _, _, kept in self._kept.values() for one in kept)
        if held + size <= KEPT_BYTES:
            self._kept[wave] = (step, versions, list(states))

    def _step(self, step: int, packs: Sequence[Pack], states: States) -> States:
        encoder, tokens = self._encoder, sum(pack.tokens for pack in packs)
        if step == 0:
            return [encoder.embed(one.inputs).flatten(0, 1)[one.real] for one in packs]
        attention, mlp = encoder.layers[(step - 1) // 2]
        run = ready(attention if step % 2 else mlp, tokens, encoder.bias)
        return [run(one, pack) for one, pack in zip(states, packs, strict=True)]


def waves(packs: Sequence[Pack], width: int) -> list[list[int]]:
    """Numbers of packs whose states fit into memory together."""
    found: list[list[int]] = []
    room = 0
    for number, pack in enumerate(packs):
        size = pack.tokens * width * 4
        if not found or size > room:
            found.append([])
            room = WAVE_BYTES
        found[-1].append(number)
        room -= size
    return found


def _modules_of(encoder: Encoder, step: int) -> list[nn.Module]:
    """Those whose parameters a step reads."""
    if step == 0:
        return list(encoder.below)
    pairs = encoder.layers[(step - 1) // 2]
    last = (step - 1) // 2 == len(encoder.layers) - 1
    blocks: Sequence[Attention | Mlp] = pairs if last else [pairs[(step - 1) % 2]]
    return [one for one in chain(*blocks) if isinstance(one, nn.Module)]


def _version(modules: Sequence[nn.Module]) -> Version:
    """Of the tensors of some modules: changes with every write."""
    tensors = (getattr(one, name, None) for one in modules for name in ("weight", "bias"))
    return tuple((one.data_ptr(), one._version) for one in tensors if one is not None)


def _first_difference(now: Sequence[Version], before: Sequence[Version]) -> int | None:
    """The lowest step that changed; None where none did or nothing is known."""
    if not before:
        return None
    pairs = zip(now, before, strict=True)
    return next((step for step, (one, other) in enumerate(pairs) if one != other), None)


def _finite(states: States) -> bool:
    """Whether no number overflowed: NaN once in a token stays in it to the last layer."""
    return all(bool(one.sum().isfinite()) for one in states)


def _bytes(states: torch.Tensor) -> int:
    return states.numel() * states.element_size()

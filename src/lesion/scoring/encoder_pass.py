"""The rows of a task on their way through an encoder, block by block.

A block runs over all packs before the next one starts, so that it is made lean once and its
weights stay in the processor's cache. What stands below the lowest block that changed since the
last time is kept and not computed again; the top layer is computed only where the head reads.

What is computed for a model in some state never depends on the states before: what was kept is bit
for bit what would be computed again, in the same precision.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import nn

from lesion.scoring.blocks import Alive, Attention, Mlp, living, ready
from lesion.scoring.encoders import Encoder
from lesion.scoring.last_layer import last_layer
from lesion.scoring.packing import Pack

WAVE_BYTES = 2**27  # states of the packs that go through together
KEPT_BYTES = 2**28  # states that are kept from one call to the next; past it, they are recomputed

States = list[torch.Tensor]
Version = tuple[object, ...]


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

    def run(self) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
        """States at the places that are read, wave by wave.

        Yields:
            numbers of packs, states (rows * reads, width) in their order, and whether all states
            below the last layer were finite, bool (), on the device.
        """
        versions = self._versions()
        lowest = _first_difference(versions, self._before)
        self._before = versions
        starts = [self._start(wave, versions) for wave in range(len(self._waves))]
        alive = self._alive(min(starts, default=0))
        for wave, (members, start) in enumerate(zip(self._waves, starts, strict=True)):
            packs = [self._packs[number] for number in members]
            states = list(self._kept[wave][2]) if start else []
            for step in range(start, self._steps):
                if step == lowest and step > start:
                    self._keep(wave, versions, step, states)
                if step < self._steps - 1:
                    states = self._step(step, packs, states, alive)
            yield members, last_layer(self._encoder, packs, states), _finite(states)

    def alone(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The same of one pack; nothing is kept."""
        packs, alive = [self._packs[number]], self._alive(0)
        states: States = []
        for step in range(self._steps - 1):
            states = self._step(step, packs, states, alive)
        return last_layer(self._encoder, packs, states), _finite(states)

    def _versions(self) -> list[Version]:
        """Of each step; that of the first tells also how exactly all compute."""
        first, *others = map(_version, self._modules)
        return [(*_arithmetic(self._modules[0][0]), *first), *others]

    def _start(self, wave: int, versions: list[Version]) -> int:
        """The highest step whose input is kept and still true; else the first."""
        step, then, _ = self._kept.get(wave, (0, [], []))
        if then[:step] == versions[:step]:
            return step
        del self._kept[wave]
        return 0

    def _alive(self, start: int) -> dict[int, Alive]:
        """The units that are left in each block, from a step on to below the last layer."""
        steps = range(max(start, 1), self._steps - 1)
        return dict(zip(steps, living([self._block(step) for step in steps]), strict=True))

    def _block(self, step: int) -> Attention | Mlp:
        return self._encoder.layers[(step - 1) // 2][(step - 1) % 2]

    def _keep(self, wave: int, versions: list[Version], step: int, states: States) -> None:
        """Hold on to the input of a step, as far as there is room."""
        self._kept.pop(wave, None)
        size = sum(map(_bytes, states))
        held = sum(_bytes(one) for _, _, kept in self._kept.values() for one in kept)
        if held + size <= KEPT_BYTES:
            self._kept[wave] = (step, versions, list(states))

    def _step(
        self, step: int, packs: Sequence[Pack], states: States, alive: dict[int, Alive]
    ) -> States:
        encoder, tokens = self._encoder, sum(pack.tokens for pack in packs)
        if step == 0:
            return [encoder.embed(one.inputs).flatten(0, 1)[one.real].float() for one in packs]
        run = ready(self._block(step), tokens, alive[step], encoder.bias)
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
        return list(encoder.embedding_modules)
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


def _arithmetic(module: nn.Module) -> tuple[object, ...]:
    """What decides, beside the weights, what is computed where a module is."""
    kind = next(module.parameters()).device.type
    autocast = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind)
    return autocast, torch.get_float32_matmul_precision()


def _finite(states: States) -> torch.Tensor:
    """Whether no number overflowed: NaN once in a token stays in it to the last layer."""
    return torch.stack([one.sum() for one in states]).isfinite().all()


def _bytes(states: torch.Tensor) -> int:
    return states.numel() * states.element_size()

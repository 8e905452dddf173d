"""The rows of a task on their way through an encoder, block by block.

A block runs over all packs before the next one starts, so that it is compacted once and its
weights stay in the processor's cache. The input of the lowest block that changed since the last
call is cached, and nothing below it is computed again. The top layer is computed only at the
positions that the head reads.

The outputs of a model in some state never depend on the states before: cached states equal, bit
for bit, those that would be computed again in the same precision.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import nn

from lesion.scoring.blocks import block_function
from lesion.scoring.compact import Attention, LiveMasks, Mlp, live_units
from lesion.scoring.encoders import Encoder
from lesion.scoring.last_layer import last_layer
from lesion.scoring.packing import Pack

CHUNK_BYTES = 2**27  # states of the packs that go through together
CACHE_BYTES = 2**28  # states that are cached from one call to the next; others are recomputed

States = list[torch.Tensor]
Version = tuple[object, ...]


class EncoderPass:
    """Packs and an encoder. Call `run` as often as the model's weights change.

    Args:
        encoder: reads live parameters; they may be changed in place, under autograd's version
            counting (not through `.data`).
        packs: all of a task's rows.
    """

    def __init__(self, encoder: Encoder, packs: Sequence[Pack]) -> None:
        self._encoder, self._packs = encoder, packs
        self._chunks = chunks(packs, encoder.layers[0][0].norm.weight.shape[0])
        # embeddings, two blocks for each layer but the last, and the last layer
        self._steps = 2 * len(encoder.layers)
        self._modules = [_modules_of(encoder, step) for step in range(self._steps)]
        self._last_versions: list[Version] = []
        self._cache: dict[int, tuple[int, list[Version], States]] = {}

    def run(self) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
        """States at the positions that are read, chunk by chunk.

        Yields:
            numbers of packs, states (positions, width) in their order, and whether all states
            below the last layer were finite, bool (), on the device.
        """
        versions = self._versions()
        lowest_changed = _first_difference(versions, self._last_versions)
        self._last_versions = versions
        starts = [self._start(chunk, versions) for chunk in range(len(self._chunks))]
        live = self._live(min(starts, default=0))
        for chunk, (members, start) in enumerate(zip(self._chunks, starts, strict=True)):
            packs = [self._packs[number] for number in members]
            states = list(self._cache[chunk][2]) if start else []
            for step in range(start, self._steps):
                if step == lowest_changed and step > start:
                    self._store(chunk, versions, step, states)
                if step < self._steps - 1:
                    states = self._step(step, packs, states, live)
            yield members, last_layer(self._encoder, packs, states), _finite(states)

    def run_single(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The same of one pack; nothing is cached."""
        packs, live = [self._packs[number]], self._live(0)
        states: States = []
        for step in range(self._steps - 1):
            states = self._step(step, packs, states, live)
        return last_layer(self._encoder, packs, states), _finite(states)

    def _versions(self) -> list[Version]:
        """Of each step; that of the first includes the precision of all."""
        first, *others = map(_version, self._modules)
        return [(*_precision_key(self._modules[0][0]), *first), *others]

    def _start(self, chunk: int, versions: list[Version]) -> int:
        """The highest step whose input is cached and still valid; else the first."""
        step, then, _ = self._cache.get(chunk, (0, [], []))
        if then[:step] == versions[:step]:
            return step
        del self._cache[chunk]
        return 0

    def _live(self, start: int) -> dict[int, LiveMasks]:
        """The units that are left in each block, from a step on to below the last layer."""
        steps = range(max(start, 1), self._steps - 1)
        return dict(zip(steps, live_units([self._block(step) for step in steps]), strict=True))

    def _block(self, step: int) -> Attention | Mlp:
        return self._encoder.layers[(step - 1) // 2][(step - 1) % 2]

    def _store(self, chunk: int, versions: list[Version], step: int, states: States) -> None:
        """Cache the input of a step if there is room."""
        self._cache.pop(chunk, None)
        size = sum(map(_bytes, states))
        cached = sum(_bytes(each) for _, _, stored in self._cache.values() for each in stored)
        if cached + size <= CACHE_BYTES:
            self._cache[chunk] = (step, versions, list(states))

    def _step(
        self, step: int, packs: Sequence[Pack], states: States, live: dict[int, LiveMasks]
    ) -> States:
        encoder, tokens = self._encoder, sum(pack.tokens for pack in packs)
        if step == 0:
            return [
                encoder.embed(pack.inputs).flatten(0, 1)[pack.token_index].float() for pack in packs
            ]
        run = block_function(self._block(step), tokens, live[step], encoder.bias)
        return [run(each, pack) for each, pack in zip(states, packs, strict=True)]


def chunks(packs: Sequence[Pack], width: int) -> list[list[int]]:
    """Numbers of packs whose states fit into memory together."""
    numbers: list[list[int]] = []
    room = 0
    for number, pack in enumerate(packs):
        size = pack.tokens * width * 4
        if not numbers or size > room:
            numbers.append([])
            room = CHUNK_BYTES
        numbers[-1].append(number)
        room -= size
    return numbers


def _modules_of(encoder: Encoder, step: int) -> list[nn.Module]:
    """Those whose parameters a step reads."""
    if step == 0:
        return list(encoder.embedding_modules)
    pairs = encoder.layers[(step - 1) // 2]
    last = (step - 1) // 2 == len(encoder.layers) - 1
    blocks: Sequence[Attention | Mlp] = pairs if last else [pairs[(step - 1) % 2]]
    return [module for module in chain(*blocks) if isinstance(module, nn.Module)]


def _version(modules: Sequence[nn.Module]) -> Version:
    """Of the tensors of some modules: changes with every write."""
    tensors = (getattr(module, name, None) for module in modules for name in ("weight", "bias"))
    return tuple((each.data_ptr(), each._version) for each in tensors if each is not None)


def _first_difference(now: Sequence[Version], before: Sequence[Version]) -> int | None:
    """The lowest step that changed; None if none did, or on the first call."""
    if not before:
        return None
    pairs = zip(now, before, strict=True)
    return next((step for step, (new, old) in enumerate(pairs) if new != old), None)


def _precision_key(module: nn.Module) -> tuple[object, ...]:
    """What decides, beside the weights, the outputs of a module."""
    kind = next(module.parameters()).device.type
    autocast = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind)
    return autocast, torch.get_float32_matmul_precision()


def _finite(states: States) -> torch.Tensor:
    """Whether no number overflowed: NaN once in a token stays in it to the last layer."""
    return torch.stack([each.sum() for each in states]).isfinite().all()


def _bytes(states: torch.Tensor) -> int:
    return states.numel() * states.element_size()

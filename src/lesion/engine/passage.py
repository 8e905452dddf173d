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
from torch.nn import functional

from lesion.engine.blocks import ready
from lesion.engine.encoders import Encoder
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

    def __init__(self, encoder: Encoder, packs: Sequence[Pack], kept_bytes: int = KEPT_BYTES):
        self._encoder, self._packs = encoder, packs
        self._waves = waves(packs, encoder.layers[0][0].norm.weight.shape[0])
        self._modules = [_modules_of(encoder, step) for step in range(self._steps)]
        self._before: list[Version] = []
        self._kept: dict[int, tuple[int, list[Version], States]] = {}
        self._room = kept_bytes

    @property
    def _steps(self) -> int:
        """Embeddings, two blocks for each layer but the last, and the last layer."""
        return 2 * len(self._encoder.layers)

    def run(self, number: int | None = None) -> Iterator[tuple[list[int], torch.Tensor, bool]]:
        """States at the places that are read, wave by wave.

        Args:
            number: of the only pack that is wanted; None for all. Nothing is kept of one.

        Yields:
            numbers of packs, states (rows * reads, width) in their order, and whether all states
            on the way were finite.
        """
        if number is not None:
            yield [number], *self._through([number], 0, [], None)
            return
        versions = [_version(modules) for modules in self._modules]
        lowest = _first_difference(versions, self._before)
        self._before = versions
        for wave, members in enumerate(self._waves):
            start, states = self._start(wave, versions)
            keep = (wave, versions) if lowest and lowest > start else None
            yield members, *self._through(members, start, states, keep, lowest)

    def _start(self, wave: int, versions: list[Version]) -> tuple[int, States]:
        """The highest step whose input is kept and still true."""
        step, then, states = self._kept.get(wave, (0, [], []))
        if then[:step] == versions[:step]:
            return step, list(states)
        del self._kept[wave]
        return 0, []

    def _through(
        self,
        members: list[int],
        start: int,
        states: States,
        keep: tuple[int, list[Version]] | None,
        lowest: int | None = None,
    ) -> tuple[torch.Tensor, bool]:
        packs = [self._packs[number] for number in members]
        for step in range(start, self._steps - 1):
            if keep and step == lowest:
                self._keep(*keep, step, states)
            states = self._step(step, packs, states)
        if keep and lowest == self._steps - 1:
            self._keep(*keep, self._steps - 1, states)
        finite = all(bool(one.sum().isfinite()) for one in states)
        return self._top(packs, states), finite

    def _keep(self, wave: int, versions: list[Version], step: int, states: States) -> None:
        """Hold on to the input of a step, as far as there is room."""
        self._kept.pop(wave, None)
        size = sum(map(_bytes, states))
        held = sum(_bytes(one) for _, _, kept in self._kept.values() for one in kept)
        if held + size <= self._room:
            self._kept[wave] = (step, versions, list(states))

    def _step(self, step: int, packs: Sequence[Pack], states: States) -> States:
        encoder, tokens = self._encoder, sum(pack.tokens for pack in packs)
        if step == 0:
            return [encoder.embed(one.inputs).flatten(0, 1)[one.real] for one in packs]
        attention, mlp = encoder.layers[(step - 1) // 2]
        run = ready(attention if step % 2 else mlp, tokens, encoder.bias)
        return [run(one, pack) for one, pack in zip(states, packs, strict=True)]

    def _top(self, packs: Sequence[Pack], states: States) -> torch.Tensor:
        """The last layer where the head reads: (rows * reads, width).

        Keys and values are not made for every token: with W the key matrix of a head, q · Wx is
        (qW) · x, and the weighted sum of values is the value of the weighted sum.
        """
        attention, mlp = self._encoder.layers[-1]
        heads, width = attention.heads, states[0].shape[1]
        here = torch.cat([one[pack.reads] for one, pack in zip(states, packs, strict=True)])
        query = functional.linear(here, attention.query.weight, attention.query.bias)
        size = query.shape[1] // heads
        query = query.view(-1, heads, size) * size**-0.5
        keys = attention.key.weight.view(heads, size, width)
        asked = torch.bmm(query.transpose(0, 1), keys).transpose(0, 1)  # (reads, heads, width)
        constant = (query * attention.key.bias.view(heads, size)).sum(2)
        seen, start = [], 0
        for one, pack in zip(states, packs, strict=True):
            stop = start + len(pack.reads)
            seen.append(self._seen(one, pack, asked[start:stop], constant[start:stop]))
            start = stop
        values = attention.value.weight.view(heads, size, width).transpose(1, 2)
        said = torch.bmm(torch.cat(seen).transpose(0, 1), values).transpose(0, 1).flatten(1)
        found = attention.output(said.add_(attention.value.bias)).add_(here)
        found = attention.norm(found)
        return mlp.norm(mlp.outer(mlp.activation(mlp.inner(found))).add_(found))

    def _seen(
        self, states: torch.Tensor, pack: Pack, asked: torch.Tensor, constant: torch.Tensor
    ) -> torch.Tensor:
        """What each head of each read attends to, in states: (reads, heads, width)."""
        reads, heads, width = pack.places.shape[1], asked.shape[1], asked.shape[2]
        parts, row = [], 0
        for stretch in pack.stretches:
            mine = slice(row * reads, (row + stretch.rows) * reads)
            tokens = states[stretch.tokens].view(stretch.rows, stretch.length, width)
            questions = asked[mine].reshape(stretch.rows, reads * heads, width)
            scores = torch.bmm(questions, tokens.transpose(1, 2))
            scores = scores.view(stretch.rows, reads, heads, -1)
            scores += constant[mine].view(stretch.rows, reads, heads, 1)
            if self._encoder.bias:
                bias = self._encoder.bias(stretch.length)[0]  # (heads, length, length)
                places = pack.places[row : row + stretch.rows]
                scores += bias[:, places].permute(1, 2, 0, 3)
            if stretch.mask is not None:
                scores.masked_fill_(~stretch.mask[:, None, None, :], -torch.inf)
            weights = scores.softmax(-1).view(stretch.rows, reads * heads, -1)
            parts.append(torch.bmm(weights, tokens).view(-1, heads, width))
            row += stretch.rows
        return torch.cat(parts)


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
    blocks = pairs if last else (pairs[(step - 1) % 2],)
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


def _bytes(states: torch.Tensor) -> int:
    return states.numel() * states.element_size()

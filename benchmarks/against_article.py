"""Lesion against the usual way of damaging a model and measuring what survives.

(a) The usual way: copy.deepcopy, torch.nn.utils.prune on every selected Linear, the model's own
    forward with every example padded to 128 tokens, 32 at a time, torch's default threads.
(b) Lesion: one process of one thread a core.
(c) The usual way as one process of one thread a core, so that the effect of threads is seen apart.

The same model of random weights in the shape of BERT-base, the same examples (as long as MRPC's,
or MRPC's own with --data), the same doses, those of the study mrpc-minilm (0.1 to 1); taking
turns on one machine, for several rounds. The intact model is timed on neither side, nor is what is
the same for every dose: tokenising, and what Lesion computes once a lesion (the layers below the
damage). Prints trials a second of each, the ratios with their spread over rounds, the ratio without
dose 1, at which nothing of what was damaged is left to compute, the largest difference of a logit,
and peak memory.

    python benchmarks/against_article.py [--quick] [--data GLUE] [--rounds N] [--examples N]
                                         [--case NAME ...]
"""

import argparse
import copy
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import made
import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from lesion.damage.lesion import Lesion
from lesion.models.anatomy import select_sites
from lesion.models.inputs import collate
from lesion.models.parts import SIX_MATRICES
from lesion.scoring.scorer import Scorer

LENGTH, BATCH = 128, 32
CORES = os.cpu_count() or 1


class Case(NamedTuple):
    """A lesion, and how the usual way makes it.

    Attributes:
        pruned: module, dose.
        asked: evaluations of the usual way for each that Lesion makes: a study that asks for ten
            draws of an ordering that is not random gets one.
    """

    lesion: Lesion
    pruned: Callable[[nn.Module, float], object]
    asked: int = 1
    target: float = 0.0


def _weights(module: nn.Module, dose: float) -> None:
    for name in ("weight", "bias"):
        prune.random_unstructured(module, name, amount=dose)


def _neurons(module: nn.Module, dose: float) -> None:
    prune.random_structured(module, "weight", amount=dose, dim=0)


def _smallest(module: nn.Module, dose: float) -> None:
    for name in ("weight", "bias"):
        prune.l1_unstructured(module, name, amount=dose)


CASES = {
    "weights at random, all layers": Case(Lesion(), _weights, target=4),
    "neurons at random, all layers": Case(Lesion("neurons"), _neurons, target=6),
    "layers 6-9": Case(Lesion(layers=(6, 7, 8, 9)), _weights, target=7),
    "last layer": Case(Lesion(layers="last"), _weights, target=100),
    "magnitude, 10 draws asked": Case(Lesion(order="magnitude"), _smallest, asked=10, target=40),
}


Seconds = list[float]  # of each trial, ordering and healing included


class Rate(NamedTuple):
    """Trials a second of a crew, over all doses and over all but the last."""

    whole: float
    partial: float


class Usual:
    """A process that works the usual way."""

    def __init__(self, model: nn.Module, task: made.Rows) -> None:
        self._model = model
        self._inputs = list(padded(task.rows))

    def prepare(self, name: str, draw: int) -> None:
        """Nothing can be reused."""

    def run(self, name: str, draw: int, doses: tuple[float, ...]) -> Seconds:
        """One evaluation: what it costs does not depend on the dose."""
        start = time.perf_counter()
        model, case = copy.deepcopy(self._model), CASES[name]
        for site in select_sites(model, case.lesion.layers, SIX_MATRICES):
            case.pruned(site.module, doses[len(doses) // 2])
        logits(model, self._inputs)
        return [time.perf_counter() - start] * len(doses)


class Fast:
    """A process that works as Lesion does."""

    def __init__(self, model: nn.Module, task: made.Rows) -> None:
        self._model, self._score = model, Scorer(model, made.Tokenizer(), task)
        self._task = task

    def prepare(self, name: str, draw: int) -> None:
        """Compute what is kept for a lesion: done once for all draws and doses of a study."""
        if CASES[name].lesion.layers != "all":
            with CASES[name].lesion.opened(self._model, draw) as wound:
                for dose in (0.1, 0.2):
                    wound.deepen(dose)
                    self._score()

    def run(self, name: str, draw: int, doses: tuple[float, ...]) -> Seconds:
        """A draw, from opening the lesion, in the first trial, to healing it, in all alike."""
        times = [time.perf_counter()]
        with CASES[name].lesion.opened(self._model, draw) as wound:
            for dose in doses:
                wound.deepen(dose)
                self._score()
                times.append(time.perf_counter())
        healing = (time.perf_counter() - times[-1]) / len(doses)
        return [end - start + healing for start, end in pairwise(times)]

    def difference(self, name: str, dose: float) -> float:
        """The largest difference of a logit from the usual forward of the same damaged model."""
        with CASES[name].lesion.applied(self._model, dose):
            plain = logits(self._model, list(padded(self._task.rows[:BATCH])))
            return float(np.abs(self._score()[:BATCH] - plain).max())


def padded(rows: list[made.Row]) -> Iterator[dict[str, torch.Tensor]]:
    """Batches as a tokenizer gives them with padding="max_length"."""
    for start in range(0, len(rows), BATCH):
        longest: made.Row = {key: [0] * LENGTH for key in rows[0]}
        batch = collate([*rows[start : start + BATCH], longest], made.Tokenizer(), None, CPU)
        yield {key: tensor[:-1] for key, tensor in batch.items()}


CPU = torch.device("cpu")


@torch.no_grad()
def logits(model: nn.Module, batches: list[dict[str, torch.Tensor]]) -> np.ndarray:
    return torch.cat([model(**batch).logits for batch in batches]).numpy()


def peak() -> float:
    """GB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def serve(pipe: Connection, way: type, threads: int | None, examples: int, data: Any) -> None:
    """A process: answers calls of a method by name until None comes."""
    if threads:
        torch.set_num_threads(threads)
    worker = way(made.bert_base(), made.mrpc(examples, data))
    worker.peak = peak
    pipe.send("ready")
    with suppress(EOFError):  # stopped early
        while (call := pipe.recv()) is not None:
            method, *arguments = call
            pipe.send(getattr(worker, method)(*arguments))


class Crew:
    """Processes of one way, all doing the same thing at the same time."""

    def __init__(self, way: type, threads: int | None, count: int, *rest: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes = []
        for _ in range(count):
            mine, its = context.Pipe()
            context.Process(target=serve, args=(its, way, threads, *rest), daemon=True).start()
            self._pipes.append(mine)
        for pipe in self._pipes:
            pipe.recv()

    def call(self, *calls: tuple) -> list[Any]:
        """The answers to a call of each process, or to one call of all."""
        calls = calls if len(calls) > 1 else calls * len(self._pipes)
        for call, pipe in zip(calls, self._pipes, strict=True):
            pipe.send(call)
        return [pipe.recv() for pipe in self._pipes]

    def rate(self, name: str, doses: tuple[float, ...], number: int) -> Rate:
        """Of all processes together, each on a draw of its own."""
        count = len(self._pipes)
        taken = self.call(*(("run", name, number * count + one, doses) for one in range(count)))
        partial = [times[:-1] for times in taken]
        return Rate(*(count * len(times[0]) / max(map(sum, times)) for times in (taken, partial)))

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)


@contextmanager
def crews(examples: int, data: Path | None) -> Iterator[dict[str, Crew]]:
    """The three ways; whoever is not asked sleeps."""
    made_of = {"a": (Usual, None, 1), "b": (Fast, 1, CORES), "c": (Usual, 1, CORES)}
    found = {name: Crew(*of, examples, data) for name, of in made_of.items()}
    try:
        yield found
    finally:
        for crew in found.values():
            crew.close()


def compare(crew: dict[str, Crew], names: list[str], doses: tuple, rounds: int) -> None:
    """Rounds of all cases, then the table."""
    rates: dict[str, list[list[Rate]]] = {name: [] for name in names}
    for draw in range(rounds):
        for name in names:
            crew["b"].call(("prepare", name, draw))
            found = [crew[way].rate(name, doses, draw) for way in "abc"]
            rates[name].append(found)
            shown = ", ".join(f"({way}) {r.whole:.4f}" for way, r in zip("abc", found, strict=True))
            print(f"round {draw + 1}, {name}: {shown} trials/s", flush=True)
    print(
        f"\n{'':31} (a)/s    (b)/s    (c)/s   b/a (spread)          target  without dose 1  b/c"
        "    max |d logit|"
    )
    for name in names:
        table, case = np.array(rates[name]), CASES[name]  # rounds, ways, rates
        a, b, c = np.median(table[:, :, 0], axis=0)
        ratios, partial = (case.asked * table[:, 1] / table[:, 0]).T
        apart = max(crew["b"].call(("difference", name, doses[0])))
        spread = f"({ratios.min():.1f} to {ratios.max():.1f})"
        print(
            f"{name:30} {a:7.4f} {b:8.4f} {c:8.4f}   {np.median(ratios):6.1f} {spread:16} "
            f">= {case.target:3.0f}   {np.median(partial):12.1f}  {case.asked * b / c:6.1f}   "
            f"{apart:.1e}"
        )
    for way, text in (("a", "usual"), ("b", "Lesion"), ("c", "usual, one thread each")):
        held = sum(crew[way].call(("peak",)))
        print(f"peak memory ({way}) {text}: {held:.2f} GB, summed over its processes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few examples and doses, one round")
    parser.add_argument("--data", type=Path, help="folder with GLUE's MRPC")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--examples", type=int)
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    options = parser.parse_args()
    examples, rounds = (32, 1) if options.quick else (408, 3)
    doses = (0.5, 1.0) if options.quick else tuple(n / 10 for n in range(1, 11))
    with crews(options.examples or examples, options.data) as crew:
        compare(crew, options.case, doses, options.rounds or rounds)


if __name__ == "__main__":
    main()

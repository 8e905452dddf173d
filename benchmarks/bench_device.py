"""Many evaluations of BERT-base on MRPC on one device, and how near they come to its own rate.

Prints the time of 20 doses of each draw of neurons at random in all layers (75 draws make 1,500
evaluations), apart for ordering and damage and for the forward pass, and the most memory taken on a
GPU. Then, for a few evaluations of weights at random, of which no unit can be left out: the time of
the matrix products over real tokens at the rate that the device reaches for the same shapes in the
same precision, measured in between, as a share of the forward pass. All are wall times, and the
device is waited for where one ends.

    python benchmarks/bench_device.py [--device cuda] [--precision bf16] [--evaluations 1500]
        [--data GLUE] [--quick]
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import made
import numpy as np
import torch

from lesion.damage.lesion import Lesion
from lesion.models.dtypes import PRECISIONS
from lesion.scoring.device import precision_context, single_thread
from lesion.scoring.scorer import Scorer

DOSES = tuple(n / 20 for n in range(1, 21))
WEIGHTS = (0.25, 0.5, 0.75)
FLOPS = {"cpu": 2e9, "cuda": 2e13}  # spent on measuring a rate: tens of milliseconds


class Place(NamedTuple):
    """A device, and how exactly it computes."""

    device: torch.device
    precision: str

    def seconds(self, work: Callable[[], object]) -> float:
        return made.device_seconds(self.device, work)

    def forward(self, scorer: Scorer) -> float:
        with precision_context(self.precision, self.device):
            return self.seconds(scorer)

    def ideal(self, needed: list[made.Product]) -> float:
        """Seconds of some products at the rate of the device."""
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        with precision_context(self.precision, self.device):
            flops = FLOPS[self.device.type]
            return made.ideal(needed, self.seconds, flops, device=self.device, dtype=dtype)


def neurons(
    place: Place, scorer: Scorer, model: torch.nn.Module, evaluations: int
) -> tuple[float, float]:
    """Seconds of all evaluations, and of their forward passes."""
    forward: list[float] = []

    def work() -> None:
        for start in range(0, evaluations, len(DOSES)):
            with Lesion("neurons").opened(model, start // len(DOSES)) as wound:
                for dose in DOSES[: evaluations - start]:
                    wound.deepen(dose)
                    forward.append(place.forward(scorer))

    return place.seconds(work), sum(forward)


def weights(
    place: Place, scorer: Scorer, model: torch.nn.Module, rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of some forward passes, and of their products at the rate of the device."""
    needed = made.products(scorer, model)
    forward, limits = [], []
    for draw in range(rounds):
        with Lesion().opened(model, draw) as wound:
            for dose in WEIGHTS:
                wound.deepen(dose)
                limits.append(place.ideal(needed))
                forward.append(place.forward(scorer))
    return forward, limits


def report(place: Place, model: torch.nn.Module, task: made.Rows, counts: tuple[int, int]) -> None:
    """Measure and print.

    Args:
        counts: evaluations of neurons, and draws of weights.
    """
    scorer = Scorer(model.to(place.device), made.Tokenizer(), task)
    place.forward(scorer)  # what is set up but once
    whole, passed = neurons(place, scorer, model, counts[0])
    print(f"neurons at random, {counts[0]} evaluations: {whole:.1f} s", end="")
    print(f", each {whole / counts[0] * 1e3:.2f} ms:", end="")
    print(f" forward {passed / counts[0] * 1e3:.2f} ms", end="")
    print(f", ordering and damage {(whole - passed) / counts[0] * 1e3:.2f} ms", flush=True)
    forward, limits = weights(place, scorer, model, counts[1])
    flops = sum(product.flops for product in made.products(scorer, model))
    low, middle, high = np.quantile(np.divide(limits, forward), (0, 0.5, 1))
    rate = flops / float(np.median(limits)) / 1e12
    print(f"weights at random, {len(forward)} evaluations: forward ", end="")
    print(f"{np.median(forward) * 1e3:.2f} ms, {flops / 1e9:.0f} GFLOP in large products")
    print(f"  share of the device's rate ({rate:.3g} TFLOP/s)", end="")
    print(f"  {middle:.2f}  ({low:.2f} to {high:.2f})")
    if place.device.type == "cuda":
        print(f"peak memory {torch.cuda.max_memory_allocated(place.device) / 1e9:.2f} GB")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cuda = torch.cuda.is_available()
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--precision", choices=PRECISIONS, help="bf16 on CUDA, float32 on a CPU")
    parser.add_argument("--evaluations", type=int, help="1500 on CUDA, a draw of 20 on a CPU")
    parser.add_argument("--data", type=Path, help="folder with GLUE's MRPC")
    parser.add_argument("--quick", action="store_true", help="two layers and few examples")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    precision = options.precision or ("bf16" if device.type == "cuda" else "float32")
    usual = 1500 if device.type == "cuda" and not options.quick else len(DOSES)
    counts = options.evaluations or usual, 1 if options.quick else 2
    examples, changes = (8, {"num_hidden_layers": 2}) if options.quick else (408, {})
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "one thread of the CPU"
    print(
        f"BERT-base{' (2 layers)' if options.quick else ''}, {examples} examples of MRPC, ", end=""
    )
    print(f"{precision} on {name}", flush=True)
    with single_thread(device.type):
        model, task = made.bert_base(**changes), made.mrpc(examples, options.data)
        report(Place(device, precision), model, task, counts)


if __name__ == "__main__":
    main()

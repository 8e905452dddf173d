"""How near the engine comes to the machine's own rate of matrix multiplication, on one thread.

Prints, for BERT-base on MRPC and for a twin on 400 short sentences: the time that the matrix
products of the forward pass over real tokens would take at the rate that this machine reaches for
the same shapes, measured in between; the share of the engine's time that this is; and what a trial
costs beside the forward pass (ordering, damage, restoring). All are processor times of one thread.

    python benchmarks/limit.py [--quick] [--data GLUE]
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import made
import numpy as np
import torch
from torch import nn
from torch.nn.functional import linear

from lesion.damage.lesion import Lesion
from lesion.engine.forward import Scorer

FINE = tuple(n / 20 for n in range(1, 21))  # the article's
COARSE = (1 / 6, 1 / 2, 5 / 6)


class Product(NamedTuple):
    """Rows times a matrix, so many times."""

    rows: int
    inputs: int
    outputs: int
    total: int  # rows in all

    @property
    def flops(self) -> float:
        return 2.0 * self.total * self.inputs * self.outputs


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def products(scorer: Scorer, model: nn.Module) -> list[Product]:
    """The linear maps of the forward pass that the engine runs.

    Over all tokens in every layer but the last; there for each row once, which is left out here,
    as is attention: the share is that of the plain large products.
    """
    config = model.config
    width, inner = config.hidden_size, config.intermediate_size
    rows = [len(row["input_ids"]) for row in scorer._rows]
    tokens, batch = sum(rows), min(sum(rows), scorer._batch_tokens)
    layers = config.num_hidden_layers - 1
    return [
        Product(batch, width, width, 4 * tokens * layers),
        Product(batch, width, inner, tokens * layers),
        Product(batch, inner, width, tokens * layers),
    ]


def ideal(needed: list[Product]) -> float:
    """Seconds at the machine's rate."""
    total = 0.0
    for product in needed:
        states = torch.randn(product.rows, product.inputs)
        matrix = torch.randn(product.outputs, product.inputs)
        times = max(1, int(2e9 / (2.0 * product.rows * product.inputs * product.outputs)))
        linear(states, matrix)
        taken = seconds(lambda: [linear(states, matrix) for _ in range(times)])  # noqa: B023
        total += taken / times * product.total / product.rows
    return total


@torch.inference_mode()
def measure(
    name: str, model: nn.Module, task: made.Rows, doses: tuple[float, ...], rounds: int
) -> None:
    """A draw a round, and the machine's rate before each trial."""
    scorer = Scorer(model, made.Tokenizer(), task)
    needed = products(scorer, model)
    shares, beside, forward = [], [], []
    for draw in range(rounds):
        spent = 0.0
        start = time.process_time()
        with Lesion().opened(model, draw) as wound:
            spent += time.process_time() - start
            for dose in doses:
                spent += seconds(lambda dose=dose: wound.deepen(dose))
                limit, taken = ideal(needed), seconds(scorer)
                shares.append(limit / taken)
                forward.append(taken)
            start = time.process_time()
        beside.append((spent + time.process_time() - start) / len(doses))
    low, middle, high = np.quantile(shares, (0, 0.5, 1))
    flops = sum(product.flops for product in needed)
    rest, whole = float(np.median(beside)), float(np.median(forward))
    print(f"{name}: {flops / 1e9:.0f} GFLOP a trial in large products")
    print(f"  share of the machine's rate  {middle:.2f}  ({low:.2f} to {high:.2f})")
    print(f"  forward pass {whole * 1e3:.1f} ms, beside it {rest * 1e3:.2f} ms a trial", end="")
    print(f" ({rest / (rest + whole):.1%})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few examples of MRPC, one round")
    parser.add_argument("--data", type=Path, help="folder with GLUE's MRPC")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rounds, examples = (1, 24) if options.quick else (3, 408)
    measure("twin, 400 short sentences", made.twin(), made.short_pairs(400), FINE[:-1], 3)
    task = made.mrpc(examples, options.data)
    measure(f"BERT-base, {examples} examples of MRPC", made.bert_base(), task, COARSE, rounds)


main()

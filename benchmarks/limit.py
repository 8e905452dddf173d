"""How near scoring comes to the machine's own rate of matrix multiplication, on one thread.

Prints, for BERT-base on MRPC and for a twin on 400 short sentences: the time that the matrix
products of the forward pass over real tokens would take at the rate that this machine reaches for
the same shapes, measured in between; that time as a share of the time of scoring; and what a trial
costs beside the forward pass (ordering, damage, restoring). All are processor times of one thread.

    python benchmarks/limit.py [--quick] [--data GLUE]
"""

import argparse
import time
from pathlib import Path

import made
import numpy as np
import torch
from made import cpu_seconds as seconds
from torch import nn

from lesion.damage.lesion import Lesion
from lesion.scoring.scorer import Scorer

FINE = tuple(n / 20 for n in range(1, 21))  # the article's
COARSE = (1 / 6, 1 / 2, 5 / 6)


@torch.inference_mode()
def measure(
    name: str, model: nn.Module, task: made.Rows, doses: tuple[float, ...], rounds: int
) -> None:
    """A draw a round, and the machine's rate before each trial."""
    scorer = Scorer(model, made.Tokenizer(), task)
    needed = made.products(scorer, model)
    shares, beside, forward = [], [], []
    for draw in range(rounds):
        spent = 0.0
        start = time.process_time()
        with Lesion().opened(model, draw) as wound:
            spent += time.process_time() - start
            for dose in doses:
                spent += seconds(lambda dose=dose: wound.deepen(dose))
                limit, taken = made.ideal(needed, seconds), seconds(scorer)
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

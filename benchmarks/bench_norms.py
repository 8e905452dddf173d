"""What it costs to measure the damage done, ‖ΔW‖/‖W‖, beside damage and scoring of a trial.

Prints, for a twin on 400 short sentences and for BERT-base on MRPC, the processor times of one
thread for a draw: opening, every dose with its restoring, the norms of every dose (the first also
takes those of the intact weights) and scoring; and the norms as a share of the trials.

    python benchmarks/bench_norms.py [--quick] [--data GLUE]
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

FINE = tuple(n / 20 for n in range(1, 20))
COARSE = (1 / 6, 1 / 2, 5 / 6)
LESIONS = (Lesion(), Lesion("neurons"), Lesion("bits", layers=0, parts="query"))


@torch.inference_mode()
def measure(
    name: str, model: nn.Module, task: made.Rows, doses: tuple[float, ...], rounds: int
) -> None:
    """Draws with their norms, and one trial's scoring a draw."""
    scorer = Scorer(model, made.Tokenizer(), task)
    scorer()
    print(f"{name}: {sum(tensor.numel() for tensor in model.parameters()) / 1e6:.1f} M parameters")
    for lesion in LESIONS:
        damage, norms, scoring = zip(
            *(draw(lesion, model, scorer, doses, number) for number in range(rounds)), strict=True
        )
        trial = np.median(damage) + np.median(scoring)
        extra = float(np.median(norms))
        print(
            f"  {lesion.label}: damage {np.median(damage) * 1e3:.2f} ms a trial, norms "
            f"{extra * 1e3:.2f} ms, scoring {np.median(scoring) * 1e3:.1f} ms: norms are "
            f"{extra / (trial + extra):.2%} of a trial",
            flush=True,
        )


def draw(
    lesion: Lesion, model: nn.Module, scorer: Scorer, doses: tuple[float, ...], number: int
) -> tuple[float, float, float]:
    """Seconds of damage, norms and scoring, each for a trial."""
    norms = scoring = 0.0
    start = time.process_time()
    with lesion.opened(model, number) as wound:
        for dose in doses:
            receipt = wound.deepen(dose)
            norms += seconds(receipt.measured)
            scoring += seconds(scorer)
    whole = time.process_time() - start
    return tuple(part / len(doses) for part in (whole - norms - scoring, norms, scoring))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few examples of MRPC, one round")
    parser.add_argument("--data", type=Path, help="folder with GLUE's MRPC")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rounds, examples = (1, 24) if options.quick else (3, 408)
    measure("twin, 400 short sentences", made.twin(), made.short_pairs(400), FINE, 3)
    task = made.mrpc(examples, options.data)
    measure(f"BERT-base, {examples} examples of MRPC", made.bert_base(), task, COARSE, rounds)


main()

"""How many tokens a batch should have on a CPU, for the fast forward and for models' own.

Prints the processor time of scoring with each size as a ratio to that with the default
(`BATCH_TOKENS`): above 1 is slower. All take turns in one process on one thread, on weights
damaged anew in every round. Workers share what is past a core's own cache: run one process a core
to see what they see.

    python benchmarks/bench_batches.py [--rounds 7] [--data GLUE]
"""

import argparse
from pathlib import Path

import made
import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from lesion.damage.lesion import Lesion
from lesion.scoring.scorer import BATCH_TOKENS, Scorer

SIZES = (256, 512, BATCH_TOKENS, 2048, 4096)


def measure(
    name: str, model: torch.nn.Module, task: made.Rows, rounds: int, fast: bool = False
) -> None:
    """A line for the fast forward, or for the model's own."""
    scorers = [Scorer(model, made.Tokenizer(), task, size, fast) for size in SIZES]
    times = np.empty((rounds, len(SIZES)))
    for number in range(rounds):
        with Lesion().applied(model, 0.5, number):
            for turn in range(len(SIZES)):
                place = (turn + number) % len(SIZES)
                times[number, place] = made.cpu_seconds(scorers[place])
    ratios = times / times[:, [SIZES.index(BATCH_TOKENS)]]
    shown = zip(SIZES, np.median(ratios, axis=0), strict=True)
    way = "fast" if fast else "its own"
    print(f"{name}, {way} forward:", ", ".join(f"{size} {ratio:.2f}" for size, ratio in shown))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", type=Path, help="folder with GLUE's MRPC")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("time of a pass by tokens of a batch")
    rounds, rows = options.rounds, made.mrpc(128, options.data)
    base, twin = made.bert_base(num_hidden_layers=4), made.twin()
    gpt2 = GPT2LMHeadModel(GPT2Config(n_layer=3)).eval()
    words = [{"input_ids": row["input_ids"], "positions": [3]} for row in rows.rows]
    for fast in (True, False):
        measure("twin", twin, made.short_pairs(400), 3 * rounds, fast)
        measure("BERT-base (4 layers)", base, rows, rounds, fast)
    measure("GPT-2 (3 layers), all words", gpt2, made.Rows(words, "lm"), rounds)


if __name__ == "__main__":
    main()

"""A step of pretraining: the written-out forward pass against Hugging Face's own, taking turns.

    python benchmarks/bench_pretraining.py

The shape of the built-in twins, 16 sequences of 64 tokens, 20% masked; one thread; forward and
backward. Prints the milliseconds of both and their ratio with its spread over rounds.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from lesion.keys import generator, random_uint32
from lesion.pretraining import corpus
from lesion.pretraining.family import Pretraining
from lesion.pretraining.forward import masked_logits
from lesion.pretraining.initial import initial_model

ROUNDS, STEPS = 7, 12


def main() -> None:
    """Time both, and print."""
    torch.set_num_threads(1)
    config = Pretraining(
        groups={"one": ("en",)}, files={"en": {"train": "-", "valid": "-"}},
        vocabulary=8192, initialisation="plain",
    )  # fmt: skip
    rows = generator(0, "rows").integers(5, config.vocabulary, (config.batch, 62), dtype=np.uint16)
    framed = corpus.with_special_tokens(rows)
    draw = random_uint32(framed.size, 0, "mask").reshape(framed.shape)
    batch = corpus.mask(framed, draw, round(0.2 * 62))
    model = initial_model(config, 0, rows)

    def own() -> torch.Tensor:
        states = model.bert(input_ids=batch.ids).last_hidden_state
        return model.cls(states.flatten(0, 1)[batch.positions])

    ways: dict[str, Callable[[], torch.Tensor]] = {
        "Hugging Face": own,
        "written out": lambda: masked_logits(model, batch),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        timed(way, batch.targets)  # warm
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(timed(way, batch.targets))
    for name, found in times.items():
        print(f"{name:13} {1000 * float(np.median(found)):6.1f} ms a step")
    ratio = np.array(times["Hugging Face"]) / np.array(times["written out"])
    print(f"ratio {np.median(ratio):.2f} ({ratio.min():.2f}-{ratio.max():.2f})")


def timed(way: Callable[[], torch.Tensor], answers: torch.Tensor) -> float:
    """Seconds of a forward and backward pass."""
    start = time.perf_counter()
    for _ in range(STEPS):
        functional.cross_entropy(way(), answers).backward()
    return (time.perf_counter() - start) / STEPS


if __name__ == "__main__":
    main()

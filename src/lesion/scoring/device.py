"""Where a model computes, and with which precision its products of matrices are made.

Its weights are float32 or, with `--load-dtype stored`, as its checkpoint stores them; nothing here
changes them. Units are destroyed in these weights. Bits are damaged in the format of the checkpoint
or of the lesion (`lesion.damage.formats`), and what that number then is, is written to the weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lesion.errors import LesionError


@contextmanager
def computing(precision: str, device: torch.device | str) -> Iterator[None]:
    """Score with a precision of `lesion.models.dtypes.PRECISIONS` while open.

    Fine-tuning and gradients are not meant to run in here: what is cached and what is ordered do
    not depend on how scores are computed. Nor is damage: for bf16, torch keeps the weights that it
    has cast until this is left, however they change. Open it for each score.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        kind = torch.device(device).type
        with torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16"):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def check_precision(precision: str, device: str) -> None:
    """Refuse what a device does not have.

    Raises:
        LesionError: for tf32 on anything but a CUDA device.
    """
    if precision == "tf32" and torch.device(device).type != "cuda":
        raise LesionError(
            f"--precision: tf32 is a mode of CUDA devices. Got --device {device}; "
            "choose float32 or bf16, or --device cuda."
        )


@contextmanager
def one_thread(device: str) -> Iterator[None]:
    """Hold torch to one thread on the CPU, and give the caller's number back.

    On a shared machine two threads of one process wait for each other (measured up to ten times
    slower), and scores must not depend on how many there are.
    """
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

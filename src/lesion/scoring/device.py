"""The precision of matrix products, and the threads of a process.

Weights are float32 or, with `--load-dtype stored`, in the format of the checkpoint; the precision
does not change them. Units are destroyed in these weights. Bits are damaged in the format of the
checkpoint or of the lesion (`lesion.damage.formats`), and the resulting number is written to the
weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lesion.errors import LesionError


@contextmanager
def precision_context(precision: str, device: torch.device | str) -> Iterator[None]:
    """Score with a precision of `lesion.models.dtypes.PRECISIONS` while open.

    Fine-tuning and gradients must not run inside: cached heads and orderings do not depend on the
    precision of scores. Nor must damage: for bf16, torch keeps the weights that it has cast until
    the context is left, even if they change. Open it for each score.
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
    """Refuse a precision that a device does not have.

    Raises:
        LesionError: for tf32 on anything but a CUDA device.
    """
    if precision == "tf32" and torch.device(device).type != "cuda":
        raise LesionError(
            f"--precision: tf32 is a mode of CUDA devices. Got --device {device}; "
            "choose float32 or bf16, or --device cuda."
        )


@contextmanager
def single_thread(device: str) -> Iterator[None]:
    """Limit torch to one thread on the CPU while open.

    On a shared machine two threads of one process wait for each other (up to ten times slower, as
    measured), and scores must not depend on the number of threads.
    """
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

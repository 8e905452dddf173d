"""Where a model may be computed: the devices that torch has here."""

import torch

from lesion.errors import LesionError


def check_device(device: str) -> str:
    """`cpu`, `cuda`, `cuda:1` or `mps`, if it is there.

    Raises:
        LesionError: if it is not.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        there = "cpu or cuda" if torch.cuda.is_available() else "cpu"
        meant = " A GPU is called cuda." if str(device).lower().startswith("gpu") else ""
        raise LesionError(
            f"--device: {device!r} is not available here.{meant} Use {there}."
        ) from None
    return device

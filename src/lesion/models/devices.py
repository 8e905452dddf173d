"""The devices on which a model can be computed."""

import torch

from lesion.errors import LesionError


def check_device(device: str) -> str:
    """`cpu`, `cuda`, `cuda:1` or `mps`, if torch has it on this machine.

    Raises:
        LesionError: if it has not.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        available = "cpu or cuda" if torch.cuda.is_available() else "cpu"
        meant = " A GPU is called cuda." if str(device).lower().startswith("gpu") else ""
        raise LesionError(
            f"--device: {device!r} is not available here.{meant} Use {available}."
        ) from None
    return device
